"""A long look into a SQLite file that another process may own, in short transactions."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import apsw

from consent_sync.adapters.storage.connect import explain
from consent_sync.adapters.storage.keys import person_key
from consent_sync.adapters.storage.reader import open_reader
from consent_sync.adapters.storage.sorting import scratch
from consent_sync.domain.errors import StoreError
from consent_sync.domain.identity import Subject
from consent_sync.domain.ledger import LedgerRecord
from consent_sync.domain.moments import Micros
from consent_sync.domain.state import PersonState
from consent_sync.ports.store import StoredEvent

_PAGE: Final = 500

_LOGGED: Final = "CREATE TABLE logged (key BLOB PRIMARY KEY, person INTEGER) WITHOUT ROWID"
_NOTE: Final = "INSERT OR IGNORE INTO logged VALUES (?, ?)"
_FIND: Final = "SELECT person FROM logged WHERE key = ?"


class SqlitePast:
    """Keeps the promises of `Past`; used by one thread, which it makes wait for the disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        # A file that nobody owned when it was opened is read as if it never changed.
        self._alone = not self._log.exists()
        self._reader = open_reader(path)
        self._scratch = scratch()
        self._scratch.execute(_LOGGED).fetchall()
        self._copy_log()

    async def close(self) -> None:
        """Let go of the database."""
        self._reader.close()
        self._scratch.close()

    async def pages(self, since: Micros) -> AsyncIterator[Sequence[StoredEvent]]:
        """Yield every accepted event received since then, in pages."""
        with self._explained():
            number = self._reader.number_at(since)
        while True:
            with self._explained():
                page = self._reader.accepted_after(number, _PAGE)
            if not page:
                return
            yield [event for event in page if event.received_at >= since]
            number = page[-1].id

    async def events_by_numbers(self, numbers: Sequence[int]) -> Sequence[StoredEvent]:
        """Return these events, oldest first."""
        with self._explained():
            return self._reader.events_by_numbers(numbers)

    async def person(self, subject: Subject) -> PersonState | None:
        """Return what is known about a person, None for nobody."""
        with self._explained():
            number = self._number(subject)
            return None if number is None else self._reader.state_of(number)

    async def timeline(self, subject: Subject, limit: int) -> Sequence[LedgerRecord]:
        """Return the newest records of a person, newest first."""
        with self._explained():
            number = self._number(subject)
            return [] if number is None else self._reader.records_of(number, limit)

    async def find_profile(self, mapping: str, profile_id: str) -> str | None:
        """Return the person key of an Actito profile."""
        with self._explained():
            return self._reader.find_profile(mapping, profile_id)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn the database's errors into StoreError; notice a server that started meanwhile."""
        try:
            yield
        except apsw.Error as error:
            if self._alone and self._log.exists():
                raise _started() from error
            raise explain(error, self._path) from error
        if self._alone and self._log.exists():
            raise _started()

    def _copy_log(self) -> None:
        """Note the newest persons by their hashes: the log itself cannot be looked up in."""
        number = 0
        with self._explained():
            while page := self._reader.logged_persons(number, _PAGE):
                self._scratch.executemany(_NOTE, [(key, one) for one, key in page])
                number = page[-1][0]

    def _number(self, subject: Subject) -> int | None:
        key = person_key(subject)
        number = self._reader.kept_number(key)
        if number is None:
            found = self._scratch.execute(_FIND, (key,)).fetchone()
            number = int(found[0]) if found else None
        return number

    @property
    def _log(self) -> Path:
        return self._path.with_name(self._path.name + "-wal")


def _started() -> StoreError:
    return StoreError("a server took the database meanwhile; run the command again")
