"""A worker with everything around it, and Ann with a profile."""

import asyncio
from collections.abc import AsyncIterator, Callable
from collections.abc import Mapping as MappingView
from contextlib import asynccontextmanager
from dataclasses import dataclass

from consent_sync.adapters.storage.memory import MemoryStore
from consent_sync.domain.events import DidomiItem, ProfileHint
from consent_sync.domain.identity import Side, Subject
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.retry import RetryPolicy
from consent_sync.domain.rules import Rules
from consent_sync.domain.urgency import Urgency
from consent_sync.ports.store import NewEvent
from consent_sync.services.profiles import ProfileIndex
from consent_sync.services.synchronise import Synchroniser
from consent_sync.services.worker import Worker
from tests.doubles.clock import EvenChance, SettableClock
from tests.doubles.engine import Contents, SilentObserver
from tests.doubles.mappings import a_mapping
from tests.doubles.platforms import ActitoWorld, DidomiWorld, Profile

ANN = "ann@example.com"


class Mappings:
    """The mappings in force, as a plain dictionary."""

    def __init__(self, *mappings: Mapping) -> None:
        self.in_force = {mapping.name: mapping for mapping in mappings}

    def current(self) -> MappingView[str, Mapping]:
        """Return the mappings in force."""
        return self.in_force


@dataclass
class Shop:
    """A worker with everything around it."""

    clock: SettableClock
    store: MemoryStore
    mappings: Mappings
    actito: ActitoWorld
    didomi: DidomiWorld
    contents: Contents
    observer: SilentObserver
    synchroniser: Synchroniser
    worker: Worker
    numbers: int = 0

    async def receive(
        self,
        content: DidomiItem | ProfileHint,
        person: str,
        urgency: Urgency = Urgency.OPT_OUT,
    ) -> None:
        """Store one item for a person."""
        self.numbers += 1
        source = Side.DIDOMI if isinstance(content, DidomiItem) else Side.ACTITO
        await self.store.accept(
            [
                NewEvent(
                    source,
                    "",
                    "test",
                    self.numbers.to_bytes(16),
                    self.clock.now(),
                    self.contents.keep(content),
                    (Subject("brand-a", person),),
                    repeatable=False,
                    urgency=urgency,
                )
            ]
        )

    async def drain(self) -> None:
        """Take turns until none is due."""
        while turns := await self.store.claim(10):
            for turn in turns:
                await self.synchroniser.take(turn)


async def until(true: Callable[[], bool]) -> None:
    """Return as soon as it is true; fail after five seconds."""
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110 - what is waited for is no event of ours
            await asyncio.sleep(0.005)


@asynccontextmanager
async def opened() -> AsyncIterator[Shop]:
    """A worker that is not running yet, and Ann with a profile."""
    clock = SettableClock()
    store = MemoryStore(clock)
    await store.open()
    actito, didomi = ActitoWorld(clock), DidomiWorld(clock)
    contents, observer, mappings = Contents(), SilentObserver(), Mappings(a_mapping())
    synchroniser = Synchroniser(
        mappings=mappings,
        profiles=actito,
        consents=didomi,
        store=store,
        didomi=contents,
        actito=contents,
        clock=clock,
        chance=EvenChance(),
        rules=Rules(),
        retry=RetryPolicy(),
        index=ProfileIndex(),
        observer=observer,
    )
    actito.profiles[ANN] = Profile("1042")
    worker = Worker(store, synchroniser, 4, observer)
    yield Shop(clock, store, mappings, actito, didomi, contents, observer, synchroniser, worker)
    await store.close()
