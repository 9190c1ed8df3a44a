"""The real services between two worlds in memory: a stage for trials, where nobody is real."""

from collections.abc import Mapping as MappingView
from collections.abc import Sequence
from typing import Final

from consent_sync.adapters.actito.webhook import ActitoReceiver
from consent_sync.adapters.didomi.webhook import DidomiReceiver
from consent_sync.adapters.storage.memory import MemoryStore
from consent_sync.adapters.worlds.clock import EvenChance, HandClock
from consent_sync.adapters.worlds.consents import ConsentWorld
from consent_sync.adapters.worlds.profiles import ProfileWorld
from consent_sync.domain.events import DidomiItem, ProfileHint, UnknownItem
from consent_sync.domain.identity import Names, Subject
from consent_sync.domain.ledger import LedgerRecord
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.moments import Micros
from consent_sync.domain.retry import RetryPolicy
from consent_sync.domain.rules import Rules
from consent_sync.ports.receiver import Arrival
from consent_sync.services.intake import Intake
from consent_sync.services.profiles import ProfileIndex
from consent_sync.services.synchronise import Synchroniser

_MARK: Final = b"\x00"
"""How a body begins that stands for a value of ours; no JSON begins so."""

_MOST_ROUNDS: Final = 1_000
_AT_ONCE: Final = 32


class OneMapping:
    """One mapping in force (ports.mappings.MappingSource)."""

    def __init__(self, mapping: Mapping) -> None:
        self._current = {mapping.name: mapping}

    def current(self) -> MappingView[str, Mapping]:
        """Return it by its name."""
        return self._current


class Unobserved:
    """Takes no note of anything (ports.observer.TurnObserver)."""

    def turn(self, subject: Subject, record: LedgerRecord | None, outcome: str) -> None:
        """Ignore a settled turn."""

    def trouble(self, subject: Subject, what: str, error: Exception) -> None:
        """Ignore what stood in the way."""


class Contents:
    """Values that are handed in as they are, behind bodies that stand for them."""

    def __init__(self) -> None:
        self._kept: dict[bytes, DidomiItem | ProfileHint] = {}

    def keep(self, content: DidomiItem | ProfileHint) -> bytes:
        """Return a body that stands for this content."""
        body = _MARK + str(len(self._kept)).encode()
        self._kept[body] = content
        return body

    def arrival(self, body: bytes) -> Arrival | None:
        """Return the event behind a body, None for a real one."""
        content = self._kept.get(body)
        if content is None:
            return None
        names = Names(content.ouid) if isinstance(content, DidomiItem) else content.names
        return Arrival("trial", body, body.rjust(16, _MARK)[-16:], names)

    def didomi(self, body: bytes) -> DidomiItem | None:
        """Return what a body stands for, None for a real one."""
        content = self._kept.get(body)
        return content if isinstance(content, DidomiItem) else None

    def hint(self, body: bytes) -> ProfileHint | None:
        """Return what a body stands for, None for a real one."""
        content = self._kept.get(body)
        return content if isinstance(content, ProfileHint) else None


class StageDidomi:
    """The real receiver of Didomi's bodies, and values handed in."""

    def __init__(self, contents: Contents) -> None:
        self._contents, self._real = contents, DidomiReceiver()

    def arrivals(self, body: bytes) -> Sequence[Arrival]:
        """Return the events in a body; raise RefusedError when it is none."""
        one = self._contents.arrival(body)
        return [one] if one is not None else self._real.arrivals(body)

    def understand(self, body: bytes) -> DidomiItem | UnknownItem:
        """Return what one event says; raise RefusedError when it cannot be read."""
        return self._contents.didomi(body) or self._real.understand(body)


class StageActito:
    """The real receiver of Actito's bodies, and values handed in."""

    def __init__(self, contents: Contents) -> None:
        self._contents, self._real = contents, ActitoReceiver()

    def arrivals(self, body: bytes, key_attribute: str) -> Sequence[Arrival]:
        """Return the events in a body; raise RefusedError when it is none."""
        one = self._contents.arrival(body)
        return [one] if one is not None else self._real.arrivals(body, key_attribute)

    def understand(self, body: bytes, key_attribute: str) -> ProfileHint | UnknownItem:
        """Return what one event says; raise RefusedError when it cannot be read."""
        return self._contents.hint(body) or self._real.understand(body, key_attribute)


class Stage:
    """One mapping, both worlds, a clock, and the services that do the work for real people."""

    def __init__(self, mapping: Mapping, rules: Rules, now: Micros) -> None:
        self.mapping = mapping
        self.rules = rules
        self.clock = HandClock(now)
        self.profiles = ProfileWorld(self.clock)
        self.consents = ConsentWorld(self.clock)
        self.store = MemoryStore(self.clock)
        self.contents = Contents()
        self.didomi = StageDidomi(self.contents)
        self.actito = StageActito(self.contents)
        index, mappings = ProfileIndex(), OneMapping(mapping)
        self.intake = Intake(self.store, mappings, self.didomi, self.actito, self.clock, index)
        self._synchroniser = Synchroniser(
            mappings=mappings,
            profiles=self.profiles,
            consents=self.consents,
            store=self.store,
            didomi=self.didomi,
            actito=self.actito,
            clock=self.clock,
            chance=EvenChance(),
            rules=rules,
            retry=RetryPolicy(),
            index=index,
            observer=Unobserved(),
        )

    async def run(self) -> None:
        """Take turns until none is due."""
        for _ in range(_MOST_ROUNDS):
            turns = await self.store.claim(_AT_ONCE)
            if not turns:
                return
            for turn in turns:
                await self._synchroniser.take(turn)
