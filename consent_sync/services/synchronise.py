"""One turn of one person: gather what waits, decide by the rules, write once per side, settle."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from consent_sync.domain.erasure import DeletionPolicy
from consent_sync.domain.errors import AbsentError, NotNowError, PermanentError, TemporaryError
from consent_sync.domain.events import ProfileMissing, ProfileReading
from consent_sync.domain.identity import (
    Side,
    Subject,
    is_homeless,
    person_from_actito_key,
    unresolved_profile_id,
)
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.moments import MINUTE, SECOND
from consent_sync.domain.retry import RetryPolicy
from consent_sync.domain.rules import Rules
from consent_sync.domain.state import PersonState
from consent_sync.domain.verdicts import Entry, Kind, Verdict
from consent_sync.ports.clock import Chance, Clock
from consent_sync.ports.mappings import MappingSource
from consent_sync.ports.observer import TurnObserver
from consent_sync.ports.platforms import ConsentPlatform, ProfilePlatform
from consent_sync.ports.receiver import ActitoReceiver, DidomiReceiver
from consent_sync.ports.store import Settlement, Store, Turn
from consent_sync.services.attempts import after_trouble
from consent_sync.services.deletion import Departures
from consent_sync.services.guard import Guard
from consent_sync.services.homes import Homes
from consent_sync.services.profiles import ProfileIndex
from consent_sync.services.progress import TurnTools
from consent_sync.services.records import record_of, side_of
from consent_sync.services.stops import LineStops
from consent_sync.services.turn import TurnRun

_MAPPING_AWAY = MINUTE
"""How long the items of a mapping that is not in force wait before it is looked for again."""

_FRESH_READINGS = 1_000
"""How many just-made readings are handed over from finding a person to their turn, at most."""

_LANDED = 2 * MINUTE
"""How long before a reading our own write must have been sent for the reading to show it."""


@dataclass(frozen=True, slots=True)
class Synchroniser:
    """Takes turns. Never raises a TemporaryError or PermanentError: those end in the ledger."""

    mappings: MappingSource
    profiles: ProfilePlatform
    consents: ConsentPlatform
    store: Store
    didomi: DidomiReceiver
    actito: ActitoReceiver
    clock: Clock
    chance: Chance
    rules: Rules
    retry: RetryPolicy
    index: ProfileIndex
    observer: TurnObserver
    departures: Departures = field(default_factory=Departures)
    forget: Callable[[Subject, PersonState, DeletionPolicy, str], Awaitable[None]] | None = None
    account_of: Callable[[Mapping], str] = lambda mapping: mapping.account
    stops: LineStops = field(default_factory=LineStops)
    guard: Guard = field(default_factory=Guard)
    paused: Callable[[str], frozenset[Side]] = lambda _: frozenset()
    fresh: dict[Subject, ProfileReading] = field(default_factory=dict)

    async def take(self, turn: Turn) -> None:
        """Take one turn from its items to its settlement; raises StoreError when that fails."""
        if is_homeless(turn.subject):
            homes = Homes(self.mappings, self.store, self.didomi, self.clock, self.account_of)
            outcome = await homes.take(turn)
            self.observer.turn(turn.subject, None, outcome)
            return
        mapping = self.mappings.current().get(turn.subject.mapping)
        if mapping is None:
            await self._mapping_away(turn)
            return
        profile_id = unresolved_profile_id(turn.subject.person)
        if profile_id is not None:
            await self._find_person(turn, mapping, profile_id)
            return
        tools = TurnTools(
            profiles=self.profiles,
            consents=self.consents,
            turns=self.store,
            didomi=self.didomi,
            actito=self.actito,
            clock=self.clock,
            chance=self.chance,
            rules=self.rules,
            retry=self.retry,
            observer=self.observer,
            stops=self.stops,
            departures=None if self.forget is None else self.departures,
            guard=self.guard,
            paused=self.paused,
        )
        run = TurnRun(tools, turn, mapping, self._just_read(turn))
        settlement = await run.end()
        names = settlement.state.names
        if names.profile_id:
            self.index.remember(turn.subject.mapping, names.profile_id, turn.subject.person)
        self.observer.turn(turn.subject, settlement.record, run.outcome)
        if run.deleted and self.forget is not None:
            await self.forget(
                turn.subject, settlement.state, run.departure.policy, run.departure.cause
            )

    def _just_read(self, turn: Turn) -> ProfileReading | None:
        """Return the reading that found the person, unless a write of ours may be missing in it.

        It was made beside the person's own turns: one of them may have written meanwhile.
        """
        seen = self.fresh.pop(turn.subject, None)
        if seen is None:
            return None
        writes = [write for line in turn.state.lines.values() for write in line.writes]
        recent = any(
            write.side is Side.ACTITO and write.sent_at > seen.asked_at - _LANDED
            for write in writes
        )
        return None if recent or turn.in_flight else seen

    async def _mapping_away(self, turn: Turn) -> None:
        """The mapping file is gone or was never valid: nothing is decided, nothing is lost."""
        due_at = self.clock.now() + _MAPPING_AWAY
        await self.store.settle(
            Settlement(
                turn.subject,
                turn.state,
                None,
                due_at=due_at,
                attempts=turn.attempts,
                first_failed_at=turn.first_failed_at,
            )
        )
        self.observer.turn(turn.subject, None, "mapping_away")

    async def _find_person(self, turn: Turn, mapping: Mapping, profile_id: str) -> None:
        """Find out whose profile a webhook speaks of, and let its items wait at that person."""
        person = self.index.find(mapping.name, profile_id)
        person = person or await self.store.find_profile(mapping.name, profile_id)
        if person is not None:
            await self._move(turn, Subject(mapping.name, person))
            return
        try:
            seen = await self.profiles.read_by_id(mapping, profile_id)
        except TemporaryError as error:
            await self._try_again(turn, error)
            return
        except PermanentError as error:
            await self._try_again(turn, TemporaryError(str(error)))
            return
        except AbsentError:
            seen = ProfileMissing(self.clock.now())
        key = "" if isinstance(seen, ProfileMissing) else seen.names.actito_key
        person = person_from_actito_key(key, mapping.normalise)
        if isinstance(seen, ProfileMissing) or not person:
            await self._nobody(turn, mapping)
            return
        subject = Subject(mapping.name, person)
        if len(self.fresh) < _FRESH_READINGS:
            self.fresh[subject] = seen
        self.index.remember(mapping.name, profile_id, person)
        await self._move(turn, subject)

    async def _move(self, turn: Turn, subject: Subject) -> None:
        moved = tuple((item.id, subject) for item in turn.items)
        await self.store.settle(Settlement(turn.subject, turn.state, None, moved=moved))
        self.observer.turn(turn.subject, None, "found_person")

    async def _nobody(self, turn: Turn, mapping: Mapping) -> None:
        reason = "the profile it names has no value in the key attribute, or is gone again"
        now = self.clock.now()
        entries = tuple(
            Entry(
                now,
                Kind.RECEIVED,
                Verdict.NO_PROFILE,
                reason,
                side_of(item.event.source),
                event=item.event.id,
            )
            for item in turn.items
        )
        await self.store.settle(
            Settlement(
                turn.subject,
                turn.state,
                record_of(mapping, now, (), entries),
                done=tuple(item.id for item in turn.items),
            )
        )
        self.observer.turn(turn.subject, None, "nobody")

    async def _try_again(self, turn: Turn, error: TemporaryError) -> None:
        now = self.clock.now()
        # A webhook that nobody could read may be a refusal.
        due_at, attempts, first, outcome = after_trouble(
            error, turn, self.retry, now=now, fraction=self.chance.fraction(), urgent=True
        )
        # Finding out who it was is never given up, for the same reason, not even when refused.
        due_at = due_at or now + self.retry.max_delay
        if not isinstance(error, NotNowError):
            self.observer.trouble(turn.subject, "read", error)
        await self.store.settle(
            Settlement(
                turn.subject,
                turn.state,
                None,
                due_at=max(due_at, now + SECOND // 10),
                attempts=attempts,
                first_failed_at=first,
            )
        )
        self.observer.turn(turn.subject, None, outcome)
