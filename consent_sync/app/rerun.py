"""One person's events once more under one version of a mapping, between two worlds in memory."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from consent_sync.adapters.actito.webhook import ActitoReceiver
from consent_sync.adapters.didomi.webhook import DidomiReceiver
from consent_sync.adapters.worlds.clock import EvenChance, HandClock
from consent_sync.adapters.worlds.consents import ConsentWorld, User
from consent_sync.adapters.worlds.profiles import Profile, ProfileWorld
from consent_sync.app.stage import Unobserved
from consent_sync.domain.consent import Choice, ConsentTree
from consent_sync.domain.errors import RefusedError
from consent_sync.domain.events import DidomiItem, ProfileHint, ProfileReading, UnknownItem
from consent_sync.domain.identity import Side, Subject
from consent_sync.domain.ledger import Write
from consent_sync.domain.lines import line_state
from consent_sync.domain.mapping import Line, Mapping
from consent_sync.domain.moments import OPEN, Micros
from consent_sync.domain.plan import HELD
from consent_sync.domain.retry import RetryPolicy
from consent_sync.domain.rules import Rules
from consent_sync.domain.state import PersonState, Presence
from consent_sync.domain.translate import subscription_from_choice
from consent_sync.domain.verdicts import Verdict
from consent_sync.ports.store import Settlement, Sight, StoredEvent, StoredItem, Turn
from consent_sync.services.progress import TurnTools
from consent_sync.services.turn import TurnRun

_RETRY: Final = RetryPolicy()
_CHANCE: Final = EvenChance()
_UNOBSERVED: Final = Unobserved()
_REMEMBERED_BODIES: Final = 1_024


class _Didomi(DidomiReceiver):
    """Understands a body once, although both versions and their worlds ask for it."""

    def __init__(self) -> None:
        self._once = lru_cache(_REMEMBERED_BODIES)(super().understand)

    def understand(self, body: bytes) -> DidomiItem | UnknownItem:
        """Return what one stored event says; raise RefusedError when it cannot be read."""
        return self._once(body)


class _Actito(ActitoReceiver):
    """The same for Actito's bodies."""

    def __init__(self) -> None:
        self._once = lru_cache(_REMEMBERED_BODIES)(super().understand)

    def understand(self, body: bytes, key_attribute: str) -> ProfileHint | UnknownItem:
        """Return what one stored event says; raise RefusedError when it cannot be read."""
        return self._once(body, key_attribute)


_DIDOMI: Final = _Didomi()
_ACTITO: Final = _Actito()


class Forgetful:
    """Turns that are taken by hand and recorded nowhere (ports.store.Turns)."""

    async def claim(self, limit: int, *, hurried: bool = False) -> Sequence[Turn]:
        """Hand out nothing."""
        return ()

    async def wait(self, timeout_seconds: float) -> None:
        """Return at once."""

    async def announce(
        self, subject: Subject, writes: Sequence[Write], sight: Sight | None = None
    ) -> None:
        """Forget it."""

    async def settle(self, settlement: Settlement) -> None:
        """Forget it."""

    async def release(self, subject: Subject) -> None:
        """Forget it."""


class World:
    """Both platforms as they were last seen to hold one person."""

    def __init__(self, now: Micros) -> None:
        self.clock = HandClock(now)
        self.profiles = ProfileWorld(self.clock)
        self.consents = ConsentWorld(self.clock)
        self.profile: Profile | None = None
        self._seen_at: dict[str, Micros] = {}
        self._unseen_since: Micros = OPEN

    @classmethod
    def of(
        cls,
        subject: Subject,
        mapping: Mapping | None,
        state: PersonState,
        seen: ProfileReading | None,
        now: Micros,
    ) -> "World":
        """Return the world that a person's state and the newest reading of the profile tell of.

        A profile that nobody looked for yet is taken to be there, without any subscription.
        """
        world = cls(now)
        subscriptions = dict(seen.subscriptions) if seen is not None else {}
        world._unseen_since = seen.asked_at if seen is not None else OPEN
        for line in mapping.lines if mapping is not None else ():
            agreed = line_state(state, line).agreed.get(Side.ACTITO)
            if agreed is not None:
                world._seen_at[line.id] = agreed.as_of
                if agreed.choice is not Choice.NONE:
                    subscriptions[line.id] = subscription_from_choice(line, agreed.choice)
        if state.profile is not Presence.MISSING:
            key = state.names.actito_key or subject.person
            world.profile = world.profiles.profile(key, state.names.profile_id)
            world.profile.subscriptions.update(subscriptions)
        if mapping is not None:
            for ouid in state.spellings:
                world._seed_user(world.consents.user(ouid, mapping.regulations[0]), mapping, state)
        return world

    @staticmethod
    def _seed_user(user: User, mapping: Mapping, state: PersonState) -> None:
        for line in mapping.lines:
            agreed = line_state(state, line).agreed.get(Side.DIDOMI)
            if agreed is not None and agreed.choice is not Choice.NONE and not line.node.option:
                user.take(ConsentTree({line.node: agreed.choice}), agreed.as_of)
        for pick, held in state.picks.items():
            user.take(ConsentTree(picks={pick: held.options}), held.dated)

    def hold(self, content: DidomiItem | ProfileHint | UnknownItem, at: Micros) -> None:
        """Let the platforms hold what one event tells, where nothing newer is known."""
        if isinstance(content, ProfileHint) and self.profile is not None:
            for name, value in content.subscriptions.items():
                if at > self._seen_at.get(name, self._unseen_since):
                    self.profile.subscriptions[name] = value
        elif isinstance(content, DidomiItem) and content.ouid:
            user = self.consents.user(content.ouid, content.regulation)
            event = content.event
            if event is not None and event.status == "confirmed" and event.created_at is not None:
                user.take(event.tree, event.created_at)
            if content.shown is not None:
                user.take(content.shown, content.updated_at or at)


class Rerun:
    """One version's run over one person's events."""

    def __init__(
        self, mapping: Mapping, subject: Subject, state: PersonState, world: World, rules: Rules
    ) -> None:
        self._mapping = mapping
        self._subject = subject
        self._state = state
        self._world = world
        self._reasons: dict[str, str] = {}
        self._verdicts: dict[str, Verdict] = {}
        self._ouid = state.names.ouid or (state.spellings[-1] if state.spellings else "")
        self._tools = TurnTools(
            profiles=world.profiles,
            consents=world.consents,
            turns=Forgetful(),
            didomi=_DIDOMI,
            actito=_ACTITO,
            clock=world.clock,
            chance=_CHANCE,
            rules=rules,
            retry=_RETRY,
            observer=_UNOBSERVED,
        )

    async def take(self, events: Sequence[StoredEvent]) -> None:
        """Let these events happen once more, in one turn."""
        for event in events:
            self._hold(event)
        items = tuple(StoredItem(event.id, event) for event in events)
        turn = Turn(self._subject, self._state, items)
        settlement = await TurnRun(self._tools, turn, self._mapping, None).end()
        self._state = settlement.state
        self._ouid = self._state.names.ouid or self._ouid
        if settlement.record is not None:
            for entry in settlement.record.entries:
                self._reasons[entry.line] = entry.reason
                self._verdicts[entry.line] = entry.verdict

    def _hold(self, event: StoredEvent) -> None:
        if not isinstance(event.source, Side):
            return
        try:
            if event.source is Side.DIDOMI:
                said: DidomiItem | ProfileHint | UnknownItem = _DIDOMI.understand(event.body)
            else:
                said = _ACTITO.understand(event.body, self._mapping.key_attribute)
        except RefusedError:
            # The turn says so for itself.
            return
        self._world.hold(said, event.received_at)

    def subscription(self, name: str) -> bool | None:
        """Return what the profile holds, None where that was never set or nobody knows."""
        # One that was created in the run counts, too.
        profiles = self._world.profiles.profiles.values()
        return next((one.subscriptions.get(name) for one in profiles), None)

    def holds(self, line: Line) -> Choice:
        """Return what Didomi holds at the place of a line."""
        user = self._world.consents.find(self._ouid, self._mapping.regulations[0])
        return user.holds(line.node) if user is not None else Choice.NONE

    def reason(self, name: str) -> str:
        """Return why the line ended as it did; empty when nothing was decided on it."""
        return self._reasons.get(name, "")

    def held(self, name: str) -> bool:
        """Say whether a raise of the line waits for a person's word."""
        return self._verdicts.get(name) in HELD
