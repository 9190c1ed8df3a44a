"""Moves everything from a SQLite file to an empty PostgreSQL database, page by page."""

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final, TypeAlias

import apsw
import psycopg
from psycopg import sql

from consent_sync.adapters.storage import ownership
from consent_sync.adapters.storage.connect import connect, explain
from consent_sync.adapters.storage.counting import COMMITS
from consent_sync.adapters.storage.keys import person_key
from consent_sync.adapters.storage.migrate import migrate as migrate_file
from consent_sync.adapters.storage.moving_parts import PARTS, Part
from consent_sync.adapters.storage.postgres.errors import explained
from consent_sync.adapters.storage.postgres.migrate import TOMBSTONE_KEY, migrate
from consent_sync.adapters.storage.statements import migrations
from consent_sync.domain.errors import StoreError
from consent_sync.domain.identity import Subject

Progress: TypeAlias = Callable[[str, int], None]
"""Told after every page: the part, and how many rows of it have arrived."""

_Row: TypeAlias = tuple[Any, ...]
_Target: TypeAlias = psycopg.Connection[_Row]

_KEEP_KEY: Final = (
    "INSERT INTO consent_sync.key (name, value) VALUES (%s, %s)"
    " ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)
_BEGIN_AGAIN: Final = "empty it (DROP SCHEMA consent_sync CASCADE) and begin again"
_PAGE: Final = 2_000
_CACHE_KIB: Final = 16_384
_SEQUENCES: Final = {
    "event": "consent_sync.event_id",
    "item": "consent_sync.item_id",
    **{
        table: f"consent_sync.{table}_id_seq"
        for table in ("person", "ledger", "intent", "mapping_version")
    },
}


def move(file: Path, url: str, progress: Progress, keys: Mapping[str, bytes]) -> dict[str, int]:
    """Move everything and compare it; return the rows of each part, raise StoreError.

    What arrived stays when it is stopped: the same call goes on behind it, unless the file has
    been used since. The file is owned meanwhile and not changed but for its layout. `keys` come
    along, by their names: with others nobody would be known as erased.
    """
    if not file.is_file():
        raise StoreError(f"there is no database {file}")
    lock = ownership.take(file)
    try:
        source = connect(file, cache_kib=_CACHE_KIB)
        with closing(source), explained():
            source.create_scalar_function("person_key", _person_key, 2, deterministic=True)
            migrate_file(source, file, migrations())
            asyncio.run(migrate(url))
            with psycopg.connect(url, autocommit=True, prepare_threshold=None) as target:
                return _Move(source, target, progress, keys).run()
    except apsw.Error as error:
        raise explain(error, file) from error
    finally:
        ownership.let_go(lock)


class _Move:
    def __init__(
        self,
        source: apsw.Connection,
        target: _Target,
        progress: Progress,
        keys: Mapping[str, bytes],
    ) -> None:
        self._source = source
        self._target = target
        self._progress = progress
        self._keys = keys

    def run(self) -> dict[str, int]:
        done = self._begin()
        moved = {part.name: self._part(part) for part in PARTS}
        if not done:
            self._compare()
            self._finish()
        return moved

    def _begin(self) -> bool:
        """Return whether everything has arrived before; raise StoreError when it cannot begin."""
        [(erased,)] = self._source.execute("SELECT EXISTS (SELECT 1 FROM tombstone)").fetchall()
        if erased and TOMBSTONE_KEY not in self._keys:
            raise StoreError(
                "somebody was erased, and the key by which they are known is not beside the file: "
                "put the file that ends in .tombstone-key there, too"
            )
        [(commits,)] = self._source.execute(
            "SELECT coalesce((SELECT value FROM tally WHERE name = ?), 0)", (COMMITS,)
        ).fetchall()
        known = self._known("source")
        if known is None:
            self._refuse_used()
            self._note("source", str(commits), 0, 0)
        elif known[0] != str(commits):
            raise StoreError(
                "the file has been used since the move began; the database to move to has half "
                f"of it: {_BEGIN_AGAIN}"
            )
        return self._known("done") is not None

    def _refuse_used(self) -> None:
        """Raise StoreError when the database holds anything, if only what a short `serve` leaves."""
        for table in dict.fromkeys(part.table for part in PARTS):
            query = sql.SQL("SELECT EXISTS (SELECT FROM {})").format(_name(table))
            if self._target.execute(query).fetchone() != (False,):
                raise StoreError(
                    f"the database to move to is not empty (its table {table} is used); name an "
                    f"empty one, or, where nothing in it is needed, {_BEGIN_AGAIN}"
                )

    def _part(self, part: Part) -> int:
        last, rows, digest = self._known(part.name) or (_text(part.begin), 0, 0)
        while page := self._page(part, last):
            last, values = _text(page[-1][0]), [row[1:] for row in page]
            rows, digest = rows + len(page), _sum(digest, values)
            with self._target.transaction():
                self._copy(part, values)
                self._note(part.name, last, rows, digest)
            self._progress(part.name, rows)
        return rows

    def _page(self, part: Part, last: str) -> list[_Row]:
        after = _value(part.begin, last)
        return list(self._source.execute(part.source, (after, _PAGE)))

    def _copy(self, part: Part, rows: Iterable[_Row]) -> None:
        statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(
            _name(part.table), _columns(part)
        )
        with self._target.cursor() as cursor, cursor.copy(statement) as copy:
            copy.set_types(part.types)
            for row in rows:
                copy.write_row(row)

    def _compare(self) -> None:
        """Read back what arrived; raise StoreError naming the part that differs."""
        for table in dict.fromkeys(part.table for part in PARTS):
            parts = [part for part in PARTS if part.table == table]
            known = [self._known(part.name) or ("", 0, 0) for part in parts]
            sent = sum(rows for _, rows, _ in known), sum(d for _, _, d in known) % _MODULUS
            if sent != self._arrived(parts[0]):
                raise StoreError(
                    f"what arrived in the table {table} is not what was sent: somebody else wrote "
                    f"to the database; {_BEGIN_AGAIN}"
                )

    def _arrived(self, part: Part) -> tuple[int, int]:
        rows, digest = 0, 0
        query = sql.SQL("SELECT {} FROM {}").format(_columns(part), _name(part.table))
        with (
            self._target.transaction(),
            self._target.cursor("arrived", binary=True) as cursor,
        ):
            cursor.execute(query)
            while page := cursor.fetchmany(_PAGE):
                rows, digest = rows + len(page), _sum(digest, page)
        return rows, digest

    def _finish(self) -> None:
        with self._target.transaction():
            for table, sequence in _SEQUENCES.items():
                query = sql.SQL(
                    "SELECT setval({}, coalesce(max(id), 0) + 1, false) FROM {}"
                ).format(sql.Literal(sequence), _name(table))
                self._target.execute(query)
            # A `serve` that was refused meanwhile has made some of its own.
            for name, key in self._keys.items():
                self._target.execute(_KEEP_KEY, (name, key))
            self._note("done", "", 0, 0)
        self._target.execute("ANALYZE")

    def _known(self, part: str) -> tuple[str, int, int] | None:
        row = self._target.execute(
            "SELECT last, rows, digest FROM consent_sync.move WHERE part = %s", (part,)
        ).fetchone()
        return None if row is None else (row[0], row[1], int.from_bytes(row[2], "big"))

    def _note(self, part: str, last: str, rows: int, digest: int) -> None:
        self._target.execute(
            "INSERT INTO consent_sync.move (part, last, rows, digest) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT (part) DO UPDATE SET"
            " last = excluded.last, rows = excluded.rows, digest = excluded.digest",
            (part, last, rows, digest.to_bytes(16, "big")),
        )


_MODULUS: Final = 2**128


def _sum(digest: int, rows: Sequence[_Row]) -> int:
    """Add the hashes of rows: the same sum in whatever order they come."""
    for row in rows:
        digest += int.from_bytes(
            hashlib.blake2b(repr(tuple(row)).encode(), digest_size=16).digest(), "big"
        )
    return digest % _MODULUS


def _person_key(*names: Any) -> bytes:
    mapping, person = names
    return person_key(Subject(mapping, person))


def _name(table: str) -> sql.Identifier:
    return sql.Identifier("consent_sync", table)


def _columns(part: Part) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(column) for column in part.columns)


def _text(value: int | str | bytes) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def _value(like: int | str | bytes, text: str) -> int | str | bytes:
    if isinstance(like, bytes):
        return bytes.fromhex(text)
    return int(text) if isinstance(like, int) else text
