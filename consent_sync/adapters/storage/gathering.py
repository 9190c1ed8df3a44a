"""Stored events by person, in bounded memory: sorted on the disk, beside the database.

What is sorted are hashes and numbers, in a file that has no name and is gone when it is closed.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Final

import apsw
import orjson

from consent_sync.adapters.storage.connect import explain
from consent_sync.adapters.storage.keys import person_key
from consent_sync.adapters.storage.reader import open_reader
from consent_sync.domain.errors import StoreError
from consent_sync.domain.identity import Subject
from consent_sync.domain.ledger import LedgerRecord
from consent_sync.domain.moments import Micros
from consent_sync.domain.state import PersonState
from consent_sync.ports.store import StoredEvent

_PAGE: Final = 500
_CACHE_KIB: Final = 2_048

_TABLE: Final = "CREATE TABLE named (key BLOB NOT NULL, event INTEGER NOT NULL)"
_INSERT: Final = "INSERT INTO named SELECT unhex(value ->> 0), value ->> 1 FROM json_each(?)"
_LOGGED: Final = "CREATE TABLE logged (key BLOB PRIMARY KEY, person INTEGER) WITHOUT ROWID"
_NOTE: Final = "INSERT OR IGNORE INTO logged VALUES (?, ?)"
_FIND: Final = "SELECT person FROM logged WHERE key = ?"
_SORTED: Final = "SELECT key, event FROM named ORDER BY key, event"


class Gathering:
    """Looks through stored events, then hands them out person by person; used by one thread.

    Methods raise StoreError.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        # A file that nobody owned when it was opened is read as if it never changed.
        self._alone = not self._log.exists()
        self._reader = open_reader(path)
        self._scratch = apsw.Connection("")
        for pragma in ("journal_mode = OFF", "temp_store = FILE", f"cache_size = -{_CACHE_KIB}"):
            self._scratch.execute(f"PRAGMA {pragma}").fetchall()
        self._scratch.execute(_TABLE).fetchall()
        self._scratch.execute(_LOGGED).fetchall()
        self._copy_log()

    def close(self) -> None:
        """Let go of both files."""
        self._reader.close()
        self._scratch.close()

    def person(self, subject: Subject) -> PersonState | None:
        """Return what is known about a person, None for nobody."""
        with self.explained():
            number = self._number(subject)
            return None if number is None else self._reader.state_of(number)

    def timeline(self, subject: Subject, limit: int) -> list[LedgerRecord]:
        """Return the newest records of a person, newest first."""
        with self.explained():
            number = self._number(subject)
            return [] if number is None else self._reader.records_of(number, limit)

    def find_profile(self, mapping: str, profile_id: str) -> str | None:
        """Return the person key of an Actito profile."""
        with self.explained():
            return self._reader.find_profile(mapping, profile_id)

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn the database's errors into StoreError; notice a server that started meanwhile."""
        try:
            yield
        except apsw.Error as error:
            if self._alone and self._log.exists():
                raise _started() from error
            raise explain(error, self._path) from error
        if self._alone and self._log.exists():
            raise _started()

    def gather(self, since: Micros, keys: Callable[[StoredEvent], Iterable[bytes]]) -> int:
        """Note whom every event received since then is about; return how many were looked at."""
        count = 0
        with self.explained():
            number = self._reader.number_at(since)
        while True:
            with self.explained():
                page = self._reader.accepted_after(number, _PAGE)
                new = [event for event in page if event.received_at >= since]
                named = [(key.hex(), event.id) for event in new for key in keys(event)]
                if named:
                    self._scratch.execute(_INSERT, (orjson.dumps(named).decode(),)).fetchall()
            count += len(new)
            if not page:
                return count
            number = page[-1].id

    def groups(self) -> Iterator[tuple[bytes, Iterator[int]]]:
        """Yield each key with the numbers of its events, which are to be taken before the next."""
        rows = self._scratch.execute(_SORTED)
        for key, group in groupby(rows, itemgetter(0)):
            yield bytes(key), (int(number) for _, number in group)

    def events(self, numbers: list[int]) -> list[StoredEvent]:
        """Return these events, oldest first."""
        with self.explained():
            return self._reader.events_by_numbers(numbers)

    def _copy_log(self) -> None:
        """Note the newest persons by their hashes: the log itself cannot be looked up in."""
        number = 0
        with self.explained():
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
