"""Opt-outs that are written together: taken beside the pace, and at nobody's expense."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from consent_sync.domain.consent import Choice
from consent_sync.domain.events import ProfileMissing, ProfileReading
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.profile import ProfileChange
from consent_sync.domain.urgency import Urgency
from consent_sync.services.worker import Worker
from tests.doubles.clock import SettableClock
from tests.doubles.mappings import EMAIL
from tests.doubles.platforms import ActitoWorld, Profile
from tests.services.shop import ANN, Shop, opened, until


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with opened() as shop:
        yield shop


class Ferry:
    """Room for opt-outs that are written together."""

    def __init__(self, room: int) -> None:
        self._room = room

    def room(self) -> int:
        return self._room

    def waiting(self) -> int:
        return 0


@pytest.mark.parametrize("choice", [Choice.DENIED, Choice.GRANTED])
async def test_only_opt_outs_that_go_together_need_no_room(shop: Shop, choice: Choice) -> None:
    """However few turns the pace has work for, those that are written together are taken."""
    worker = Worker(shop.store, shop.synchroniser, 4, shop.observer, lambda: 0, Ferry(1))
    running = asyncio.create_task(worker.run())
    shop.didomi.click(ANN, {EMAIL: choice})
    urgency = Urgency.OPT_OUT if choice is Choice.DENIED else Urgency.OPT_IN
    await shop.receive(shop.didomi.outbox.pop(), ANN, urgency)
    await asyncio.sleep(0.03)
    await worker.stop(1)
    await running

    assert len(shop.actito.written) == (1 if choice is Choice.DENIED else 0)


class Boat(ActitoWorld):
    """Some people wait in it to be written together; all others stand in the line for a call."""

    def __init__(self, clock: SettableClock) -> None:
        super().__init__(clock)
        self.aboard = 0
        self.in_line: list[str] = []

    def room(self) -> int:
        return 100 - self.aboard

    def waiting(self) -> int:
        return self.aboard

    async def update(
        self, mapping: Mapping, key: str, change: ProfileChange, *, after_look: bool
    ) -> str:
        if not key.startswith("quick"):
            return await self._stand(key)
        self.aboard += 1
        await asyncio.Event().wait()
        raise AssertionError

    async def read_by_key(self, mapping: Mapping, key: str) -> ProfileReading | ProfileMissing:
        await self._stand(key)
        raise AssertionError

    async def _stand(self, key: str) -> str:
        self.in_line.append(key)
        await asyncio.Event().wait()
        raise AssertionError


@asynccontextmanager
async def working(shop: Shop, boat: Boat) -> AsyncIterator[None]:
    """Let a worker with work for four turns work, and cut everything off at the end."""
    synchroniser = replace(shop.synchroniser, profiles=boat)
    worker = Worker(shop.store, synchroniser, 8, shop.observer, lambda: 4, boat)
    running = asyncio.create_task(worker.run())
    yield
    await worker.stop(0.01)
    await running


async def refuse(shop: Shop, boat: Boat, people: Sequence[str]) -> None:
    """Let these refuse."""
    for person in people:
        boat.profiles[person] = Profile(f"1{person}")
        shop.didomi.click(person, {EMAIL: Choice.DENIED})
        await shop.receive(shop.didomi.outbox.pop(), person)


async def test_all_that_go_together_are_taken_at_once(shop: Shop) -> None:
    """As many as there is room for, whatever the pace."""
    boat = Boat(shop.clock)
    await refuse(shop, boat, [f"quick-{n}@example.com" for n in range(120)])
    async with working(shop, boat):
        await until(lambda: boat.aboard >= 100)

    assert boat.in_line == []


async def test_those_who_are_written_alone_after_all_leave_the_others_their_share(
    shop: Shop,
) -> None:
    """Few of them stand in the line for a call at the same time, and agreements beside them."""
    boat = Boat(shop.clock)
    await refuse(shop, boat, [f"slow-{n}@example.com" for n in range(120)])
    for n in range(9):
        person = f"agrees-{n}@example.com"
        boat.profiles[person] = Profile(f"2{n}")
        shop.didomi.click(person, {EMAIL: Choice.GRANTED})
        await shop.receive(shop.didomi.outbox.pop(), person, Urgency.OPT_IN)
    async with working(shop, boat):
        await until(lambda: any(key.startswith("agrees") for key in boat.in_line))
        await asyncio.sleep(0.05)

    assert len(boat.in_line) <= 4 + 32
