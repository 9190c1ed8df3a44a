"""Several replicas on one PostgreSQL: killed, frozen and updated under load, they lose nothing."""

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.postgres import PostgresServer
from tests.system.harness import Service, Town, town, until
from tests.system.test_kill import (
    FEW,
    LASTING,
    Crowd,
    explained,
    load,
    progress,
    reached,
    rest,
)

LEASE = "1"


@pytest.fixture
def url(postgres: PostgresServer) -> Iterator[str]:
    url = postgres.new_database()
    yield url
    postgres.drop(url)


@asynccontextmanager
async def replicated(
    folder: Path, url: str, *others: tuple[str, ...]
) -> AsyncIterator[tuple[Town, list[Service]]]:
    """Run a town whose service has these further replicas, by their options."""
    variables = {"DATABASE_URL": url, "LEASE_SECONDS": LEASE, "CLOCK_TOLERANCE_SECONDS": "2"}
    async with AsyncExitStack() as stack:
        place = await stack.enter_async_context(
            town(folder, actito=LASTING, didomi={"time_scale": 0.01}, variables=variables)
        )
        replicas = [place.service]
        for number, options in enumerate(others):
            own = folder / f"replica_{number}"
            own.mkdir()
            shared = {**place.service.variables, "LISTEN": "127.0.0.1:0"}
            replica = Service(own, shared)
            replica.options = options
            await replica.start()
            stack.push_async_callback(replica.kill)
            replicas.append(replica)
        yield place, replicas


async def right(place: Town, crowd: Crowd) -> None:
    """Wait until all is done; everybody's newest choice holds, and looking again writes nothing."""
    await rest(place)
    wrong = crowd.wrong()
    assert [(person.ouid, line) for person, line, on, _ in wrong if not on] == []
    assert len(wrong) <= FEW
    assert [one[:2] for one in wrong if not await explained(place, one[0], one[1])] == []


async def some_work(place: Town, rng: random.Random) -> None:
    target = progress(place) + rng.randint(5, 200)
    await until("some work is done", partial(reached, place, target))


async def test_replicas_that_are_killed_under_load(tmp_path: Path, url: str) -> None:
    """Any of three, at any point, again and again: no choice is lost or reversed."""
    rng = random.Random(11)
    async with replicated(tmp_path, url, (), ("--turns-only",)) as (place, replicas):
        crowd = Crowd(place, rng, "Newsletter", "DailyDeals", mixed=True)
        crowd.populate()
        async with load(crowd):
            for replica in [*replicas, replicas[1]]:
                await some_work(place, rng)
                await replica.kill()
                await replica.start()
        await right(place, crowd)
        shared = [len(one.events("turn_settled")) > 0 for one in replicas]
        leaks = [name for one in replicas for name in place.leaks(one.output())]

    assert shared == [True, True, True]
    assert leaks == []


async def test_replicas_that_freeze_and_wake(tmp_path: Path, url: str) -> None:
    """Beyond its lease the others go on with its people, and it does them no harm when it wakes."""
    rng = random.Random(5)
    async with replicated(tmp_path, url, ("--turns-only",)) as (place, replicas):
        crowd = Crowd(place, rng, "Newsletter", "DailyDeals", mixed=True)
        crowd.populate()
        frozen = replicas[1].process
        assert frozen is not None
        async with load(crowd):
            for _ in range(2):
                await some_work(place, rng)
                frozen.send_signal(signal.SIGSTOP)
                await asyncio.sleep(1.5)
                frozen.send_signal(signal.SIGCONT)
        await right(place, crowd)


async def test_replicas_that_are_updated_one_after_the_other(tmp_path: Path, url: str) -> None:
    """Each stops in order under load and starts again; half of them take webhooks only."""
    rng = random.Random(3)
    async with replicated(tmp_path, url, ("--turns-only",), ("--turns-only",)) as (place, replicas):
        await place.service.stop()
        place.service.options = ("--intake-only",)
        await place.service.start()
        crowd = Crowd(place, rng, "Newsletter", "DailyDeals", mixed=False)
        crowd.populate()
        async with load(crowd):
            for replica in replicas:
                await some_work(place, rng)
                assert await replica.stop() == 0
                await replica.start()
        await right(place, crowd)
        door = await place.get("/readyz")
        turns_only = replicas[1].address
        async with place.http.post(f"{turns_only}/webhooks/didomi", json={}) as elsewhere:
            refusal = await elsewhere.json(content_type=None)

    assert set(door.body["parts"]) == {"store", "mappings"}
    assert (elsewhere.status, refusal["code"]) == (503, "no-webhooks-here")
    assert elsewhere.headers["Retry-After"]
