"""A long look into the database: both kinds give the same answers beside their owner."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import pytest

from consent_sync.adapters.storage.past import SqlitePast
from consent_sync.adapters.storage.postgres.past import PostgresPast
from consent_sync.adapters.storage.postgres.store import PostgresStore
from consent_sync.adapters.storage.sqlite import SqliteStore
from consent_sync.domain.moments import HOUR, SECOND
from consent_sync.ports.past import Past
from consent_sync.ports.store import Settlement, Store
from tests.contracts.postgres_kit import HandDatabase
from tests.contracts.store_kit import (
    START,
    HandClock,
    event,
    record,
    refused,
    state,
    subject,
)


class Kept(NamedTuple):
    store: Store
    past: Past


@pytest.fixture(params=["sqlite", "postgres"])
async def kept(
    request: pytest.FixtureRequest, tmp_path: Path, clock: HandClock
) -> AsyncIterator[Kept]:
    store: Store
    past: Past
    if request.param == "postgres":
        database: HandDatabase = request.getfixturevalue("hand_database")
        database.follow(clock)
        store = PostgresStore(database.url, clock)
        await store.open()
        past = PostgresPast(database.url)
    else:
        store = SqliteStore(tmp_path / "store.db", clock)
        await store.open()
        past = SqlitePast(tmp_path / "store.db")
    yield Kept(store, past)
    await past.close()
    await store.close()


async def numbers(past: Past, since: int) -> list[int]:
    return sorted([one.id async for page in past.pages(since) for one in page])


async def test_events_since_a_moment(kept: Kept) -> None:
    """Every accepted event received since then comes once; older and refused ones do not."""
    for at in range(1_300):
        await kept.store.accept([event(f"e{at}", "ada", at=START + at * SECOND)])
    await kept.store.refuse(refused("nonsense"))

    assert await numbers(kept.past, START) == list(range(1, 1_301))
    assert await numbers(kept.past, START + 1_290 * SECOND) == list(range(1_291, 1_301))
    assert await numbers(kept.past, START + HOUR) == []


async def test_events_that_came_out_of_order(kept: Kept) -> None:
    """Numbers follow arrival closely and not to the last one; none is missed."""
    for at in (5, 0, 3, 900, 2, 901):
        await kept.store.accept([event(f"e{at}", "ada", at=START + at * SECOND)])

    assert await numbers(kept.past, START + 3 * SECOND) == [1, 3, 4, 6]


async def test_events_by_their_numbers(kept: Kept) -> None:
    """These and no others, oldest first, with their bodies."""
    await kept.store.accept([event(text, "ada") for text in ("one", "two", "three")])
    found = await kept.past.events_by_numbers([3, 1, 77])

    assert [(one.id, one.body) for one in found] == [(1, b"one"), (3, b"three")]
    assert list(await kept.past.events_by_numbers([])) == []


async def test_persons_and_their_records(kept: Kept) -> None:
    """What is known of somebody, and nothing of anybody else, also of who came after the look."""
    await kept.store.accept([event("one", "ada"), event("two", "ben")])
    for turn in await kept.store.claim(2):
        done = tuple(item.id for item in turn.items)
        await kept.store.settle(Settlement(turn.subject, state("x"), record(), done))

    assert await kept.past.person(subject("eve")) is None
    assert list(await kept.past.timeline(subject("eve"), 5)) == []
    assert await kept.past.find_profile("main", "1001") is None


async def test_persons_who_were_there_before(kept: Kept, tmp_path: Path) -> None:
    """Somebody known when the look began is found, wherever their hash is kept."""
    await kept.store.accept([event("one", "ada")])
    (turn,) = await kept.store.claim(1)
    done = tuple(item.id for item in turn.items)
    await kept.store.settle(Settlement(turn.subject, state("ada"), record(), done))
    past: Past = kept.past
    if isinstance(past, SqlitePast):
        past = SqlitePast(tmp_path / "store.db")

    assert await past.person(subject("ada")) == state("ada")
    assert len(await past.timeline(subject("ada"), 5)) == 1
    if past is not kept.past:
        await past.close()
