"""Permits drawn from what replicas share, with a quota by hand."""

import asyncio
from dataclasses import dataclass, field

from consent_sync.adapters.actito.pacing import Pacing, SharedAs
from consent_sync.domain.errors import StoreError
from consent_sync.domain.moments import SECOND
from consent_sync.ports.quota import Ask, Permits
from tests.providers.actito.samples import NOON, TestClock

ACCOUNT = b"one account"


@dataclass
class HandQuota:
    """Gives what the test says, one answer after the other, the last one again and again."""

    answers: list[Permits | StoreError]
    asked: list[Ask] = field(default_factory=list)

    async def draw(self, ask: Ask) -> Permits:
        """Note what was asked for."""
        self.asked.append(ask)
        answer = self.answers[min(len(self.asked), len(self.answers)) - 1]
        if isinstance(answer, StoreError):
            raise answer
        return answer


def shared(clock: TestClock, quota: HandQuota) -> Pacing:
    return Pacing(90, 3, clock, SharedAs(quota, ACCOUNT))


async def test_permits_are_drawn_some_at_a_time(clock: TestClock) -> None:
    """Not one by one: the calls of two seconds are asked for together."""
    quota = HandQuota([Permits(3, 3)])
    pacing = shared(clock, quota)
    for _ in range(3):
        await pacing.wait(urgent=False)

    assert quota.asked == [Ask(ACCOUNT, 3, 0, 90, 3)]


async def test_without_a_permit_a_call_waits(clock: TestClock) -> None:
    """About as long as one more call takes to be allowed, then it asks again."""
    quota = HandQuota([Permits(0, 1), Permits(0, 1), Permits(1, 1)])
    await shared(clock, quota).wait(urgent=False)

    assert len(quota.asked) == 3
    assert NOON + SECOND <= clock.now() <= NOON + 2 * SECOND


async def test_an_unused_permit_ends(clock: TestClock) -> None:
    """After five seconds others have had it."""
    quota = HandQuota([Permits(3, 3)])
    pacing = shared(clock, quota)
    await pacing.wait(urgent=False)
    await clock.sleep(6)
    await pacing.wait(urgent=False)

    assert len(quota.asked) == 2


async def test_urgent_calls_are_charged_with_the_next_drawing(clock: TestClock) -> None:
    """They wait for nothing, and the quota learns of them."""
    quota = HandQuota([Permits(1, 3)])
    pacing = shared(clock, quota)
    for _ in range(4):
        await pacing.wait(urgent=True)
    before = list(quota.asked)
    await pacing.wait(urgent=False)
    await pacing.wait(urgent=True)
    await pacing.wait(urgent=False)

    assert before == []
    assert [ask.beyond for ask in quota.asked] == [4, 1]


async def test_while_the_store_is_away_nobody_starts(clock: TestClock) -> None:
    """Nothing is lost by waiting, and it goes on by itself."""
    quota = HandQuota([StoreError("gone"), StoreError("gone"), Permits(1, 3)])
    await shared(clock, quota).wait(urgent=False)

    assert clock.now() == NOON + 2 * SECOND


async def test_calls_at_once_follow_the_share(clock: TestClock) -> None:
    """What was three places for one replica is one each for three."""
    quota = HandQuota([Permits(9, 1)])
    pacing = shared(clock, quota)
    await pacing.wait(urgent=False)
    running = 0

    async def call() -> None:
        nonlocal running
        async with pacing.slot(urgent=False):
            running += 1
            await asyncio.sleep(0.01)

    tasks = [asyncio.create_task(call()) for _ in range(3)]
    await asyncio.sleep(0.005)
    at_first = running
    await asyncio.gather(*tasks)

    assert (at_first, running) == (1, 3)


async def test_room_is_what_the_pace_has_work_for(clock: TestClock) -> None:
    """As many turns as there are calls free, and enough to keep them going."""
    pacing = Pacing(90, 3, clock)
    full = pacing.room()
    for _ in range(9):
        await pacing.wait(urgent=False)

    assert (full, pacing.room()) == (12, 3)
    assert Pacing(0, 3, clock).room() is None
    assert Pacing(6000, 3, clock).room() == 800


async def test_beside_the_pace_there_is_room_while_the_line_is_short(clock: TestClock) -> None:
    """Who turns out to need a call makes it longer, and then only few more may come."""
    pacing = Pacing(90, 3, clock)
    for _ in range(9):
        await pacing.wait(urgent=False)
    room: list[int | None] = []
    lines: list[asyncio.Task[None]] = []
    for more in (3, 1, 8):
        lines += [asyncio.create_task(pacing.wait(urgent=False)) for _ in range(more)]
        await asyncio.sleep(0)
        room.append(pacing.room_beside())

    assert room == [None, 4, 0]
    for line in lines:
        line.cancel()
    await asyncio.gather(*lines, return_exceptions=True)


async def test_room_counts_the_permits_that_are_left(clock: TestClock) -> None:
    """None are left before the first drawing."""
    pacing = shared(clock, HandQuota([Permits(3, 2)]))
    before = pacing.room()
    await pacing.wait(urgent=False)

    assert (before, pacing.room()) == (3, 5)
