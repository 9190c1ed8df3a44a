"""The store in one SQLite file, owned by one process."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar

import apsw

from consent_sync.adapters.storage import ownership
from consent_sync.adapters.storage.codec import encode_record, encode_state, encode_writes
from consent_sync.adapters.storage.connect import (
    connect,
    explain,
    has_wal_reset_bug,
    library_version,
)
from consent_sync.adapters.storage.group_commit import GroupCommit
from consent_sync.adapters.storage.migrate import migrate
from consent_sync.adapters.storage.reading import Reader
from consent_sync.adapters.storage.statements import migrations
from consent_sync.adapters.storage.transactions import SqliteTransactions
from consent_sync.adapters.storage.turns import Dispatcher
from consent_sync.adapters.storage.writing import Desk
from consent_sync.domain.errors import AbsentError, StoreError
from consent_sync.domain.identity import Side, Subject
from consent_sync.domain.ledger import LedgerRecord, Write
from consent_sync.domain.moments import Micros
from consent_sync.domain.state import PersonState
from consent_sync.ports.clock import Clock
from consent_sync.ports.store import (
    NewEvent,
    RefusedRequest,
    Settlement,
    StoredEvent,
    StoredItem,
    StoreStatus,
    Turn,
)

Result = TypeVar("Result")

# What a job takes in the queue beside the bodies it carries.
_JOB_BYTES: Final = 500


class SqliteStore:
    """Keeps the promises of `Store` in one SQLite file.

    `queue_jobs` and `queue_bytes` bound what waits to be written; above them calls raise
    StoreError at once.
    """

    def __init__(
        self,
        path: str | Path,
        clock: Clock,
        *,
        queue_jobs: int = 10_000,
        queue_bytes: int = 64 * 1024 * 1024,
        write_cache_kib: int = 65_536,
        read_cache_kib: int = 16_384,
    ) -> None:
        self._path = Path(path)
        self._queue_bounds = (queue_jobs, queue_bytes)
        self._cache_kib = (write_cache_kib, read_cache_kib)
        self._dispatcher = Dispatcher(clock, self._for_turns)
        self._open: _Open | None = None

    # --- life ---

    async def open(self) -> None:
        """Take ownership of the file, make or update it, and start; raise StoreError."""
        if self._open is not None:
            raise StoreError("the store is already open")
        opened = await asyncio.to_thread(
            _open, self._path, self._cache_kib, self._dispatcher.lanes.taken
        )
        queue_jobs, queue_bytes = self._queue_bounds
        writer = GroupCommit(opened.transactions, queue_jobs=queue_jobs, queue_bytes=queue_bytes)
        opened.writer = writer
        writer.start()
        self._open = opened
        self._dispatcher.lanes.announced.update(opened.announced)
        self._dispatcher.lanes.given_back(opened.announced)

    async def close(self) -> None:
        """Write what was accepted, close the file and let go of it."""
        opened, self._open = self._open, None
        if opened is None:
            return
        if opened.writer is not None:
            await opened.writer.stop()
        await asyncio.to_thread(opened.close)

    async def check(self) -> None:
        """Commit an empty transaction and read; raise StoreError when that does not work."""
        await self._submit(lambda _desk: None, 0)
        await self._looking(Reader.status)

    # --- the door ---

    async def accept(self, events: Sequence[NewEvent]) -> Sequence[bool]:
        """Store all or none of these events; per event true if new."""
        size = sum(len(event.body) for event in events)
        new, _ = await self._submit(
            lambda desk: desk.accept(events),
            size,
            lambda result: self._dispatcher.arrived(result[1]),
        )
        return new

    async def refuse(self, request: RefusedRequest) -> int:
        """Keep a refused request and return its number."""
        return await self._submit(lambda desk: desk.refuse(request), len(request.body))

    # --- the work ---

    async def claim(self, limit: int) -> Sequence[Turn]:
        """Return up to `limit` turns that are due, oldest first."""
        return await self._dispatcher.claim(limit)

    async def wait(self, timeout_seconds: float) -> None:
        """Return when something may be due, at the latest after the timeout."""
        await self._dispatcher.wait(timeout_seconds)

    async def announce(self, subject: Subject, writes: Sequence[Write]) -> None:
        """Remember writes that are about to be sent, until the turn is settled."""
        person = self._dispatcher.claim_of(subject).person
        body = encode_writes(writes)
        self._dispatcher.lanes.announced.add(person)
        await self._submit(lambda desk: desk.announce(person, body), len(body))

    async def settle(self, settlement: Settlement) -> None:
        """Record the end of a turn; on StoreError the turn stays claimed."""
        claim = self._dispatcher.claim_of(settlement.subject)
        state = encode_state(settlement.state)
        record = encode_record(settlement.record) if settlement.record is not None else None
        await self._submit(
            lambda desk: desk.settle(claim, settlement, state, record),
            len(state) + len(record or b""),
            lambda result: self._dispatcher.settled(claim, *result),
        )

    async def release(self, subject: Subject) -> None:
        """Give an untouched turn back, due at once."""
        self._dispatcher.release(subject)

    # --- the looking ---

    async def person(self, subject: Subject) -> PersonState | None:
        """Return what is known about a person, None for nobody."""
        return await self._looking(lambda reader: reader.person(subject))

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

    async def replay(self, number: int, subjects: Sequence[Subject], received_at: Micros) -> None:
        """Queue a stored event again; raise AbsentError when there is none of that number."""
        arrivals = await self._submit(
            lambda desk: desk.replay(number, subjects, received_at),
            0,
            lambda result: self._dispatcher.arrived(result or ()),
        )
        if arrivals is None:
            raise AbsentError(f"there is no event number {number}")

    async def status(self) -> StoreStatus:
        """Return the counts that operators look at."""
        return await self._looking(Reader.status)

    # --- the threads ---

    def _submit(
        self,
        run: Callable[[Desk], Result],
        size: int,
        done: Callable[[Result], None] | None = None,
    ) -> asyncio.Future[Result]:
        opened = self._opened()
        if opened.writer is None:
            raise StoreError("the store is not open")
        desk = opened.desk
        return opened.writer.submit(lambda: run(desk), size=_JOB_BYTES + size, done=done)

    async def _for_turns(self, read: Callable[[Reader], Result]) -> Result:
        opened = self._opened()
        return await self._in_thread(opened.turn_thread, opened.turn_reader, read)

    async def _looking(self, read: Callable[[Reader], Result]) -> Result:
        opened = self._opened()
        return await self._in_thread(opened.look_thread, opened.look_reader, read)

    async def _in_thread(
        self, thread: ThreadPoolExecutor, reader: Reader, read: Callable[[Reader], Result]
    ) -> Result:
        try:
            return await asyncio.get_running_loop().run_in_executor(thread, read, reader)
        except apsw.Error as error:
            raise explain(error, self._path) from error
        except UnicodeEncodeError as error:
            raise StoreError(f"this name cannot be looked up: {error.reason}") from error

    def _opened(self) -> "_Open":
        if self._open is None:
            raise StoreError("the store is not open")
        return self._open


class _Open:
    """What an open store holds."""

    def __init__(
        self,
        lock: int,
        writing: tuple[Desk, SqliteTransactions],
        turn_reader: Reader,
        look_reader: Reader,
    ) -> None:
        self._lock = lock
        self.desk, self.transactions = writing
        self.turn_reader, self.look_reader = turn_reader, look_reader
        self.turn_thread = ThreadPoolExecutor(1, thread_name_prefix="store-turns")
        self.look_thread = ThreadPoolExecutor(1, thread_name_prefix="store-looking")
        self.announced = turn_reader.announced()
        self.writer: GroupCommit | None = None

    def close(self) -> None:
        """Close the readers, which finish what they do, and let go of the file."""
        for thread, reader in (
            (self.turn_thread, self.turn_reader),
            (self.look_thread, self.look_reader),
        ):
            thread.submit(reader.close)
            thread.shutdown()
        ownership.let_go(self._lock)


def _open(path: Path, cache_kib: tuple[int, int], taken: Callable[[int, int], bool]) -> _Open:
    version = library_version()
    if has_wal_reset_bug(version):
        raise StoreError(
            f"SQLite {'.'.join(map(str, version))} can lose committed data (its WAL-reset bug); "
            "install apsw 3.53 or newer, which brings a SQLite without it"
        )
    lock = ownership.take(path)
    connections: list[apsw.Connection] = []
    try:
        writer = connect(path, cache_kib=cache_kib[0])
        connections.append(writer)
        migrate(writer, path, migrations())
        for_turns = connect(path, cache_kib=cache_kib[1], looking=True)
        connections.append(for_turns)
        for_looking = connect(path, cache_kib=cache_kib[1], looking=True)
        connections.append(for_looking)
        desk = Desk(writer, taken)
        transactions = SqliteTransactions(writer, desk, path)
        return _Open(lock, (desk, transactions), Reader(for_turns), Reader(for_looking))
    except (apsw.Error, StoreError) as error:
        for connection in connections:
            with suppress(apsw.Error):
                connection.close()
        ownership.let_go(lock)
        raise explain(error, path) if isinstance(error, apsw.Error) else error from error
