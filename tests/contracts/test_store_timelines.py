"""Shortening timelines: a checkpoint of what is known takes the place of what is old."""

import asyncio
from dataclasses import replace

from consent_sync.domain.ledger import Checkpoint, LedgerRecord, is_checkpoint
from consent_sync.ports.graves import Burial
from consent_sync.ports.store import Store
from tests.contracts.store_kit import (
    START,
    HandClock,
    Restart,
    claim_one,
    event,
    record,
    settled,
    state,
    subject,
    write,
)

ADA = subject("ada")


async def lived(store: Store, person: str, *moments: int) -> None:
    """Let a person have a record per moment."""
    for at in moments:
        await store.accept([event(f"{person} at {at}", person)])
        turn = await claim_one(store)
        said = replace(record(at, reason=f"At {at}."), facts=())
        await store.settle(settled(turn, record=said, state=state(f"{person}-{at}")))


async def reasons(store: Store) -> list[str]:
    return [entry.reason for one in await store.timeline(ADA, 99) for entry in one.entries]


async def newest(store: Store) -> LedgerRecord:
    return (await store.timeline(ADA, 1))[0]


async def test_old_records_go_and_a_checkpoint_stands_for_them(
    store: Store, restart: Restart
) -> None:
    """The younger ones stay, the newest record holds what is known, also after a restart."""
    await lived(store, "ada", START, START + 1, START + 9)
    await lived(store, "bob", START)
    gone = await store.compact(ADA, START + 5)
    store = await restart()
    head = await newest(store)

    assert gone == 2
    assert await reasons(store) == [f"At {START + 9}."]
    assert head.facts == (Checkpoint(state(f"ada-{START + 9}")),)
    assert (head.at, head.mapping_version) == (START + 9, "v1")
    assert await store.person(ADA) == state(f"ada-{START + 9}")
    assert len(await store.timeline(subject("bob"), 9)) == 1


async def test_the_checkpoint_itself_stays(store: Store) -> None:
    """Once nothing else is old there is nothing to do, however old the checkpoint is."""
    await lived(store, "ada", START, START + 1)
    first = await store.compact(ADA, START + 5)
    second = await store.compact(ADA, START + 99)

    assert (first, second) == (2, 0)
    assert [is_checkpoint(one) for one in await store.timeline(ADA, 9)] == [True]


async def test_life_goes_on_behind_a_checkpoint(store: Store, restart: Restart) -> None:
    """New records follow it, and a later checkpoint takes its place."""
    await lived(store, "ada", START)
    await store.compact(ADA, START + 5)
    await lived(store, "ada", START + 20, START + 30)
    shown = [is_checkpoint(one) for one in await store.timeline(ADA, 9)]
    await store.compact(ADA, START + 25)
    store = await restart()

    assert shown == [False, False, True]
    assert await reasons(store) == [f"At {START + 30}."]
    assert [is_checkpoint(one) for one in await store.timeline(ADA, 9)] == [True, False]


async def test_whoever_is_busy_is_left_alone(store: Store, clock: HandClock) -> None:
    """While an item waits, a turn is under way or comes again, or a write was announced."""
    await lived(store, "ada", START)
    found = []
    await store.accept([event("more", "ada")])
    found.append(await store.compact(ADA, START + 5))
    turn = await claim_one(store)
    found.append(await store.compact(ADA, START + 5))
    await store.announce(ADA, [write()])
    found.append(await store.compact(ADA, START + 5))
    await store.settle(settled(turn, due_at=clock.now() + 60_000_000))
    found.append(await store.compact(ADA, START + 5))
    clock.advance(60)
    await store.settle(settled(await claim_one(store)))

    assert found == [0, 0, 0, 0]
    assert await store.compact(ADA, START + 5) > 0


async def test_nobody_has_no_timeline(store: Store) -> None:
    """Nothing goes, and nothing is made."""
    assert await store.compact(ADA, START) == 0
    assert list(await store.timeline(ADA, 9)) == []


async def test_an_erasure_takes_the_checkpoint_too(store: Store) -> None:
    """It names the person like everything else."""
    await lived(store, "ada", START, START + 1)
    await store.compact(ADA, START + 5)
    removed = await store.bury(Burial((b"m" * 16,), (ADA,), START, "command", "keep"))

    assert (removed.persons, removed.records) == (1, 1)
    assert await store.recent(after=0, limit=9) == []


async def test_intake_goes_on_while_timelines_are_shortened(store: Store) -> None:
    """Everything that comes in meanwhile is kept."""
    names = [f"p{number}" for number in range(30)]
    for name in names:
        await lived(store, name, START)

    async def shorten() -> int:
        return sum([await store.compact(subject(name), START + 5) for name in names])

    async def take_in() -> int:
        return sum([sum(await store.accept([event(f"new {n}", f"q{n}")])) for n in range(30)])

    gone, kept = await asyncio.gather(shorten(), take_in())

    assert (gone, kept) == (30, 30)
