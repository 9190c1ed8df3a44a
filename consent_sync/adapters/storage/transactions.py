"""SQLite transactions for the writer thread: begin, commit, and what happens between them."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import apsw

from consent_sync.adapters.storage.connect import explain
from consent_sync.adapters.storage.copying import Copying
from consent_sync.adapters.storage.counting import COMMITS
from consent_sync.adapters.storage.desk import Desk
from consent_sync.adapters.storage.group_commit import EnvironmentStoreError
from consent_sync.domain.errors import StoreError

# About 16 MiB: long enough that a page changed often is copied once, short enough to copy fast.
CHECKPOINT_PAGES: Final = 2_000
# When copying falls so far behind the commits, they wait for it: the WAL file stays bounded.
MOST_PAGES: Final = 8 * CHECKPOINT_PAGES

_ENVIRONMENT: Final = (
    apsw.FullError,
    apsw.IOError,
    apsw.ReadOnlyError,
    apsw.CantOpenError,
    apsw.CorruptError,
    apsw.BusyError,
)


class SqliteTransactions:
    """One connection that writes; used by the writer thread alone.

    With `copying` most of the WAL file is copied beside the commits, else between them.
    """

    def __init__(
        self, connection: apsw.Connection, desk: Desk, path: Path, copying: Copying | None = None
    ) -> None:
        self._connection = connection
        self._desk = desk
        self._path = path
        self._copying = copying
        self._wal_pages = 0
        connection.set_wal_hook(self._note_wal)

    def begin(self) -> None:
        """Start a transaction; raise StoreError when the database cannot."""
        with self.explained():
            self._connection.execute("BEGIN IMMEDIATE")

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn the database's errors into StoreError."""
        try:
            yield
        except apsw.Error as error:
            raise self._explained(error) from error

    def commit(self) -> None:
        """Make the transaction durable; on StoreError nothing of it was kept."""
        with self.explained():
            number = self._desk.finish()
        try:
            self._connection.execute("COMMIT")
        except apsw.Error as error:
            if not self._landed(number):
                raise self._explained(error) from error
        self._desk.committed()

    def rollback(self) -> None:
        """Forget the transaction; does nothing when there is none."""
        self._desk.rolled_back()
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except apsw.Error:
            # The next begin fails with the reason, and is reported to those who wait then.
            return

    def tend(self, *, idle: bool) -> None:
        """Copy the WAL file into the database when it has grown, or when there is time."""
        pages = self._wal_pages
        if pages < (1 if idle else CHECKPOINT_PAGES):
            return
        if self._copying is not None and not self._copying.done(patient=pages >= MOST_PAGES):
            return
        try:
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except apsw.Error:
            # Nothing is lost: what is in the WAL file stays there until a checkpoint works.
            return
        self._wal_pages = 0

    def leave(self) -> None:
        """Copy everything into the database and close the connections."""
        if self._copying is not None:
            self._copying.leave()
        # Somebody who looks at the file from outside is waited for, but not for long.
        self._connection.set_busy_timeout(500)
        # Where it fails, the WAL file keeps everything, and the next start reads it from there.
        with suppress(apsw.Error):
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        self._connection.close()

    def _note_wal(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        self._wal_pages = pages
        return apsw.SQLITE_OK

    def _landed(self, number: int) -> bool:
        """Whether a commit that reported an error took place all the same."""
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            row = self._connection.execute(
                "SELECT value FROM tally WHERE name = ?", (COMMITS,)
            ).fetchone()
        except apsw.Error:
            return False
        return row == (number,)

    def _explained(self, error: apsw.Error) -> StoreError:
        text = str(explain(error, self._path))
        return EnvironmentStoreError(text) if isinstance(error, _ENVIRONMENT) else StoreError(text)
