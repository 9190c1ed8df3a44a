"""The pace of one account."""

import asyncio

import pytest

from consent_sync.adapters.actito.pacing import Pacing
from consent_sync.domain.moments import SECOND
from tests.providers.actito.samples import NOON, TestClock


async def started(pacing: Pacing, calls: int, *, urgent: bool = False) -> int:
    """Return how many of so many calls may start at once."""
    tasks = [asyncio.create_task(pacing.wait(urgent=urgent)) for _ in range(calls)]
    await asyncio.sleep(0.005)
    done = sum(task.done() for task in tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return done


async def test_a_burst_is_a_tenth_of_the_rate(clock: TestClock) -> None:
    """A full minute, the burst included, stays below the rate and a tenth."""
    assert await started(Pacing(90, 3, clock), 50) == 9


async def test_a_slow_rate_lets_one_call_start(clock: TestClock) -> None:
    """Even one call a minute can start."""
    assert await started(Pacing(1, 3, clock), 5) == 1


async def test_zero_is_no_pacing(clock: TestClock) -> None:
    """Without a rate nobody waits."""
    assert await started(Pacing(0, 3, clock), 500) == 500


async def test_urgent_calls_do_not_wait_but_are_charged(clock: TestClock) -> None:
    """Urgent calls start beyond the rate, and the calls after them wait for what they used."""
    pacing = Pacing(6000, 3, clock)
    urgent = await started(pacing, 610, urgent=True)
    loop = asyncio.get_running_loop()
    before = loop.time()
    await pacing.wait(urgent=False)

    assert urgent == 610
    # Ten calls over the burst of 600 and this one, at 100 in a second; some may have leaked away.
    assert loop.time() - before >= 0.05


async def test_a_pause_holds_everybody_but_the_urgent(clock: TestClock) -> None:
    """The longest pause asked for is kept."""
    pacing = Pacing(0, 3, clock)
    pacing.pause(10)
    pacing.pause(2)
    await pacing.wait(urgent=True)
    at_once = clock.now()
    await pacing.wait(urgent=False)

    assert (at_once, clock.now()) == (NOON, NOON + 10 * SECOND)


async def test_a_clock_that_is_set_back_ends_a_pause(clock: TestClock) -> None:
    """A pause never grows because the machine's clock was corrected."""
    pacing = Pacing(0, 3, clock)
    pacing.pause(10)
    clock.moment -= 3600 * SECOND
    await pacing.wait(urgent=False)

    assert clock.slept == []


@pytest.mark.parametrize("concurrency", [1, 2, 5])
async def test_slots_are_never_exceeded(clock: TestClock, concurrency: int) -> None:
    """No more calls at once than allowed, and all get their turn."""
    pacing = Pacing(0, concurrency, clock)
    inside, most, done = 0, 0, 0

    async def call(number: int) -> None:
        nonlocal inside, most, done
        async with pacing.slot(urgent=number % 3 == 0):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1
            done += 1

    await asyncio.gather(*(call(number) for number in range(30)))

    assert (most, done) == (concurrency, 30)


async def test_urgent_calls_come_first(clock: TestClock) -> None:
    """The next free slot goes to an urgent call, however many were waiting before it."""
    pacing, order, begin = Pacing(0, 1, clock), [], asyncio.Event()

    async def call(name: str, *, urgent: bool) -> None:
        async with pacing.slot(urgent=urgent):
            order.append(name)
            await begin.wait()

    async with asyncio.TaskGroup() as group:
        for name in ("first", "second", "third"):
            group.create_task(call(name, urgent=False))
        await asyncio.sleep(0.001)
        group.create_task(call("urgent", urgent=True))
        await asyncio.sleep(0.001)
        begin.set()

    assert order == ["first", "urgent", "second", "third"]


async def test_cancelled_calls_lose_no_slot(clock: TestClock) -> None:
    """Giving up while waiting, at the handover or while working leaves every slot to the others."""
    pacing = Pacing(0, 2, clock)

    async def call(number: int) -> None:
        async with pacing.slot(urgent=number % 2 == 0):
            await asyncio.sleep(0)

    for rounds in range(1, 12):
        tasks = [asyncio.create_task(call(number)) for number in range(12)]
        for position in range(rounds):
            await asyncio.sleep(0)
            tasks[-position - 1].cancel()
            tasks[position].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    async with asyncio.timeout(1), pacing.slot(urgent=False), pacing.slot(urgent=True):
        both = True

    assert both
