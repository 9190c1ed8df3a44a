"""Sweeping in the background: of several replicas one does it, and what it did counts for all."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from consent_sync.adapters.actito.webhook import ActitoReceiver
from consent_sync.adapters.didomi.webhook import DidomiReceiver
from consent_sync.adapters.metrics import Metrics
from consent_sync.adapters.notebook import SqliteNotebook
from consent_sync.adapters.storage.memory import MemoryStore
from consent_sync.app.sweeping import FIRST_AFTER_SECONDS, PAUSE_SECONDS, Sweeping
from consent_sync.domain.consent import Choice
from consent_sync.domain.moments import HOUR
from consent_sync.domain.rules import Rules
from consent_sync.services.first_look import Eyes
from consent_sync.services.intake import Intake
from consent_sync.services.own_door import OwnDoor
from consent_sync.services.patience import PatientLists, PatientProfiles
from consent_sync.services.profiles import ProfileIndex
from consent_sync.services.scan import new_progress, progress_text
from consent_sync.services.sweep import note_begin
from tests.doubles.clock import SettableClock
from tests.doubles.lists import ListedWorld
from tests.doubles.mappings import EMAIL, a_mapping
from tests.doubles.platforms import ActitoWorld, DidomiWorld
from tests.services.people import FixedMappings


class StepClock(SettableClock):
    """Whoever sleeps goes on when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []
        self._asleep = asyncio.Event()
        self._steps = asyncio.Semaphore(0)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._asleep.set()
        await self._steps.acquire()
        self.advance(seconds)

    async def step(self) -> float:
        """Let the sleeper go on to its next pause, and return how long that one is."""
        await asyncio.wait_for(self._asleep.wait(), 5)
        self._asleep.clear()
        self._steps.release()
        await asyncio.wait_for(self._asleep.wait(), 5)
        return self.slept[-1]


@dataclass
class Replica:
    """One process with a notebook of its own, over the store that all share."""

    store: MemoryStore
    lists: ListedWorld
    folder: Path
    name: str
    clock: StepClock = field(default_factory=StepClock)

    def __post_init__(self) -> None:
        profiles = PatientProfiles(ActitoWorld(SettableClock()), SettableClock())
        eyes = Eyes(
            lists=PatientLists(self.lists, SettableClock()),
            profiles=profiles,
            cheap=profiles,
            ledger=self.store,
            receiver=self.lists,
            clock=self.clock,
            rules=Rules(),
        )
        mappings = FixedMappings(a_mapping())
        parts = (DidomiReceiver(), ActitoReceiver(), self.clock, ProfileIndex())
        intake = Intake(self.store, mappings, *parts)
        self.sweeping = Sweeping(
            eyes=eyes,
            mappings=mappings,
            notebook=SqliteNotebook(self.folder / self.name),
            door=OwnDoor(intake),
            board=self.store,
            clock=self.clock,
            metrics=Metrics("0"),
            every=24 * HOUR,
            repairs=False,
            holder=self.name,
        )


@pytest.fixture
async def store() -> MemoryStore:
    store = MemoryStore(SettableClock())
    await store.open()
    return store


async def test_one_of_several_sweeps_and_another_takes_over(
    store: MemoryStore, tmp_path: Path
) -> None:
    """Each on its own would read all lists again, and take as many calls of Actito again."""
    world = DidomiWorld(SettableClock())
    world.click("ann", {EMAIL: Choice.DENIED})
    lists = ListedWorld(world)
    first, second = (Replica(store, lists, tmp_path, name) for name in ("one", "two"))
    for one in (first, second):
        one.sweeping.begin()
    await first.clock.step()
    waits = await second.clock.step()
    begun_once = len(lists.asked)
    await first.sweeping.stop()
    later = await second.clock.step()
    second.clock.advance(24 * 3_600)
    await second.clock.step()
    await second.sweeping.stop()

    assert (second.clock.slept[0], waits) == (FIRST_AFTER_SECONDS, PAUSE_SECONDS)
    assert begun_once == 1
    assert later > PAUSE_SECONDS
    assert len(lists.asked) == 2


async def test_what_another_has_overtaken_is_not_gone_on_with(
    store: MemoryStore, tmp_path: Path
) -> None:
    """A round that was stopped days ago would tell of days ago."""
    world = DidomiWorld(SettableClock())
    world.click("ann", {EMAIL: Choice.DENIED})
    lists = ListedWorld(world)
    replica = Replica(store, lists, tmp_path, "back")
    old = new_progress([a_mapping()], replica.clock.now())
    await SqliteNotebook(tmp_path / "back").note(progress_text(old))
    replica.clock.advance(3_600)
    await note_begin(store, replica.clock.now())
    replica.sweeping.begin()
    pause = await replica.clock.step()
    await replica.sweeping.stop()

    assert pause > PAUSE_SECONDS
    assert lists.asked == []


async def test_who_lost_the_lead_stops(store: MemoryStore, tmp_path: Path) -> None:
    """A process that slept for hours leaves the rest to whoever has taken over."""
    world = DidomiWorld(SettableClock())
    world.click("ann", {EMAIL: Choice.DENIED})
    lists = ListedWorld(world)
    slow = Replica(store, lists, tmp_path, "slow")

    async def take_over() -> None:
        await store.resign("sweep", "slow")
        await store.lead("sweep", "other", 3_600)

    tasks: list[asyncio.Task[None]] = []
    lists.before_page = lambda _: tasks.append(asyncio.create_task(take_over()))
    slow.sweeping.begin()
    pause = await slow.clock.step()
    await slow.sweeping.stop()

    assert pause == PAUSE_SECONDS
    assert await store.notice("swept") == (0, b"")
