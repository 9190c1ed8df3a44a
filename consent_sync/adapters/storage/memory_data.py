"""What the store in memory holds, and how it is looked at."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from consent_sync.adapters.storage.forgetting import left_of
from consent_sync.adapters.storage.keys import person_key
from consent_sync.domain.erasure import ERASED, EXPIRED
from consent_sync.domain.identity import Side, Source, Subject, faded_person, is_stand_in
from consent_sync.domain.ledger import LedgerRecord, Write, checkpoint_of, is_checkpoint
from consent_sync.domain.moments import Micros
from consent_sync.domain.state import PersonState
from consent_sync.domain.urgency import Urgency, hurry
from consent_sync.ports.graves import Forgotten, Grave
from consent_sync.ports.store import SideStatus, StoredEvent, StoredItem, StoreStatus, Summary
from consent_sync.ports.versions import MappingVersion

Equal = tuple[Source, str, bytes]
"""What equal events share: source, mapping and digest."""


@dataclass(slots=True)
class Item:
    """One waiting item; `equal` is set for events that may repeat."""

    id: int
    event: int
    received_at: Micros
    equal: Equal | None
    urgency: Urgency = Urgency.OPT_OUT


@dataclass(slots=True)
class Lane:
    """When a person's turn comes again, and what failed so far."""

    due_at: Micros
    attempts: int
    first_failed_at: Micros | None


@dataclass(slots=True)
class Person:
    """Everything about one person."""

    state: PersonState | None = None
    items: list[Item] = field(default_factory=list)
    lane: Lane | None = None
    announced: list[Write] = field(default_factory=list)
    summary: Summary = field(default_factory=Summary)
    records: list[LedgerRecord] = field(default_factory=list)

    def quiet(self) -> bool:
        """Whether there is nothing to do about them."""
        return self.summary == Summary() and not self.items and not self.announced and not self.lane

    def due(self, now: Micros) -> bool:
        """Whether a turn is due."""
        if self.lane is not None:
            return self.lane.due_at <= now
        return bool(self.items or self.announced)

    def urgency(self) -> Urgency:
        """Return how urgent the next turn is."""
        if self.items:
            return min(item.urgency for item in self.items)
        attempts = self.lane.attempts if self.lane is not None else 0
        return hurry(self.summary.optout_waiting_since is not None, attempts)


@dataclass(slots=True)
class Data:
    """The tables."""

    events: list[StoredEvent] = field(default_factory=list)
    seen: set[Equal] = field(default_factory=set)
    persons: dict[Subject, Person] = field(default_factory=dict)
    ledger: list[tuple[Subject, LedgerRecord] | None] = field(default_factory=list)
    versions: list[MappingVersion] = field(default_factory=list)
    graves: dict[bytes, Grave] = field(default_factory=dict)

    def person(self, subject: Subject) -> Person:
        """Return a person, made on first mention."""
        return self.persons.setdefault(subject, Person())

    def known_as(self, subject: Subject) -> Subject:
        """Return under whose name somebody is kept: their own, or what stands for a forgotten one."""
        faded = Subject(subject.mapping, faded_person(person_key(subject)))
        return faded if subject not in self.persons and faded in self.persons else subject

    def rename(self, old: Subject, new: Subject) -> None:
        """Keep somebody under another name, in the same place."""
        self.persons = {new if one == old else one: kept for one, kept in self.persons.items()}
        self.ledger = [
            (new, row[1]) if row is not None and row[0] == old else row for row in self.ledger
        ]

    def forget(self, after: int, before: Micros, limit: int) -> Forgotten | None:
        """Forget who the quiet among the next people are; return how far that came."""
        page = [*self.persons.items()][after : after + limit]
        faded = sum([self._fade(subject, person, before) for subject, person in page])
        return Forgotten(after + len(page), faded) if page else None

    def _fade(self, subject: Subject, person: Person, before: Micros) -> bool:
        newest = person.records[-1] if person.records else None
        left = left_of(subject, newest, person.state, before) if person.quiet() else None
        if left is None:
            return False
        self.ledger = [
            None if row is not None and row[0] == subject else row for row in self.ledger
        ]
        person.records, person.state = [], left.state
        if left.checkpoint is not None:
            self.record(subject, left.checkpoint)
        self.rename(subject, Subject(subject.mapping, faded_person(person_key(subject))))
        return True

    def record(self, subject: Subject, record: LedgerRecord) -> None:
        """Append to the ledger."""
        self.person(subject).records.append(record)
        self.ledger.append((subject, record))

    def scrub(self, numbers: Iterable[int]) -> int:
        """Remove what these events said, unless somebody waits for it; return of how many."""
        waiting = self._waiting_events()
        found = [one for one in numbers if one not in waiting and self.events[one - 1].body]
        for number in found:
            self.events[number - 1] = replace(self.events[number - 1], body=b"", problem=ERASED)
        return len(found)

    def fade(self, after: int, received_before: Micros, limit: int) -> int | None:
        """Remove what the next old events said; return how far that came, None at the end."""
        waiting = self._waiting_events()
        page = self.events[after : after + limit]
        due = [event for event in page if event.received_at < received_before]
        for event in due:
            if event.id not in waiting and event.body:
                problem = event.problem if event.status else EXPIRED
                self.events[event.id - 1] = replace(event, body=b"", problem=problem)
        return due[-1].id if due else None

    def compact(self, subject: Subject, before: Micros) -> int:
        """Put a checkpoint in the place of a person's old records; return how many went."""
        person = self.persons.get(subject)
        if person is None or person.items or person.lane is not None or person.announced:
            return 0
        records = person.records
        head = records[-1] if records and is_checkpoint(records[-1]) else None
        old = [one for one in records if one.at < before and one is not head]
        if not old:
            return 0
        newest = records[-1]
        person.records = [one for one in records if all(one is not gone for gone in old)]
        self.ledger = [
            None if row is not None and any(row[1] is gone for gone in old) else row
            for row in self.ledger
        ]
        if head is None:
            self.record(subject, checkpoint_of(newest, person.state or PersonState()))
        return len(old)

    def add_event(self, event: StoredEvent) -> int:
        """Keep an event and return its number."""
        number = len(self.events) + 1
        self.events.append(replace(event, id=number))
        return number

    def event(self, number: int) -> StoredEvent | None:
        """Return an event as it stands now."""
        if not 1 <= number <= len(self.events):
            return None
        return replace(self.events[number - 1], waiting=number in self._waiting_events())

    def accept_refused(self, number: int) -> None:
        """A refused request becomes an accepted event."""
        self.events[number - 1] = replace(self.events[number - 1], status=0, problem="")

    def list_events(
        self, *, refused: bool, before: int | None, limit: int, source: Side | None
    ) -> list[StoredEvent]:
        """Return accepted or refused events, newest first."""
        waiting = self._waiting_events()
        below = len(self.events) if before is None else before - 1
        fitting = (
            replace(event, waiting=event.id in waiting)
            for event in reversed(self.events[: max(below, 0)])
            if bool(event.status) is refused and source in {None, event.source}
        )
        return [event for event, _ in zip(fitting, range(limit), strict=False)]

    def stored_items(self, items: Sequence[Item]) -> tuple[StoredItem, ...]:
        """Return items with their events, in the order they were received."""
        return tuple(
            StoredItem(
                item.id,
                replace(self.events[item.event - 1], received_at=item.received_at, waiting=True),
            )
            for item in sorted(items, key=lambda item: (item.received_at, item.id))
        )

    def people(
        self, after: int, limit: int, *, failed: bool
    ) -> list[tuple[int, Subject, PersonState]]:
        """Return persons with a state, numbered in the order they were first named."""
        known = [
            (number, subject, person.state)
            for number, (subject, person) in enumerate(self.persons.items(), 1)
            if person.state is not None
            and not is_stand_in(subject.person)
            and (person.summary.failed or not failed)
        ]
        return [one for one in known if one[0] > after][:limit]

    def find_profile(self, mapping: str, profile_id: str) -> str | None:
        """Return the person key of an Actito profile; a stand-in for a person is not one."""
        for subject, person in reversed(self.persons.items()):
            if (
                subject.mapping == mapping
                and person.state is not None
                and person.state.names.profile_id == profile_id
                and not is_stand_in(subject.person)
            ):
                return subject.person
        return None

    def status(self) -> StoreStatus:
        """Return the counts."""
        persons = self.persons.values()
        waiting = [item.received_at for person in persons for item in person.items[:1]]
        optouts = [
            person.summary.optout_waiting_since
            for person in persons
            if person.summary.optout_waiting_since is not None
        ]
        return StoreStatus(
            sides={side: self._side(side) for side in Side},
            waiting_turns=len(waiting),
            retrying_turns=sum(
                person.lane is not None and person.lane.attempts > 0 for person in persons
            ),
            oldest_waiting_at=min(waiting, default=None),
            oldest_waiting_optout_at=min(optouts, default=None),
            held=sum(person.summary.held for person in persons),
            failed=sum(person.summary.failed for person in persons),
            persons=sum(not is_stand_in(one.person) for one in self.persons),
        )

    def _side(self, side: Side) -> SideStatus:
        events = [event for event in self.events if event.source is side]
        accepted = [event.received_at for event in events if not event.status]
        return SideStatus(max(accepted, default=None), len(accepted), len(events) - len(accepted))

    def _waiting_events(self) -> set[int]:
        return {item.event for person in self.persons.values() for item in person.items}
