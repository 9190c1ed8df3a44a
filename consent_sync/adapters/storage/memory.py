"""The store in memory: the same promises but durability, for tests and trials.

What it holds survives `close` and `open` of the same object, so that a restart can be tried.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from consent_sync.adapters.storage.bell import rung
from consent_sync.adapters.storage.boarding import BoardInMemory
from consent_sync.adapters.storage.burying import events_named, problem_of
from consent_sync.adapters.storage.line import Line
from consent_sync.adapters.storage.memory_data import Data, Equal, Item, Lane, Person
from consent_sync.adapters.storage.memory_looking import LookingInMemory
from consent_sync.domain.erasure import Marks
from consent_sync.domain.errors import AbsentError, StoreError
from consent_sync.domain.identity import Subject
from consent_sync.domain.ledger import Write
from consent_sync.domain.moments import SECOND, Micros
from consent_sync.domain.state import PersonState
from consent_sync.domain.urgency import Urgency
from consent_sync.ports.clock import Clock
from consent_sync.ports.graves import Burial, Forgotten, Grave, Removed
from consent_sync.ports.store import (
    NewEvent,
    RefusedRequest,
    Settlement,
    Sight,
    StoredEvent,
    Turn,
)
from consent_sync.ports.versions import MappingVersion

_TURN_ITEMS: Final = 200


@dataclass(slots=True)
class _Claim:
    items: frozenset[int]
    last_item: int
    newest_item: int


class MemoryStore(BoardInMemory, LookingInMemory):
    """Keeps the promises of `Store` as long as the object lives."""

    def __init__(self, clock: Clock, marks: Marks | None = None) -> None:
        BoardInMemory.__init__(self, clock, self._open)
        LookingInMemory.__init__(self, self._open)
        self._clock = clock
        self._marks = marks or Marks()
        self._data = Data()
        self._item = 0
        # Who may be due at once; a person in it is looked at before it is claimed.
        self._line: Line[Subject] = Line()
        self._retrying: dict[Subject, None] = {}
        self._claims: dict[Subject, _Claim] = {}
        self._bell = asyncio.Event()
        self._is_open = False

    # --- life ---

    async def open(self) -> None:
        """Start; after `close` everything unfinished is due as after a restart."""
        if self._is_open:
            raise StoreError("the store is already open")
        self._is_open = True
        self._claims.clear()
        waiting = [
            (person.items[0].id if person.items else 0, subject)
            for subject, person in self._data.persons.items()
            if person.items or person.announced
        ]
        self._line = Line()
        for _, subject in sorted(waiting):
            self._line.add(subject, self._data.person(subject).urgency())

    async def close(self) -> None:
        """Stop."""
        self._is_open = False

    async def check(self) -> None:
        """Return when the store is open; raise StoreError otherwise."""
        self._open()

    def know(self, subject: Subject, state: PersonState) -> None:
        """Begin with what is known about a person; for trials."""
        self._open().person(subject).state = state

    # --- the door ---

    async def accept(self, events: Sequence[NewEvent]) -> Sequence[bool]:
        """Store these events; per event true if new, false if a duplicate."""
        data = self._open()
        return [self._accept(data, event) for event in events]

    async def refuse(self, request: RefusedRequest) -> int:
        """Keep a refused request and return its number."""
        return self._open().add_event(
            StoredEvent(
                0,
                request.source,
                request.mapping,
                "",
                request.received_at,
                request.body,
                request.status,
                request.problem,
            )
        )

    # --- the work ---

    async def claim(self, limit: int, *, hurried: bool = False) -> Sequence[Turn]:
        """Return up to `limit` turns that are due, the urgent ones first."""
        data = self._open()
        now = self._clock.now()
        due = [subject for subject in self._retrying if data.person(subject).due(now)]
        due.sort(key=lambda subject: getattr(data.person(subject).lane, "due_at", 0))
        for subject in due:
            if subject not in self._claims:
                self._line.add(subject, data.person(subject).urgency())
        turns: list[Turn] = []
        line = self._line
        while (line.count(Urgency.OPT_OUT) if hurried else len(line)) and len(turns) < limit:
            subject, _ = line.pop_from(Urgency.OPT_OUT) if hurried else line.pop()
            if subject not in self._claims and data.person(subject).due(now):
                turns.append(self._claim(data, subject))
        return turns

    async def wait(self, timeout_seconds: float) -> None:
        """Return when something may be due, at the latest after the timeout."""
        data, now = self._open(), self._clock.now()
        lanes = [data.person(s).lane for s in self._retrying if s not in self._claims]
        moments = [lane.due_at for lane in lanes if lane is not None]
        if self._line or min(moments, default=now + 1) <= now:
            return
        seconds = min([timeout_seconds, *((moment - now) / SECOND for moment in moments)])
        self._bell.clear()
        await rung(self._bell, self._clock, seconds)

    async def announce(
        self, subject: Subject, writes: Sequence[Write], sight: Sight | None = None
    ) -> None:
        """Remember writes that are about to be sent, and what led to them."""
        data = self._open()
        self._claim_of(subject)
        person = data.person(subject)
        if sight is not None:
            person.state = sight.state
            person.announced = []
            data.record(subject, sight.record)
        person.announced += writes

    async def settle(self, settlement: Settlement) -> None:
        """Record the end of a turn and make the person claimable again."""
        data = self._open()
        subject = settlement.subject
        claim = self._claim_of(subject)
        person = data.person(subject)
        if not claim.items.issuperset([*settlement.done, *dict(settlement.moved)]):
            raise StoreError("a turn can only finish or move items that it holds")
        self._finish_items(data, person, settlement)
        person.state = settlement.state
        person.summary = settlement.summary
        person.announced = []
        if settlement.record is not None:
            data.record(subject, settlement.record)
        self._set_lane(person, claim, settlement)
        del self._claims[subject]
        if person.due(self._clock.now()):
            self._wake(data, subject)

    async def release(self, subject: Subject) -> None:
        """Give an untouched turn back, due at once."""
        data = self._open()
        self._claim_of(subject)
        del self._claims[subject]
        self._line.put_first(subject, data.person(subject).urgency())
        self._bell.set()

    async def hurry(self, limit: int) -> int:
        """Let up to `limit` turns that failed or wait come at once; return how many."""
        data = self._open()
        hurried = 0
        for subject in self._retrying:
            person = data.person(subject)
            lane = person.lane
            waits = lane is not None and lane.due_at > 2 and lane.first_failed_at is not None
            if lane is not None and waits and hurried < limit:
                lane.due_at = 2 if person.summary.optout_waiting_since is None else 1
                hurried += 1
        self._bell.set()
        return hurried

    async def replay(self, number: int, subjects: Sequence[Subject], received_at: Micros) -> None:
        """Queue a stored event again; raise AbsentError when there is none of that number."""
        data = self._open()
        event = data.event(number)
        if event is None:
            raise AbsentError(f"there is no event number {number}")
        data.accept_refused(number)
        for subject in self._not_erased(data, subjects):
            if all(item.event != number for item in data.person(subject).items):
                self._item += 1
                self._arrive(data, subject, Item(self._item, number, received_at, None))

    # --- the versions of mappings ---

    async def keep_versions(self, versions: Sequence[MappingVersion]) -> None:
        """Keep all of these."""
        kept = self._open().versions
        for one in versions:
            kept.append(replace(one, number=len(kept) + 1))

    # --- the erased ---

    async def bury(self, burial: Burial) -> Removed:
        """Keep tombstones and remove these persons; their turns under way cannot be recorded."""
        data = self._open()
        for mark in burial.marks:
            known = data.graves.get(mark)
            if known is None or known.lifted_at is not None:
                data.graves[mark] = Grave(mark, burial.at, burial.cause, burial.policy)
        named = [data.known_as(one) for one in burial.subjects]
        gone = {one: data.persons.pop(one) for one in named if one in data.persons}
        events: set[int] = set()
        for subject, person in gone.items():
            self._claims.pop(subject, None)
            self._retrying.pop(subject, None)
            self._line.remove(subject)
            events |= {item.event for item in person.items}
            for record in person.records:
                events |= events_named(record)
        data.ledger = [None if one is not None and one[0] in gone else one for one in data.ledger]
        return Removed(
            len(gone),
            sum(len(person.items) for person in gone.values()),
            sum(len(person.records) for person in gone.values()),
            data.scrub(events),
        )

    async def lift(self, marks: Sequence[bytes], at: Micros) -> int:
        """Let whoever has these tombstones come back; return how many were in force."""
        graves = self._open().graves
        found = [mark for mark in marks if mark in graves and graves[mark].lifted_at is None]
        graves.update({mark: graves[mark]._replace(lifted_at=at) for mark in found})
        return len(found)

    async def cleared(self, marks: Sequence[bytes], at: Micros) -> None:
        """Note that nothing is left of whoever has these tombstones."""
        graves = self._open().graves
        for mark in marks:
            if mark in graves and graves[mark].cleared_at is None:
                graves[mark] = graves[mark]._replace(cleared_at=at)

    async def scrub(self, numbers: Sequence[int]) -> int:
        """Remove the content of these events where no turn waits for it; return of how many."""
        return self._open().scrub(numbers)

    async def fade(self, after: int, received_before: Micros, limit: int) -> int | None:
        """Remove the content of the next old events; return how far that came, None at the end."""
        return self._open().fade(after, received_before, limit)

    async def compact(self, subject: Subject, before: Micros) -> int:
        """Put a checkpoint in the place of a person's old records; return how many went."""
        return 0 if subject in self._claims else self._open().compact(subject, before)

    async def forget(self, after: int, before: Micros, limit: int) -> Forgotten | None:
        """Forget who the quiet among the next people are; return how far that came."""
        return self._open().forget(after, before, limit)

    # --- parts ---

    def _not_erased(self, data: Data, subjects: Sequence[Subject]) -> tuple[Subject, ...]:
        if not data.graves:
            return tuple(subjects)
        return tuple(one for one in subjects if not self._erased(data, one))

    def _erased(self, data: Data, subject: Subject) -> bool:
        found = [data.graves.get(mark) for mark in self._marks.barring(subject)]
        return any(one is not None and one.lifted_at is None for one in found)

    def _open(self) -> Data:
        if not self._is_open:
            raise StoreError("the store is not open")
        return self._data

    def _claim_of(self, subject: Subject) -> _Claim:
        claim = self._claims.get(subject)
        if claim is None:
            raise StoreError("the turn of this person is not claimed, so it cannot be recorded")
        return claim

    def _accept(self, data: Data, event: NewEvent) -> bool:
        equal = (event.source, event.mapping, event.digest)
        left = self._not_erased(data, event.subjects)
        if len(left) < len(event.subjects):
            event = event._replace(subjects=left, body=event.body if left else b"")
        if event.repeatable:
            subjects = event.subjects
            if subjects and all(self._equal_waits(data, equal, s) for s in subjects):
                return False
        elif equal in data.seen:
            return False
        else:
            data.seen.add(equal)
        at = event.received_at
        stored = StoredEvent(
            0, event.source, event.mapping, event.type, at, event.body, 0, problem_of(event)
        )
        number = data.add_event(stored)
        for subject in event.subjects:
            self._item += 1
            kept = equal if event.repeatable else None
            self._arrive(data, subject, Item(self._item, number, at, kept, event.urgency))
        return True

    def _equal_waits(self, data: Data, equal: Equal, subject: Subject) -> bool:
        """Whether an equal event waits for this person, and no turn has it."""
        person = data.persons.get(data.known_as(subject))
        if person is None:
            return False
        claim = self._claims.get(subject)
        taken = claim.last_item if claim else 0
        return any(item.equal == equal and item.id > taken for item in person.items)

    def _arrive(self, data: Data, subject: Subject, item: Item) -> None:
        if (kept := data.known_as(subject)) != subject:
            data.rename(kept, subject)
        person = data.person(subject)
        person.items.append(item)
        if person.lane is not None:
            person.lane.due_at = 0
        self._wake(data, subject)

    def _wake(self, data: Data, subject: Subject) -> None:
        if subject not in self._claims:
            self._line.add(subject, data.person(subject).urgency())
        self._bell.set()

    def _claim(self, data: Data, subject: Subject) -> Turn:
        person = data.person(subject)
        items = person.items[:_TURN_ITEMS]
        newest = person.items[-1].id if person.items else 0
        self._claims[subject] = _Claim(
            frozenset(item.id for item in items), items[-1].id if items else 0, newest
        )
        lane = person.lane or Lane(0, 0, None)
        return Turn(
            subject,
            person.state or PersonState(),
            data.stored_items(items),
            tuple(person.announced),
            lane.attempts,
            lane.first_failed_at,
        )

    def _finish_items(self, data: Data, person: Person, settlement: Settlement) -> None:
        waiting = {item.id: item for item in person.items}
        gone = {*settlement.done, *(number for number, _ in settlement.moved)}
        person.items = [item for item in person.items if item.id not in gone]
        for number, subject in settlement.moved:
            self._item += 1
            item = waiting[number]
            if not self._not_erased(data, (subject,)):
                data.scrub([item.event])
                continue
            self._arrive(data, subject, replace(item, id=self._item))

    def _set_lane(self, person: Person, claim: _Claim, settlement: Settlement) -> None:
        if settlement.due_at is None:
            person.lane = None
            self._retrying.pop(settlement.subject, None)
            return
        # After progress the rest of a long line is due; without any, only what came meanwhile is,
        # or a person with a long line would be tried again without a pause.
        progress = settlement.done or settlement.moved
        known = claim.last_item if progress else claim.newest_item
        fresh = bool(person.items) and person.items[-1].id > known
        due_at = 0 if fresh else settlement.due_at
        person.lane = Lane(due_at, settlement.attempts, settlement.first_failed_at)
        self._retrying[settlement.subject] = None
