"""Opening SQLite as the store needs it."""

from pathlib import Path
from typing import Final

import apsw

from consent_sync.domain.errors import StoreError

# The registered mark of our files ("CSYN"), so that another program's database is not taken over.
APPLICATION_ID: Final = 0x4353594E

_PAGE_SIZE: Final = 8192


def has_wal_reset_bug(version: tuple[int, int, int]) -> bool:
    """Whether this SQLite can lose committed transactions when it starts its WAL file anew.

    Affected: 3.7.0 to 3.51.2, except 3.50.7 and later of 3.50, and 3.44.6 and later of 3.44.
    Source: SQLite, "Write-Ahead Logging", "The WAL-reset bug".
    """
    major, minor, patch = version
    if (major, minor) in {(3, 44), (3, 50)}:
        return patch < {44: 6, 50: 7}[minor]
    return (3, 7, 0) <= version <= (3, 51, 2)


def library_version() -> tuple[int, int, int]:
    """Return the version of the SQLite library in use."""
    major, minor, patch = (int(part) for part in apsw.sqlite_lib_version().split(".")[:3])
    return major, minor, patch


def connect(path: Path, *, cache_kib: int, looking: bool = False) -> apsw.Connection:
    """Open the database; with `looking`, only for reading. Raises apsw.Error."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        connection.set_busy_timeout(5_000)
        _run(connection, f"PRAGMA cache_size = -{cache_kib}")
        _run(connection, "PRAGMA trusted_schema = OFF")
        _run(connection, "PRAGMA temp_store = MEMORY")
        if looking:
            _run(connection, "PRAGMA query_only = ON")
        else:
            _be_durable(connection, path)
    except apsw.Error:
        connection.close()
        raise
    return connection


def explain(error: apsw.Error, path: Path) -> StoreError:
    """Return what SQLite complains of as an error that says what to do."""
    advice: dict[type[apsw.Error], str] = {
        apsw.FullError: "the disk is full; make room, it goes on by itself",
        apsw.ReadOnlyError: "it cannot be written; check its permissions and the disk",
        apsw.CantOpenError: "it cannot be opened; check the permissions of file and folder",
        apsw.IOError: "the disk reports an error; check it",
        apsw.NotADBError: "it is not a SQLite database; name another file",
        apsw.CorruptError: "it is damaged; restore a backup",
        apsw.BusyError: "another program holds it; only consent-sync may use the file",
    }
    known = next((text for kind, text in advice.items() if isinstance(error, kind)), str(error))
    return StoreError(f"the database {path}: {known}")


def _be_durable(connection: apsw.Connection, path: Path) -> None:
    # Takes effect only while the file is empty.
    _run(connection, f"PRAGMA page_size = {_PAGE_SIZE}")
    mode = connection.execute("PRAGMA journal_mode = WAL").get
    if mode != "wal":
        raise StoreError(f"the database {path} cannot be used with a WAL file (found {mode})")
    _run(connection, "PRAGMA synchronous = FULL")
    # The writer checkpoints at its own moments, never inside somebody's commit.
    _run(connection, "PRAGMA wal_autocheckpoint = 0")
    _run(connection, f"PRAGMA journal_size_limit = {64 * 1024 * 1024}")


def _run(connection: apsw.Connection, statement: str) -> None:
    connection.execute(statement).fetchall()
