"""Turns that wait or failed are brought forward, refusals first, and nothing else is."""

from consent_sync.domain.moments import SECOND, Micros
from consent_sync.ports.store import Store, Summary
from tests.contracts.store_kit import START, HandClock, claim_one, event, people, settled

IN_AN_HOUR = START + 3600 * SECOND


async def wait_for(store: Store, person: str, *, optout: Micros | None = None) -> None:
    """Let a person's turn end with a wait of an hour."""
    await store.accept([event(person, person)])
    turn = await claim_one(store)
    summary = Summary(optout_waiting_since=optout)
    await store.settle(
        settled(turn, due_at=IN_AN_HOUR, first_failed_at=START, attempts=0, summary=summary)
    )


async def test_turns_that_wait_come_at_once_with_refusals_first(store: Store) -> None:
    """Whoever has a refusal that waits is handed out before all others."""
    await wait_for(store, "ada")
    await wait_for(store, "ben", optout=START)
    before = await store.claim(5)
    hurried = await store.hurry(10)

    assert not before
    assert hurried == 2
    assert people(await store.claim(5)) == ["ben", "ada"]


async def test_turns_are_brought_forward_some_at_a_time(store: Store) -> None:
    """What is said is how many; none are left when it is fewer than asked for."""
    for person in ("ada", "ben", "cem"):
        await wait_for(store, person)

    assert [await store.hurry(2) for _ in range(3)] == [2, 1, 0]
    assert sorted(people(await store.claim(5))) == ["ada", "ben", "cem"]


async def test_a_look_that_is_planned_stays_where_it_is(store: Store, clock: HandClock) -> None:
    """A turn that only comes to see whether a write took has nothing to hurry for."""
    await store.accept([event("ada", "ada")])
    await store.settle(settled(await claim_one(store), due_at=IN_AN_HOUR))
    hurried = await store.hurry(10)

    assert hurried == 0
    assert not await store.claim(5)
    clock.advance(3601)
    assert people(await store.claim(5)) == ["ada"]


async def test_what_a_turn_has_is_left_to_it(store: Store) -> None:
    """Nobody is handed out twice; the end of the turn says when it comes again."""
    await wait_for(store, "ada")
    await store.accept([event("again", "ada")])
    turn = await claim_one(store)
    await store.hurry(10)
    meanwhile = await store.claim(5)
    await store.settle(settled(turn, due_at=IN_AN_HOUR, first_failed_at=START))

    assert not meanwhile
    assert not await store.claim(5)
