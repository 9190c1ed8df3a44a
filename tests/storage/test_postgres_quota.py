"""What replicas draw of a platform's quota, on a clock of the test."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest

from consent_sync.adapters.storage.postgres.store import PostgresStore
from consent_sync.ports.quota import Ask, Permits
from tests.contracts.postgres_kit import HandDatabase
from tests.contracts.store_kit import HandClock
from tests.postgres import PostgresServer

ACCOUNT = b"one account"


@pytest.fixture(scope="module")
def hand_database(postgres: PostgresServer) -> Iterator[HandDatabase]:
    database = HandDatabase(postgres)
    yield database
    database.close()


@pytest.fixture
def clock(hand_database: HandDatabase) -> HandClock:
    clock = HandClock()
    hand_database.follow(clock)
    return clock


@pytest.fixture
async def replicas(
    hand_database: HandDatabase, clock: HandClock
) -> AsyncIterator[list[PostgresStore]]:
    async with AsyncExitStack() as stack:
        stores = [PostgresStore(hand_database.url, clock) for _ in range(4)]
        for store in stores:
            await store.open()
            stack.push_async_callback(store.close)
        yield stores


def ask(calls: int = 100, *, beyond: int = 0, per_minute: int = 60, at_once: int = 3) -> Ask:
    return Ask(ACCOUNT, calls, beyond, per_minute, at_once)


async def test_one_replica_has_the_whole_rate(
    replicas: list[PostgresStore], clock: HandClock
) -> None:
    """First a tenth of a minute's calls, then as many as leak away."""
    first = await replicas[0].draw(ask())
    at_once = await replicas[0].draw(ask())
    clock.advance(3)
    later = await replicas[0].draw(ask())

    assert (first, at_once, later) == (Permits(6, 3), Permits(0, 3), Permits(3, 3))


async def test_together_they_stay_below_the_rate(
    replicas: list[PostgresStore], clock: HandClock
) -> None:
    """In a minute, however often each of them asks, and each gets about as much."""
    drawn = [0, 0, 0, 0]
    for _ in range(120):
        for number, store in enumerate(replicas):
            drawn[number] += (await store.draw(ask(2, at_once=4))).calls
        clock.advance(0.5)

    assert 60 <= sum(drawn) <= 66
    assert max(drawn) - min(drawn) <= 12


async def test_whoever_died_leaves_its_share(
    replicas: list[PostgresStore], clock: HandClock
) -> None:
    """After ten seconds without a word the others divide all of it."""
    for store in replicas[:2]:
        await store.draw(ask(at_once=4))
    shared = await replicas[0].draw(ask(at_once=4))
    clock.advance(11)
    alone = await replicas[0].draw(ask(at_once=4))

    assert (shared.at_once, alone) == (2, Permits(6, 4))


async def test_more_replicas_than_calls_at_once_take_turns(
    replicas: list[PostgresStore], clock: HandClock
) -> None:
    """Never more at once than the account allows; who has no place gets no permits."""
    for store in replicas:
        await store.draw(ask())
    clock.advance(4)
    idle = set()
    for _ in range(8):
        clock.advance(5)
        drawn = [await store.draw(ask(1)) for store in replicas]
        assert sum(one.at_once for one in drawn) == 3
        idle |= {number for number, one in enumerate(drawn) if one == Permits(0, 0)}

    assert idle == {0, 1, 2, 3}


async def test_calls_made_without_a_permit_are_charged(
    replicas: list[PostgresStore], clock: HandClock
) -> None:
    """Whoever comes next waits until they have leaked away."""
    await replicas[0].draw(ask(beyond=10))
    clock.advance(4)
    owing = await replicas[0].draw(ask())
    clock.advance(3)

    assert owing.calls == 0
    assert (await replicas[0].draw(ask())).calls == 3
