"""What is held for an operator, found by person, line, mapping or window, and deciding about it."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

from consent_sync.domain.consent import Choice
from consent_sync.domain.events import OperatorWord
from consent_sync.domain.identity import Side, Subject
from consent_sync.domain.lines import Context, line_state
from consent_sync.domain.moments import Micros
from consent_sync.domain.review import Doubt, doubts
from consent_sync.domain.review import conflicts as conflicts_of
from consent_sync.domain.rules import Rules
from consent_sync.domain.state import PersonState
from consent_sync.domain.verdicts import Verdict
from consent_sync.ports.clock import Clock
from consent_sync.ports.mappings import MappingSource
from consent_sync.ports.store import Inbox, Ledger, NewEvent
from consent_sync.services.people import people
from consent_sync.services.words import word_event

MAX_DECIDED: Final = 1000
"""How many held lines are decided about in one request at most."""


@dataclass(frozen=True, slots=True)
class HeldWish:
    """Which held lines are asked for; what is left out does not matter.

    `since` and `until` are about when the agreement that waits was given, the latter excluded.
    `conflicts` asks for lines, too, on which nobody knows which choice came last.
    """

    person: str | None = None
    mapping: str | None = None
    line: str | None = None
    since: Micros | None = None
    until: Micros | None = None
    conflicts: bool = False


@dataclass(frozen=True, slots=True)
class HeldLine:
    """One held line of one person: which side is not raised, why, and since when it was agreed.

    `ticket` stands for exactly this; a decision names it, so that it is about nothing else.
    """

    mapping: str
    person: str
    line: str
    line_number: int
    verdict: Verdict
    side: Side
    reason: str
    agreed_at: Micros | None
    ticket: str


@dataclass(frozen=True, slots=True)
class Chosen:
    """One held line that somebody decided about, as it was shown."""

    mapping: str
    person: str
    line: str
    ticket: str


@dataclass(frozen=True, slots=True)
class Decided:
    """What came of a decision: lines `taken` to their persons' turns, and those `changed` since."""

    taken: int
    changed: int


@dataclass(frozen=True, slots=True)
class ReviewLook:
    """Finds what is held, and changes nothing; every method raises StoreError when it cannot."""

    ledger: Ledger
    mappings: MappingSource
    rules: Rules
    clock: Clock

    async def held(self, wish: HeldWish) -> AsyncIterator[HeldLine]:
        """Yield the held lines that are asked for, person by person."""
        async for subject, state in people(
            self.ledger,
            self.mappings,
            wish.person,
            lambda status: wish.conflicts or bool(status.held),
        ):
            for one in self.lines_of(subject, state, conflicts=wish.conflicts):
                if _fits(one, wish):
                    yield one

    def lines_of(
        self, subject: Subject, state: PersonState, *, conflicts: bool
    ) -> tuple[HeldLine, ...]:
        """Return what is held of one person, nothing where the mapping is not in force."""
        mapping = self.mappings.current().get(subject.mapping)
        if mapping is None:
            return ()
        context = Context(subject, mapping, self.rules, self.clock.now())
        found = doubts(state, context)
        if conflicts:
            found += conflicts_of(state, context)
        return tuple(_held_line(subject, state, doubt) for doubt in found)


@dataclass(frozen=True, slots=True)
class Review:
    """Takes an operator's decisions; nothing is called on a platform, the turns come afterwards."""

    look: ReviewLook
    inbox: Inbox
    clock: Clock

    async def decide(self, by: str, chosen: Sequence[Chosen], *, approved: bool) -> Decided:
        """Store a word per person, durable on return; raise StoreError when that cannot be.

        A line is left out where what is held there is not what was shown any more.
        """
        subjects = list(dict.fromkeys(Subject(one.mapping, one.person) for one in chosen))
        states = await self.look.ledger.states(subjects)
        events: list[NewEvent] = []
        taken = 0
        for subject, state in states.items():
            lines = self.look.lines_of(subject, state, conflicts=True)
            held = {(one.line, one.ticket) for one in lines}
            tickets = {
                one.line: one.ticket
                for one in chosen
                if (one.mapping, one.person) == subject and (one.line, one.ticket) in held
            }
            if tickets:
                taken += len(tickets)
                events.append(self._event(subject, OperatorWord(by, approved, tickets)))
        if events:
            await self.inbox.accept(events)
        return Decided(taken, len({(one.mapping, one.person, one.line) for one in chosen}) - taken)

    def _event(self, subject: Subject, word: OperatorWord) -> NewEvent:
        kind = "held.approved" if word.approved else "held.rejected"
        return word_event(subject, kind, word, self.clock.now())


def _held_line(subject: Subject, state: PersonState, doubt: Doubt) -> HeldLine:
    grants = [
        said.not_after
        for said in line_state(state, doubt.line).latest.values()
        if said.choice is Choice.GRANTED
    ]
    return HeldLine(
        mapping=subject.mapping,
        person=subject.person,
        line=doubt.line.id,
        line_number=doubt.line.line_number,
        verdict=doubt.verdict,
        side=doubt.side,
        reason=doubt.reason,
        agreed_at=max(grants, default=None),
        ticket=doubt.ticket,
    )


def _fits(one: HeldLine, wish: HeldWish) -> bool:
    if wish.mapping not in {None, one.mapping} or wish.line not in {None, one.line}:
        return False
    if wish.since is not None and (one.agreed_at is None or one.agreed_at < wish.since):
        return False
    return wish.until is None or (one.agreed_at is not None and one.agreed_at < wish.until)
