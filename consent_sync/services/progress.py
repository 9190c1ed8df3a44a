"""What a turn has learnt and done so far; everything in it ends in the ledger."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import field

from consent_sync.domain.actito_hints import Hint
from consent_sync.domain.actito_looks import fold_profile_missing
from consent_sync.domain.consent import WriteOutcome
from consent_sync.domain.dead_letters import fold_unread
from consent_sync.domain.didomi_looks import (
    disbelieved,
    fold_user_missing,
    fold_user_reading,
)
from consent_sync.domain.events import ProfileMissing, ProfileReading, UserReading
from consent_sync.domain.identity import Side
from consent_sync.domain.ledger import READINGS, Fact, LedgerRecord, Unread, Write
from consent_sync.domain.lines import Context, fold_write
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.retry import RetryPolicy
from consent_sync.domain.rules import Rules
from consent_sync.domain.several import fold_profiles
from consent_sync.domain.state import PersonState
from consent_sync.domain.values import dataclass, replaced
from consent_sync.domain.verdicts import Entry, Kind, Verdict
from consent_sync.ports.clock import Chance, Clock
from consent_sync.ports.observer import TurnObserver
from consent_sync.ports.platforms import ConsentPlatform, ProfilePlatform
from consent_sync.ports.receiver import ActitoReceiver, DidomiReceiver
from consent_sync.ports.store import Sight, Turn, Turns
from consent_sync.services.deletion import Departures
from consent_sync.services.drafts import didomi_ouids
from consent_sync.services.guard import Guard
from consent_sync.services.looking import beside, read_profiles
from consent_sync.services.records import line_entry, record_of
from consent_sync.services.stops import LineStops


@dataclass(frozen=True, slots=True)
class TurnTools:
    """What a turn needs from the world."""

    profiles: ProfilePlatform
    consents: ConsentPlatform
    turns: Turns
    didomi: DidomiReceiver
    actito: ActitoReceiver
    clock: Clock
    chance: Chance
    rules: Rules
    retry: RetryPolicy
    observer: TurnObserver
    stops: LineStops = field(default_factory=LineStops)
    departures: Departures | None = None
    guard: Guard = field(default_factory=Guard)
    paused: Callable[[str], frozenset[Side]] = lambda _: frozenset()


@dataclass(slots=True)
class Progress:
    """One turn under way: the state as it is now believed, and the facts that led there.

    `hints` are the webhooks that ask for a look at the profile; whichever look comes first is
    theirs. `looked` are the sides that were read in this turn and not doubted since. `cannot_create`
    says why a missing profile could not be created although the mapping asks for it, and
    `no_structure` that the profile table could not be read in this turn. `recorded` is
    true once facts of this turn are in the ledger.
    """

    tools: TurnTools
    turn: Turn
    mapping: Mapping
    state: PersonState
    facts: list[Fact] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    hints: list[Hint] = field(default_factory=list)
    looked: set[Side] = field(default_factory=set)
    touched: set[str] = field(default_factory=set)
    recorded: bool = False
    cannot_create: str = ""
    no_structure: bool = False

    def context(self) -> Context:
        """Return whose turn it is, under which rules, at this moment."""
        stops = self.tools.stops.of(self.mapping)
        now = self.tools.clock.now()
        paused = self.tools.paused(self.mapping.name)
        return Context(self.turn.subject, self.mapping, self.tools.rules, now, stops, paused)

    async def look(self, side: Side) -> None:
        """Read one side and take in what it holds; raises TemporaryError or PermanentError."""
        if side is Side.ACTITO:
            self.see_profile(await self._read_profile())
        else:
            await self._look_at_didomi()
        self.looked.add(side)

    async def _read_profile(self) -> ProfileReading | ProfileMissing:
        profiles, state = self.tools.profiles, self.state
        seen = await read_profiles(profiles, self.mapping, state, self.context())
        strangers = state.several.strangers if state.several is not None else ()
        for one in strangers:
            if not one.actito_key:
                told = await profiles.read_by_id(self.mapping, one.profile_id)
                seen = beside(seen, told)
        return seen

    def see_profile(self, seen: ProfileReading | ProfileMissing) -> None:
        """Take in a reading of the profile, with the webhooks that asked for it."""
        self.facts.append(seen)
        hints, self.hints = self.hints, []
        if isinstance(seen, ProfileMissing):
            outcome = fold_profile_missing(self.state, seen, hints, self.context())
        else:
            outcome = fold_profiles(self.state, seen, hints, self.context())
        self.state = outcome.state
        self.entries.extend(outcome.entries)
        self.touched |= outcome.touched

    async def announce(self, writes: Sequence[Write]) -> None:
        """Make it durable that these writes are about to be sent, and what was seen before."""
        await self.tools.turns.announce(self.turn.subject, tuple(writes), self._sight())

    def _sight(self) -> Sight | None:
        """Return what a crash would lose; what came in waits on, so that it needs no keeping."""
        if not any(isinstance(fact, READINGS) for fact in self.facts):
            return None
        return Sight(self.state, self.record(()))

    def record(self, entries: Iterable[Entry]) -> LedgerRecord:
        """Return the record of what is not recorded yet, and count it as recorded."""
        facts, self.facts = self.facts, []
        continues, self.recorded = self.recorded, True
        now = self.tools.clock.now()
        return record_of(self.mapping, now, facts, entries, continues=continues)

    def came_to_nothing(self, event: int, reason: str) -> None:
        """Take in that an item could not be read, or was given up."""
        fact = Unread(event, reason)
        self.facts.append(fact)
        self.state = fold_unread(self.state, fact)

    def wrote(
        self, write: Write, outcome: WriteOutcome, *, failure: str = "", profile_id: str = ""
    ) -> None:
        """Take in how a write ended."""
        ended = replaced(write, outcome=outcome, failure=failure, profile_id=profile_id)
        context = self.context()
        self.facts.append(ended)
        self.state = fold_write(self.state, ended, context)
        kind, verdict = Kind.SENT, Verdict.APPLIED
        reason = f"written to {write.side.value.capitalize()}"
        if failure:
            kind, verdict, reason = Kind.FAILED, Verdict.FAILED, failure
        elif outcome is not WriteOutcome.SENT:
            verdict = Verdict.WAITING_RETRY
            reason = "sent, but no clear answer came; it is looked at before anything is repeated"
        by_id = {line.id: line for line in self.mapping.lines}
        self.entries.extend(
            line_entry(context.now, kind, verdict, reason, by_id[one.line], write.side, one.choice)
            for one in write.lines
            if one.line in by_id
        )

    async def _look_at_didomi(self) -> None:
        regulation = self.mapping.regulations[0]
        found = False
        for ouid in didomi_ouids(self.state, self.context()):
            seen = await self.tools.consents.read_user(self.mapping, ouid, regulation)
            self.facts.append(seen)
            if isinstance(seen, UserReading):
                found = True
                before, context = self.state, self.context()
                self.state = fold_user_reading(before, seen, context)
                self.entries.extend(disbelieved(before, self.state, context))
        if not found:
            self.state = fold_user_missing(self.state)
