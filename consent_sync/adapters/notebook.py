"""A notebook in a small SQLite file of its own, beside the database; it may name people."""

import asyncio
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar

import apsw

from consent_sync.domain.errors import StoreError

Result = TypeVar("Result")

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS progress (one INTEGER PRIMARY KEY CHECK (one = 1), text TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS seen (key BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS found (id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, text TEXT NOT NULL);
"""
_CACHE_KIB: Final = 4_096
_PRIVATE: Final = 0o600


class SqliteNotebook:
    """Keeps the promises of ports.notebook.Notebook in one file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = asyncio.Lock()
        self._connection: apsw.Connection | None = None
        # A call that was cancelled goes on in its thread; the file is not closed under it.
        self._busy = threading.Lock()

    async def read(self) -> str | None:
        """Return what was noted last."""
        rows = await self._run(
            lambda one: list(one.execute("SELECT text FROM progress")), make=False
        )
        return str(rows[0][0]) if rows else None

    async def note(
        self,
        progress: str,
        *,
        seen: Sequence[bytes] = (),
        found: Sequence[tuple[bytes, str]] = (),
    ) -> None:
        """Keep how far it is, whom it has seen, and what it has found; one finding per key."""

        def write(one: apsw.Connection) -> None:
            with one:
                one.execute("INSERT OR REPLACE INTO progress VALUES (1, ?)", (progress,))
                one.executemany("INSERT OR IGNORE INTO seen VALUES (?)", [(key,) for key in seen])
                one.executemany("INSERT OR IGNORE INTO found (key, text) VALUES (?, ?)", found)

        await self._run(write)

    async def unseen(self, keys: Sequence[bytes]) -> frozenset[bytes]:
        """Return those of these keys that were not noted as seen."""

        def look(one: apsw.Connection) -> frozenset[bytes]:
            sql = "SELECT 1 FROM seen WHERE key = ?"
            return frozenset(key for key in keys if one.execute(sql, (key,)).fetchone() is None)

        return await self._run(look) or frozenset()

    async def found(self, after: int, limit: int) -> Sequence[tuple[int, str]]:
        """Return findings with numbers above `after`, in the order they were found."""
        sql = "SELECT id, text FROM found WHERE id > ? ORDER BY id LIMIT ?"
        rows = await self._run(lambda one: list(one.execute(sql, (after, limit))), make=False)
        return [(int(number), str(text)) for number, text in rows or ()]

    async def clear(self) -> None:
        """Forget everything."""
        async with self._lock:
            self.close()
            for suffix in ("", "-wal", "-shm", "-journal"):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the file; the next call opens it again."""
        with self._busy:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()

    async def _run(
        self, work: Callable[[apsw.Connection], Result], *, make: bool = True
    ) -> Result | None:
        async with self._lock:
            return await asyncio.to_thread(self._work, work, make)

    def _work(self, work: Callable[[apsw.Connection], Result], make: bool) -> Result | None:
        with self._busy:
            try:
                if self._connection is None:
                    if not make and not self._path.exists():
                        return None
                    self._connection = _open(self._path)
                return work(self._connection)
            except (apsw.Error, OSError) as error:
                what = getattr(error, "strerror", None) or type(error).__name__
                raise StoreError(f"{self._path} cannot be used: {what}") from error


def _open(path: Path) -> apsw.Connection:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, _PRIVATE))
    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(5_000)
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", f"cache_size = -{_CACHE_KIB}"):
        connection.execute(f"PRAGMA {pragma}").fetchall()
    connection.execute(_TABLES).fetchall()
    return connection
