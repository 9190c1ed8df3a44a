"""Several replicas on one PostgreSQL: nobody's turns overlap, and a lost lease records nothing."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

import psycopg
import pytest

from consent_sync.adapters.clock import SystemClock
from consent_sync.adapters.storage.postgres.claims import may_write
from consent_sync.adapters.storage.postgres.store import (
    POLL_SECONDS,
    POLL_SECONDS_WITHOUT_DOOR,
    PostgresStore,
)
from consent_sync.domain.errors import StoreError, TemporaryError
from consent_sync.domain.identity import Subject
from consent_sync.domain.moments import MINUTE, SECOND
from consent_sync.domain.state import PersonState
from consent_sync.ports.store import Store
from tests.contracts.postgres_kit import HandDatabase
from tests.contracts.store_kit import (
    START,
    HandClock,
    claim_one,
    event,
    people,
    settled,
    state,
    subject,
    texts,
    write,
)
from tests.postgres import PostgresServer

LEASE = 30.0


@pytest.fixture
def url(postgres: PostgresServer) -> Iterator[str]:
    url = postgres.new_database()
    yield url
    postgres.drop(url)


@pytest.fixture(scope="module")
def hand_database(postgres: PostgresServer) -> Iterator[HandDatabase]:
    database = HandDatabase(postgres)
    yield database
    database.close()


@asynccontextmanager
async def replicas(
    url: str, *clocks: HandClock | SystemClock
) -> AsyncIterator[list[PostgresStore]]:
    async with AsyncExitStack() as stack:
        stores = [PostgresStore(url, clock, lease_seconds=LEASE) for clock in clocks]
        for store in stores:
            await store.open()
            stack.push_async_callback(store.close)
        yield stores


class Watch:
    """Sees whose turns run, and in which order their events are taken."""

    def __init__(self) -> None:
        self.running: Counter[Subject] = Counter()
        self.overlaps = 0
        self.taken: dict[Subject, list[str]] = {}

    async def work(self, store: Store, done: asyncio.Event) -> None:
        while not done.is_set():
            turns = await store.claim(7)
            for turn in turns:
                self.running[turn.subject] += 1
                self.overlaps += self.running[turn.subject] > 1
            await asyncio.sleep(0)
            for turn in turns:
                self.taken.setdefault(turn.subject, []).extend(texts(turn))
                self.running[turn.subject] -= 1
                await store.settle(settled(turn))
            if not turns:
                await store.wait(0.02)


async def all_taken(store: Store) -> None:
    async with asyncio.timeout(20):
        while (await store.status()).waiting_turns:  # noqa: ASYNC110 - told by the database only
            await asyncio.sleep(0.01)


async def test_turns_of_one_person_never_overlap(url: str) -> None:
    """Four replicas take what two of them accept: everything once, and in order."""
    rng = random.Random(7)
    names = [f"p{n}" for n in range(15)]
    sent: dict[Subject, list[str]] = {}
    watch, done = Watch(), asyncio.Event()

    async def accept(store: Store, door: int) -> None:
        for number in range(60):
            chosen = rng.sample([one for one in names if int(one[1:]) % 2 == door], 2)
            for name in chosen:
                sent.setdefault(subject(name), []).append(f"{door}-{number}")
            await store.accept([event(f"{door}-{number}", *chosen)])

    async with replicas(url, *[SystemClock()] * 4) as stores:
        workers = [asyncio.create_task(watch.work(store, done)) for store in stores]
        await asyncio.gather(accept(stores[0], 0), accept(stores[1], 1))
        await all_taken(stores[2])
        done.set()
        await asyncio.gather(*workers)

    assert watch.overlaps == 0
    assert watch.taken == sent


async def test_the_same_events_at_two_doors_are_stored_once(url: str) -> None:
    """Whatever arrives at both at the same moment counts once, without a deadlock."""
    rng = random.Random(3)
    async with replicas(url, *[SystemClock()] * 2) as stores:
        answers: list[bool] = []
        for number in range(20):
            batch = [event(f"{number}-{n}", f"p{n % 9}", f"p{n % 7}") for n in range(30)]
            shuffled = rng.sample(batch, len(batch))
            for found in await asyncio.gather(stores[0].accept(batch), stores[1].accept(shuffled)):
                answers += found
        status = await stores[0].status()

    assert (sum(answers), len(answers)) == (600, 1200)
    assert (status.waiting_turns, status.persons) == (9, 9)


@pytest.mark.parametrize("seconds", [POLL_SECONDS, POLL_SECONDS_WITHOUT_DOOR])
async def test_what_another_replica_accepted_is_seen_soon(
    hand_database: HandDatabase, seconds: float
) -> None:
    """Who waits for work looks for that of others after a pause that is set, and no sooner."""
    clock = HandClock()
    hand_database.follow(clock)
    doors = PostgresStore(hand_database.url, clock)
    other = PostgresStore(hand_database.url, clock, poll_seconds=seconds)
    await doors.open()
    await other.open()
    waiting = asyncio.create_task(other.wait(60))
    await clock.somebody_sleeps()
    await doors.accept([event(f"after {seconds}", "ada")])
    early = waiting.done()
    clock.advance(seconds)
    await asyncio.wait_for(waiting, 5)
    turn = await claim_one(other)
    await other.settle(settled(turn))

    assert (early, texts(turn)) == (False, [f"after {seconds}"])
    await other.close()
    await doors.close()


async def test_a_lease_that_ends_hands_the_person_on(hand_database: HandDatabase) -> None:
    """Whoever has the person now knows what was announced; the first may record nothing more."""
    clock = HandClock()
    hand_database.follow(clock)
    async with replicas(hand_database.url, clock, clock) as (frozen, other):
        await frozen.accept([event("one", "ada")])
        turn = await claim_one(frozen)
        await frozen.announce(turn.subject, [write("News")])
        early = await other.claim(1)
        clock.advance(LEASE)
        again = await claim_one(other)
        with pytest.raises(StoreError, match="lease of this turn was lost"):
            await frozen.announce(turn.subject, [write("Deals")])
        await other.settle(settled(again, state=state("other")))

        assert (early, texts(again), again.in_flight) == ([], ["one"], (write("News"),))
        assert await frozen.person(subject("ada")) == state("other")
        assert len(await frozen.timeline(subject("ada"), 9)) == 1


async def test_a_write_of_a_lost_turn_is_looked_at_again(hand_database: HandDatabase) -> None:
    """A call that was out when the lease ended may have landed late: the person's turn comes again."""
    clock = HandClock()
    hand_database.follow(clock)
    async with replicas(hand_database.url, clock, clock) as (frozen, other):
        await frozen.accept([event("one", "ada")])
        turn = await claim_one(frozen)
        await frozen.announce(turn.subject, [write("News")])
        clock.advance(LEASE)
        again = await claim_one(other)
        await other.announce(again.subject, [write("Deals")])
        with pytest.raises(StoreError, match="lease of this turn was lost"):
            await frozen.settle(settled(turn, state=state("frozen")))
        with pytest.raises(StoreError, match="not claimed"):
            await frozen.release(turn.subject)
        await asyncio.sleep(0.05)
        await other.settle(settled(again, state=state("other")))
        third = await claim_one(other)

        assert (third.state, third.items, third.in_flight) == (state("other"), (), (write("News"),))
        await other.settle(settled(third))
        assert await other.claim(1) == []


async def test_a_write_begins_only_while_the_lease_lasts(hand_database: HandDatabase) -> None:
    """The task of a turn may write until shortly before its lease ends, counted by itself."""
    clock = HandClock()
    hand_database.follow(clock)
    # Long enough that it is not extended by itself before the other replica claims.
    store = PostgresStore(hand_database.url, clock, lease_seconds=3)
    other = PostgresStore(hand_database.url, clock, lease_seconds=60)
    await store.open()
    await other.open()
    await store.accept([event("one", "ada")])
    turn = await claim_one(store)
    await store.announce(turn.subject, [write()])
    may_write(50)
    clock.advance(3)
    await claim_one(other)
    # The next time that leases are extended it finds out.
    await until(lambda: not writes_allowed())

    with pytest.raises(TemporaryError, match="lease of this turn"):
        may_write(50)
    await other.close()
    await store.close()


def writes_allowed() -> bool:
    """Say whether the task of this turn may begin a write."""
    try:
        may_write(50)
    except TemporaryError:
        return False
    return True


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds, about five seconds at most."""
    for _ in range(250):
        if holds():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it never came to hold")


async def test_leases_go_on_while_their_replica_lives(hand_database: HandDatabase) -> None:
    """A turn that takes longer than a lease stays where it is."""
    clock = HandClock()
    hand_database.follow(clock)
    store = PostgresStore(hand_database.url, clock, lease_seconds=0.3)
    await store.open()
    async with replicas(hand_database.url, clock) as (other,):
        await store.accept([event("one", "ada")])
        turn = await claim_one(store)
        for _ in range(4):
            clock.advance(0.2)
            await asyncio.sleep(0.08)
        stolen = await other.claim(1)
        await store.settle(settled(turn))

    assert stolen == []
    await store.close()


async def test_a_stopped_replica_gives_its_turns_back(hand_database: HandDatabase) -> None:
    """Nobody waits for a lease of somebody who left in order."""
    clock = HandClock()
    hand_database.follow(clock)
    async with replicas(hand_database.url, clock, clock) as (leaving, other):
        await leaving.accept([event("one", "ada")])
        await claim_one(leaving)
        await leaving.close()

        assert people(await other.claim(1)) == ["ada"]


async def test_clocks_of_replicas_may_be_apart(hand_database: HandDatabase) -> None:
    """A retry is due after its pause, whatever time each replica believes it is."""
    clock, ahead, behind = HandClock(), HandClock(), HandClock()
    hand_database.follow(clock)
    ahead.advance(7 * 60)
    behind.advance(-7 * 60)
    async with replicas(hand_database.url, ahead, behind) as (early, late):
        await early.accept([event("one", "ada", at=ahead.now())])
        await late.accept([event("two", "ben", at=behind.now())])
        for store, own in ((late, behind), (early, ahead)):
            turn = await claim_one(store)
            due_at = own.now() + 10 * SECOND
            await store.settle(settled(turn, done=(), due_at=due_at, attempts=1))
        clock.advance(9)
        too_early = [*await early.claim(5), *await late.claim(5)]
        clock.advance(1)
        found = await late.claim(5)

    assert too_early == []
    assert sorted(people(found)) == ["ada", "ben"]
    assert {item.event.received_at for turn in found for item in turn.items} == {
        START + 7 * MINUTE,
        START - 7 * MINUTE,
    }


async def test_a_follower_misses_no_record(url: str) -> None:
    """Records of several replicas become visible out of order; a follower sees each once."""
    seen: list[int] = []
    done = asyncio.Event()

    async def follow(store: PostgresStore) -> None:
        after = 0
        while True:
            last = done.is_set()
            for number, _, _ in await store.recent(after=after, limit=50):
                after = number
                seen.append(number)
            if last:
                return
            await asyncio.sleep(0)

    watch = Watch()
    async with replicas(url, *[SystemClock()] * 3) as stores:
        await stores[0].accept([event(f"e{n}", f"p{n}") for n in range(300)])
        follower = asyncio.create_task(follow(stores[0]))
        workers = [asyncio.create_task(watch.work(store, done)) for store in stores]
        await all_taken(stores[0])
        done.set()
        await asyncio.gather(follower, *workers)
        assert await stores[0].newest_record() == seen[-1]

    assert sorted(seen) == list(range(1, 301))


async def test_who_comes_in_while_their_name_is_forgotten_keeps_it(url: str) -> None:
    """Nobody is forgotten before everything has ended that began before the mark was seen."""
    async with replicas(url, HandClock(), HandClock()) as (one, two):
        await one.accept([event("first", "ada")])
        await one.settle(settled(await claim_one(one), state=PersonState()))
        async with await psycopg.AsyncConnection.connect(url) as slow:
            await slow.execute("SELECT pg_current_xact_id()")
            forgetting = asyncio.create_task(one.forget(0, START + 1, 9))
            async with await psycopg.AsyncConnection.connect(url, autocommit=True) as looking:
                async with asyncio.timeout(5):
                    while await _nobody_marked(looking):  # noqa: ASYNC110 - some milliseconds
                        await asyncio.sleep(0.005)
            await two.accept([event("second", "ada")])
            waited = not forgetting.done()
        step = await forgetting
        turn = await claim_one(two)

        assert waited
        assert step == (1, 0)
        assert turn.subject == subject("ada")


async def _nobody_marked(looking: psycopg.AsyncConnection) -> bool:
    marks = await looking.execute("SELECT key FROM consent_sync.faded")
    return await marks.fetchone() is None
