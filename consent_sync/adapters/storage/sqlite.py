"""The store in one SQLite file, owned by one process."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar

from consent_sync.adapters.storage.accepting import Arrivals
from consent_sync.adapters.storage.boarding import Leads
from consent_sync.adapters.storage.codec import encode_record, encode_state, encode_writes
from consent_sync.adapters.storage.group_commit import Work
from consent_sync.adapters.storage.opened import Opened
from consent_sync.adapters.storage.reading import Reader
from consent_sync.adapters.storage.settling import End, Ended, Seen, Start
from consent_sync.adapters.storage.taking import TurnReader
from consent_sync.adapters.storage.turns import Dispatcher
from consent_sync.domain.erasure import Marks
from consent_sync.domain.errors import AbsentError, StoreError
from consent_sync.domain.identity import Side, Subject
from consent_sync.domain.ledger import LedgerRecord, Write
from consent_sync.domain.moments import Micros
from consent_sync.domain.state import PersonState
from consent_sync.ports.board import Notice
from consent_sync.ports.clock import Clock
from consent_sync.ports.graves import Burial, Forgotten, Grave, Removed
from consent_sync.ports.store import (
    NewEvent,
    RefusedRequest,
    Settlement,
    Sight,
    StoredEvent,
    StoredItem,
    StoreStatus,
    Turn,
)
from consent_sync.ports.versions import MappingVersion

Result = TypeVar("Result")

# What a call takes in the queue beside the bodies it carries.
_CALL_BYTES: Final = 500


class SqliteStore:
    """Keeps the promises of `Store` in one SQLite file.

    `queue_calls` and `queue_bytes` bound what waits to be written; above them calls raise
    StoreError at once. `page` is how many waiting items are fetched at a time; memory holds the
    names of four pages of persons, whatever the backlog. `marks` makes the tombstones.
    """

    def __init__(
        self,
        path: str | Path,
        clock: Clock,
        *,
        queue_calls: int = 10_000,
        queue_bytes: int = 64 * 1024 * 1024,
        page: int = 1_000,
        marks: Marks | None = None,
    ) -> None:
        self._path = Path(path)
        self._clock = clock
        self._queue_bounds = (queue_calls, queue_bytes)
        self._page = page
        self._marks = marks or Marks()
        self._leads = Leads(clock)
        self._open: Opened | None = None

    # --- life ---

    async def open(self) -> None:
        """Take ownership of the file, make or update it, and start; raise StoreError."""
        if self._open is not None:
            raise StoreError("the store is already open")
        dispatcher = Dispatcher(self._clock, self._for_turns, page=self._page)
        opened = await asyncio.to_thread(
            Opened, self._path, dispatcher, self._queue_bounds, self._marks
        )
        opened.start()
        self._open = opened

    async def close(self) -> None:
        """Write what was accepted, close the file and let go of it."""
        opened, self._open = self._open, None
        if opened is not None:
            await opened.stop()

    async def check(self) -> None:
        """Commit an empty transaction and read; raise StoreError when that does not work."""
        opened = self._opened()
        await opened.writer.submit(Work(opened.desk.nothing, None, _CALL_BYTES))
        await self._looking(Reader.status)

    # --- the door ---

    async def accept(self, events: Sequence[NewEvent]) -> Sequence[bool]:
        """Store all or none of these events; per event true if new."""
        opened = self._opened()
        size = _CALL_BYTES
        for event in events:
            size += len(event.body)
        work = Work(opened.desk.accept, events, size, opened.dispatcher.accepted)
        new, _ = await opened.writer.submit(work)
        return new

    async def refuse(self, request: RefusedRequest) -> int:
        """Keep a refused request and return its number."""
        opened = self._opened()
        size = len(request.body) + _CALL_BYTES
        return await opened.writer.submit(Work(opened.desk.refuse, request, size))

    # --- the work ---

    async def claim(self, limit: int, *, hurried: bool = False) -> Sequence[Turn]:
        """Return up to `limit` turns that are due, the urgent ones first."""
        return await self._opened().dispatcher.claim(limit, hurried=hurried)

    async def wait(self, timeout_seconds: float) -> None:
        """Return when something may be due, at the latest after the timeout."""
        await self._opened().dispatcher.wait(timeout_seconds)

    async def announce(
        self, subject: Subject, writes: Sequence[Write], sight: Sight | None = None
    ) -> None:
        """Remember writes that are about to be sent, and what led to them."""
        opened = self._opened()
        claim = opened.dispatcher.claim_of(subject)
        seen = None
        if sight is not None:
            seen = Seen(encode_state(sight.state), encode_record(sight.record))
        start = Start(claim, encode_writes(writes), seen)
        announced = opened.writer.submit(
            Work(opened.desk.announce, start, start.size + _CALL_BYTES)
        )
        opened.dispatcher.lanes.announced.add(claim.person)
        number = await announced
        if number is not None:
            claim.record = number

    async def settle(self, settlement: Settlement) -> None:
        """Record the end of a turn; on StoreError the turn stays claimed."""
        opened = self._opened()
        dispatcher = opened.dispatcher
        claim = dispatcher.claim_to_end(settlement)
        state = encode_state(settlement.state)
        record = encode_record(settlement.record) if settlement.record is not None else None
        end = End(claim, settlement, state, record, claim.person in dispatcher.lanes.announced)

        def done(ended: Ended) -> None:
            dispatcher.settled(claim, ended)

        def failed() -> None:
            dispatcher.not_settled(claim)

        size = len(state) + len(record or b"") + _CALL_BYTES
        settled = opened.writer.submit(Work(opened.desk.settle, end, size, done, failed))
        claim.ending = True
        await settled

    async def release(self, subject: Subject) -> None:
        """Give an untouched turn back, due at once."""
        self._opened().dispatcher.release(subject)

    async def hurry(self, limit: int) -> int:
        """Let up to `limit` turns that failed or wait come at once; return how many."""
        opened = self._opened()
        return await opened.writer.submit(
            Work(opened.desk.hurry, limit, _CALL_BYTES, opened.dispatcher.hurried)
        )

    # --- the looking ---

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

    async def replay(self, number: int, subjects: Sequence[Subject], received_at: Micros) -> None:
        """Queue a stored event again; raise AbsentError when there is none of that number."""
        opened = self._opened()

        def done(arrivals: Arrivals | None) -> None:
            opened.dispatcher.arrived(arrivals or ())

        call = (number, subjects, received_at)
        if await opened.writer.submit(Work(opened.desk.replay, call, _CALL_BYTES, done)) is None:
            raise AbsentError(f"there is no event number {number}")

    async def status(self) -> StoreStatus:
        """Return the counts that operators look at."""
        return await self._looking(Reader.status)

    # --- the versions of mappings ---

    async def keep_versions(self, versions: Sequence[MappingVersion]) -> None:
        """Keep all or none of these; durable on return."""
        opened = self._opened()
        size = sum([len(one.text) for one in versions], _CALL_BYTES)
        await opened.writer.submit(Work(opened.desk.keep_versions, versions, size))

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

    # --- the erased ---

    async def bury(self, burial: Burial) -> Removed:
        """Keep tombstones and remove these persons; their turns under way cannot be recorded."""
        opened = self._opened()
        size = _CALL_BYTES + 100 * len(burial.marks)
        return await opened.writer.submit(Work(opened.desk.bury, burial, size))

    async def lift(self, marks: Sequence[bytes], at: Micros) -> int:
        """Let whoever has these tombstones come back; return how many were in force."""
        opened = self._opened()
        return await opened.writer.submit(Work(opened.desk.lift, (marks, at), _CALL_BYTES))

    async def graves(self, marks: Sequence[bytes] | None = None) -> Sequence[Grave]:
        """Return these tombstones or all, oldest first."""
        return await self._looking(lambda reader: reader.graves(marks))

    async def cleared(self, marks: Sequence[bytes], at: Micros) -> None:
        """Note that nothing is left of whoever has these tombstones."""
        opened = self._opened()
        await opened.writer.submit(Work(opened.desk.cleared, (marks, at), _CALL_BYTES))

    async def names(self, after: int, limit: int) -> Sequence[tuple[int, Subject]]:
        """Return everybody ever named with a number above `after`."""
        return await self._looking(lambda reader: reader.names(after, limit))

    async def scrub(self, numbers: Sequence[int]) -> int:
        """Remove the content of these events where no turn waits for it; return of how many."""
        opened = self._opened()
        return await opened.writer.submit(Work(opened.desk.scrub, numbers, _CALL_BYTES))

    async def fade(self, after: int, received_before: Micros, limit: int) -> int | None:
        """Remove the content of the next old events; return how far that came, None at the end."""
        opened = self._opened()
        call = (after, received_before, limit)
        return await opened.writer.submit(Work(opened.desk.fade, call, _CALL_BYTES))

    async def compact(self, subject: Subject, before: Micros) -> int:
        """Put a checkpoint in the place of a person's old records; return how many went."""
        opened = self._opened()
        return await opened.writer.submit(Work(opened.desk.compact, (subject, before), _CALL_BYTES))

    async def forget(self, after: int, before: Micros, limit: int) -> Forgotten | None:
        """Forget who the quiet among the next people are; return how far that came."""
        opened = self._opened()
        return await opened.writer.submit(
            Work(opened.desk.forget, (after, before, limit), _CALL_BYTES)
        )

    # --- the board ---

    async def notice(self, name: str) -> Notice:
        """Return what is written under this name."""
        return await self._looking(lambda reader: reader.notice(name))

    async def pin(self, name: str, version: int, body: bytes) -> bool:
        """Write where it still has this version; say whether it had."""
        opened = self._opened()
        size = _CALL_BYTES + len(body)
        return await opened.writer.submit(Work(opened.desk.pin, (name, version, body), size))

    async def lead(self, name: str, holder: str, seconds: float) -> bool:
        """Take or keep the work of this name for so long; false while another holder has it."""
        self._opened()
        return self._leads.lead(name, holder, seconds)

    async def resign(self, name: str, holder: str) -> None:
        """Leave the work of this name to whoever takes it next."""
        self._leads.resign(name, holder)

    # --- parts ---

    async def _for_turns(self, read: Callable[[TurnReader], Result]) -> Result:
        opened = self._opened()
        return await opened.read(opened.turn_thread, opened.turn_reader, read)

    async def _looking(self, read: Callable[[Reader], Result]) -> Result:
        opened = self._opened()
        return await opened.read(opened.look_thread, opened.look_reader, read)

    def _opened(self) -> Opened:
        if self._open is None:
            raise StoreError("the store is not open")
        return self._open
