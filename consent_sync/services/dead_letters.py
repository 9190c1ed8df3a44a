"""Dead letters, found by id, person, mapping, error or window, and an operator's word on them."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

from consent_sync.domain.consent import Choice
from consent_sync.domain.dead_letters import DeadItem, DeadLine, dead_items, dead_lines
from consent_sync.domain.events import DeadLetterWord
from consent_sync.domain.identity import Side, Subject
from consent_sync.domain.ledger import LedgerRecord, Unread, Write
from consent_sync.domain.moments import Micros
from consent_sync.domain.rules import Rules
from consent_sync.domain.state import PersonState
from consent_sync.ports.clock import Clock
from consent_sync.ports.mappings import MappingSource
from consent_sync.ports.store import Inbox, Ledger, NewEvent
from consent_sync.services.people import people
from consent_sync.services.review import Decided
from consent_sync.services.words import word_event

_RECORDS: Final = 200
"""How far back in a person's timeline the moment of a failure is looked for."""


@dataclass(frozen=True, slots=True)
class DeadLetterWish:
    """Which dead letters are asked for; what is left out does not matter.

    `error` is a part of the reason in any letter case; `since` and `until` are about when it
    failed, the latter excluded.
    """

    person: str | None = None
    mapping: str | None = None
    line: str | None = None
    error: str | None = None
    since: Micros | None = None
    until: Micros | None = None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One dead letter: a `line` that could not be written to `side`, or a stored `event` (not 0).

    `failed_at` is None where it happened longer ago than the timeline is looked through.
    """

    id: str
    mapping: str
    person: str
    line: str
    line_number: int
    side: Side | None
    choice: Choice
    event: int
    reason: str
    failed_at: Micros | None


@dataclass(frozen=True, slots=True)
class ChosenLetter:
    """One dead letter that somebody decided about, as it was shown."""

    mapping: str
    person: str
    id: str


@dataclass(frozen=True, slots=True)
class DeadLetterLook:
    """Finds dead letters, and changes nothing; every method raises StoreError when it cannot."""

    ledger: Ledger
    mappings: MappingSource
    rules: Rules

    async def found(self, wish: DeadLetterWish) -> AsyncIterator[DeadLetter]:
        """Yield the dead letters that are asked for, person by person."""
        failing = people(
            self.ledger,
            self.mappings,
            wish.person,
            lambda status: status.failed,
            failed=True,
        )
        async for subject, state in failing:
            if wish.mapping not in {None, subject.mapping}:
                continue
            for one in await self.of(subject, state):
                if _fits(one, wish):
                    yield one

    async def of(self, subject: Subject, state: PersonState) -> tuple[DeadLetter, ...]:
        """Return the dead letters of one person, nothing where the mapping is not in force."""
        mapping = self.mappings.current().get(subject.mapping)
        if mapping is None:
            return ()
        lines = dead_lines(subject, state, mapping, self.rules)
        items = dead_items(subject, state)
        if not lines and not items:
            return ()
        records = await self.ledger.timeline(subject, _RECORDS)
        return (
            *(_of_line(subject, one, records) for one in lines),
            *(_of_item(subject, one, records) for one in items),
        )


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """Takes an operator's word; nothing is called on a platform, the turns come afterwards."""

    look: DeadLetterLook
    inbox: Inbox
    clock: Clock

    async def decide(self, by: str, chosen: Sequence[ChosenLetter], *, again: bool) -> Decided:
        """Store a word per person, durable on return; raise StoreError when that cannot be.

        `again` has them tried once more, else they are put away. What is no dead letter any more
        as it was shown is left out, and an event whose content is gone is not taken again.
        """
        wanted: dict[Subject, set[str]] = {}
        for one in chosen:
            wanted.setdefault(Subject(one.mapping, one.person), set()).add(one.id)
        events: list[NewEvent] = []
        queued: list[tuple[int, Subject]] = []
        taken = 0
        for subject, state in (await self.look.ledger.states(list(wanted))).items():
            letters, items = await self._still_there(subject, state, wanted[subject], again=again)
            if letters:
                taken += len(letters)
                word = DeadLetterWord(by, again, letters)
                kind = "dead-letters.replayed" if again else "dead-letters.purged"
                events.append(word_event(subject, kind, word, self.clock.now()))
                queued += [(event, subject) for event in items]
        if events:
            await self.inbox.accept(events)
        for event, subject in queued if again else ():
            await self.look.ledger.replay(event, (subject,), self.clock.now())
        return Decided(taken, sum(map(len, wanted.values())) - taken)

    async def _still_there(
        self, subject: Subject, state: PersonState, wanted: set[str], *, again: bool
    ) -> tuple[tuple[str, ...], list[int]]:
        found = [one for one in await self.look.of(subject, state) if one.id in wanted]
        if again:
            found = [one for one in found if not one.event or await self._has_content(one.event)]
        return tuple(one.id for one in found), [one.event for one in found if one.event]

    async def _has_content(self, number: int) -> bool:
        event = await self.look.ledger.event(number)
        return event is not None and bool(event.body)


def _of_line(subject: Subject, one: DeadLine, records: Sequence[LedgerRecord]) -> DeadLetter:
    failed_at = next(
        (
            record.at
            for record in records
            for fact in record.facts
            if isinstance(fact, Write)
            and fact.failure
            and fact.side is one.side
            and any(written.line == one.line.id for written in fact.lines)
        ),
        None,
    )
    return DeadLetter(
        id=one.id,
        mapping=subject.mapping,
        person=subject.person,
        line=one.line.id,
        line_number=one.line.line_number,
        side=one.side,
        choice=one.choice,
        event=0,
        reason=one.reason,
        failed_at=failed_at,
    )


def _of_item(subject: Subject, one: DeadItem, records: Sequence[LedgerRecord]) -> DeadLetter:
    failed_at = next(
        (
            record.at
            for record in records
            for fact in record.facts
            if isinstance(fact, Unread) and fact.event == one.event
        ),
        None,
    )
    return DeadLetter(
        id=one.id,
        mapping=subject.mapping,
        person=subject.person,
        line="",
        line_number=0,
        side=None,
        choice=Choice.NONE,
        event=one.event,
        reason=one.reason,
        failed_at=failed_at,
    )


def _fits(one: DeadLetter, wish: DeadLetterWish) -> bool:
    if wish.line not in {None, one.line}:
        return False
    if wish.error is not None and wish.error.casefold() not in one.reason.casefold():
        return False
    if wish.since is not None and (one.failed_at is None or one.failed_at < wish.since):
        return False
    return wish.until is None or (one.failed_at is not None and one.failed_at < wish.until)
