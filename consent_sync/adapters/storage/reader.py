"""A look into the database from beside the process that owns it: no lock, no write, no new file."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import quote

import apsw

from consent_sync.adapters.storage.connect import APPLICATION_ID, explain
from consent_sync.adapters.storage.reading import Reader
from consent_sync.adapters.storage.statements import migrations
from consent_sync.domain.errors import StoreError
from consent_sync.domain.identity import Side, Subject
from consent_sync.domain.ledger import LedgerRecord
from consent_sync.domain.moments import Micros
from consent_sync.domain.state import PersonState
from consent_sync.ports.board import Notice
from consent_sync.ports.graves import Grave
from consent_sync.ports.store import StoredEvent, StoredItem, StoreStatus
from consent_sync.ports.versions import MappingVersion

Result = TypeVar("Result")

_BUSY_MS: Final = 5_000
_LONG_LOOK_KIB: Final = 512


class SqliteReader:
    """The looking half of `Ledger` on a file that another process may own at the same time.

    Every method opens the file, looks and closes it, and raises StoreError when it cannot.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)

    async def person(self, subject: Subject) -> PersonState | None:
        """Return what is known about a person, None for nobody."""
        return await self._looking(lambda reader: reader.person(subject))

    async def states(self, subjects: Sequence[Subject]) -> dict[Subject, PersonState]:
        """Return what is known about each of these persons."""
        return await self._looking(lambda reader: reader.states(subjects))

    async def people(
        self, after: int, limit: int, *, failed: bool = False
    ) -> Sequence[tuple[int, Subject, PersonState]]:
        """Return persons with a state and a number above `after`."""
        return await self._looking(lambda reader: reader.people(after, limit, failed=failed))

    async def find_profile(self, mapping: str, profile_id: str) -> str | None:
        """Return the person key whose settled state names this Actito profile id, if any."""
        return await self._looking(lambda reader: reader.find_profile(mapping, profile_id))

    async def timeline(self, subject: Subject, limit: int) -> Sequence[LedgerRecord]:
        """Return the newest records of a person, newest first."""
        return await self._looking(lambda reader: reader.timeline(subject, limit))

    async def waiting(self, subject: Subject) -> Sequence[StoredItem]:
        """Return the items that wait for a person, oldest first."""
        return await self._looking(lambda reader: reader.waiting(subject))

    async def events(
        self, *, refused: bool, before: int | None, limit: int, source: Side | None = None
    ) -> Sequence[StoredEvent]:
        """Return accepted or refused events, newest first, with numbers below `before`."""
        return await self._looking(
            lambda reader: reader.events(refused=refused, before=before, limit=limit, source=source)
        )

    async def event(self, number: int) -> StoredEvent | None:
        """Return one event or refused request by its number."""
        return await self._looking(lambda reader: reader.event(number))

    async def recent(
        self, *, after: int, limit: int
    ) -> Sequence[tuple[int, Subject, LedgerRecord]]:
        """Return ledger records with numbers above `after`, oldest first."""
        return await self._looking(lambda reader: reader.recent(after, limit))

    async def newest_record(self) -> int:
        """Return the number of the newest ledger record, 0 when there is none."""
        return await self._looking(Reader.newest_record)

    async def status(self) -> StoreStatus:
        """Return the counts that operators look at."""
        return await self._looking(Reader.status)

    async def graves(self, marks: Sequence[bytes] | None = None) -> Sequence[Grave]:
        """Return these tombstones or all, lifted ones too, oldest first."""
        return await self._looking(lambda reader: reader.graves(marks))

    async def notice(self, name: str) -> Notice:
        """Return what is written on the board under a name."""
        return await self._looking(lambda reader: reader.notice(name))

    async def names(self, after: int, limit: int) -> Sequence[tuple[int, Subject]]:
        """Return everybody ever named with a number above `after`, an empty page at the end."""
        return await self._looking(lambda reader: reader.names(after, limit))

    async def versions_in_force(self) -> Sequence[MappingVersion]:
        """Return the newest version of every mapping that has not ended, by name."""
        return await self._looking(Reader.versions_in_force)

    async def versions(
        self, mapping: str | None, *, before: int | None, limit: int
    ) -> Sequence[MappingVersion]:
        """Return the versions of one mapping or of all, newest first, without their texts."""
        return await self._looking(lambda reader: reader.versions(mapping, before, limit))

    async def version(self, mapping: str, version: str) -> MappingVersion | None:
        """Return a version by its hash, the newest where it came back; None when there is none."""
        return await self._looking(lambda reader: reader.version(mapping, version))

    async def version_by_number(self, number: int) -> MappingVersion | None:
        """Return a version by its number, None when there is none."""
        return await self._looking(lambda reader: reader.version_by_number(number))

    async def replay(self, number: int, subjects: Sequence[Subject], received_at: Micros) -> None:
        """Raise StoreError: nothing is changed from here."""
        raise StoreError("this is a look from outside; only the owner of the database can replay")

    async def _looking(self, read: Callable[[Reader], Result]) -> Result:
        return await asyncio.to_thread(self._look, read)

    def _look(self, read: Callable[[Reader], Result]) -> Result:
        try:
            reader = Reader(_connect(self._path))
            try:
                return read(reader)
            finally:
                reader.close()
        except apsw.Error as error:
            raise explain(error, self._path) from error
        except UnicodeEncodeError as error:
            raise StoreError(f"this name cannot be looked up: {error.reason}") from error


def open_reader(path: Path) -> Reader:
    """Open the file for reading until it is closed; raises StoreError.

    Each call reads in a short transaction of its own, so that the owner is not held up.
    """
    try:
        connection = _connect(path)
        connection.execute(f"PRAGMA cache_size = -{_LONG_LOOK_KIB}").fetchall()
        return Reader(connection)
    except apsw.Error as error:
        raise explain(error, path) from error


def _connect(path: Path) -> apsw.Connection:
    """Open the file for reading; raises StoreError, apsw.Error."""
    if not path.is_file():
        raise StoreError(f"there is no database {path} yet; `consent-sync serve` makes it")
    connection = apsw.Connection(_address(path), flags=_FLAGS)
    try:
        connection.set_busy_timeout(_BUSY_MS)
        connection.execute("PRAGMA trusted_schema = OFF").fetchall()
        _check_layout(connection, path)
    except (apsw.Error, StoreError):
        connection.close()
        raise
    return connection


_FLAGS: Final = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI


def _address(path: Path) -> str:
    # While the owner runs its log is there and is read along. Without one nobody writes, and
    # `immutable` keeps SQLite from making the files beside the database that a reader would need.
    alone = not path.with_name(path.name + "-wal").exists()
    return f"file:{quote(str(path.absolute()))}?mode=ro" + ("&immutable=1" if alone else "")


def _check_layout(connection: apsw.Connection, path: Path) -> None:
    newest = migrations()[-1][0]
    found = connection.execute("PRAGMA user_version").get
    if connection.execute("PRAGMA application_id").get != APPLICATION_ID:
        raise StoreError(
            f"the database {path} is not one of consent-sync; "
            "name another file in CONSENT_SYNC_DATABASE_URL"
        )
    if found != newest:
        raise StoreError(
            f"the database {path} has layout {found}, this program reads {newest}: "
            "start `consent-sync serve` of the newer version once"
        )
