"""Backlogs longer than what memory holds: everybody's turn comes, exactly once."""

import asyncio
from pathlib import Path

from consent_sync.adapters.storage.lanes import Lanes, Pages
from consent_sync.adapters.storage.sqlite import SqliteStore
from consent_sync.domain.moments import SECOND
from consent_sync.domain.urgency import Urgency
from tests.contracts.store_kit import START, HandClock, event, people, settled


async def opened(path: Path, clock: HandClock | None = None) -> SqliteStore:
    store = SqliteStore(path, clock or HandClock(), page=10)
    await store.open()
    return store


async def drain(store: SqliteStore, batch: int = 7) -> list[str]:
    handed: list[str] = []
    while turns := await store.claim(batch):
        handed += people(turns)
        await asyncio.gather(*(store.settle(settled(turn)) for turn in turns))
    return handed


async def test_a_backlog_comes_in_order_of_arrival(tmp_path: Path) -> None:
    """More persons than the line holds are handed out oldest first, each once."""
    store = await opened(tmp_path / "store.db")
    for start in range(0, 200, 50):
        await store.accept([event(f"e{n}", f"p{n}") for n in range(start, start + 50)])

    assert await drain(store) == [f"p{n}" for n in range(200)]
    await store.close()


async def test_a_backlog_comes_after_a_restart(tmp_path: Path) -> None:
    """It is read from the file page by page."""
    store = await opened(tmp_path / "store.db")
    await store.accept([event(f"e{n}", f"p{n}") for n in range(200)])
    await store.close()
    store = await opened(tmp_path / "store.db")

    assert await drain(store) == [f"p{n}" for n in range(200)]
    await store.close()


async def test_an_opt_out_overtakes_a_backlog_in_the_file(tmp_path: Path) -> None:
    """It need not be in the line: opt-outs have pages of their own, after a restart as well."""
    store = await opened(tmp_path / "store.db")
    await store.accept([event(f"e{n}", f"p{n}", urgency=Urgency.OPT_IN) for n in range(200)])
    await store.accept([event("no", "ada"), event("no too", "p150")])
    handed = people(await store.claim(2))
    await store.close()
    store = await opened(tmp_path / "store.db")

    assert handed == ["ada", "p150"]
    assert people(await store.claim(2)) == ["ada", "p150"]
    await store.close()


async def test_nobody_is_forgotten_while_a_backlog_grows(tmp_path: Path) -> None:
    """Arrivals, turns and pages may interleave in any way."""
    store = await opened(tmp_path / "store.db")
    handed: list[str] = []
    arrived = asyncio.Event()

    async def arrive(k: int) -> None:
        for n in range(60):
            urgency = Urgency((n + k) % 3)
            await store.accept([event(f"e{k}-{n}", f"p{k}-{n}", f"q{n % 5}", urgency=urgency)])

    async def work() -> None:
        while not arrived.is_set():
            handed.extend(await drain(store, 3))
            await asyncio.sleep(0)

    working = asyncio.ensure_future(work())
    await asyncio.gather(*(arrive(k) for k in range(8)))
    arrived.set()
    await working
    handed += await drain(store)
    status = await store.status()

    singles = sorted(name for name in handed if name.startswith("p"))
    assert singles == sorted(f"p{k}-{n}" for k in range(8) for n in range(60))
    assert status.waiting_turns == 0
    await store.close()


async def test_many_retries_come_at_their_moment(tmp_path: Path) -> None:
    """More retries than the line holds come once each, and none of them early."""
    clock = HandClock()
    store = await opened(tmp_path / "store.db", clock)
    await store.accept([event(f"e{n}", f"p{n}") for n in range(150)])
    while turns := await store.claim(50):
        for turn in turns:
            await store.settle(settled(turn, done=(), due_at=START + 9 * SECOND, attempts=1))
    await store.close()
    store = await opened(tmp_path / "store.db", clock)
    early = await store.claim(500)
    clock.advance(9)
    handed = await drain(store)

    assert early == []
    assert sorted(handed) == sorted(f"p{n}" for n in range(150))
    await store.close()


async def test_new_items_come_before_retries_that_are_not_due(tmp_path: Path) -> None:
    """A target that is down for some persons does not keep others waiting."""
    store = await opened(tmp_path / "store.db")
    await store.accept([event(f"e{n}", f"p{n}") for n in range(100)])
    while turns := await store.claim(50):
        for turn in turns:
            await store.settle(settled(turn, done=(), due_at=START + 9 * SECOND, attempts=1))
    await store.accept([event("new", "ada")])

    assert await drain(store) == ["ada"]
    await store.close()


def test_the_line_holds_no_more_than_its_limit() -> None:
    """What arrives beyond it is left to the database."""
    lanes = Lanes(40)
    lanes.pages.behind = False
    for n in range(1, 1_000):
        lanes.arrived(n, n, Urgency.OPT_IN)

    assert len(lanes) == 40
    assert lanes.pages == Pages(behind=True, cursor=40, missed=True)


def test_a_full_line_still_takes_opt_outs() -> None:
    """They have room of their own, and pages of their own when that is used up."""
    lanes = Lanes(40)
    lanes.pages.behind = lanes.optouts.behind = False
    for n in range(1, 1_000):
        lanes.arrived(n, n, Urgency.OPT_IN if n % 10 else Urgency.OPT_OUT)

    assert lanes.hurried == 40
    assert lanes.optouts == Pages(behind=True, cursor=409, missed=True)


def test_what_arrives_while_the_last_page_is_read_is_not_forgotten() -> None:
    """A page cannot hold what was committed after it was read."""
    lanes = Lanes(40)
    lanes.pages.start()
    lanes.arrived(7, 7, Urgency.OPT_IN)
    lanes.pages.read(0, last=True)

    assert lanes.pages.behind


def test_a_due_moment_set_while_due_ones_are_read_is_not_forgotten() -> None:
    """The earliest of what was read and what was set meanwhile counts."""
    lanes = Lanes(40)
    lanes.add([(1, Urgency.OPT_IN)])
    [claim] = lanes.take(1)
    lanes.start_due()
    lanes.due_again(claim.person, 500, now=False)
    lanes.add_due((), 900)

    assert lanes.next_due == 500


def test_a_turn_that_waits_is_not_forgotten_for_an_item_it_had_already() -> None:
    """Word of an item may come after the turn that took it; the turn's own moment still counts."""
    lanes = Lanes(40)
    lanes.optouts.behind = False
    lanes.next_due = None
    lanes.arrived(1, 1)
    lanes.take(1)
    lanes.arrived(1, 2)

    lanes.due_again(1, 500, now=False)
    lanes.take(1)
    lanes.dropped(1)

    assert lanes.lane_due(500)
