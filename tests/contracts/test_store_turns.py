"""The work: whose turn comes, what it holds, and what becomes of it."""

import asyncio
from dataclasses import replace

import pytest

from consent_sync.domain.errors import StoreError
from consent_sync.domain.moments import SECOND
from consent_sync.domain.state import PersonState
from consent_sync.ports.store import Sight, Store
from tests.contracts.store_kit import (
    START,
    HandClock,
    Restart,
    claim_one,
    event,
    hint,
    people,
    record,
    settled,
    state,
    subject,
    texts,
    write,
)


async def test_everything_of_a_person_comes_in_one_turn(store: Store) -> None:
    """Items come together, in the order they were received."""
    await store.accept([event("one", "ada"), event("two", "ben"), event("three", "ada")])

    turns = await store.claim(5)

    assert [texts(turn) for turn in turns] == [["one", "three"], ["two"]]


async def test_the_oldest_come_first(store: Store) -> None:
    """Turns are handed out in the order in which their first item arrived."""
    await store.accept([event(f"e{n}", f"p{n}") for n in range(6)])

    assert people(await store.claim(4)) == ["p0", "p1", "p2", "p3"]
    assert people(await store.claim(4)) == ["p4", "p5"]


async def test_a_first_turn_starts_from_nothing(store: Store) -> None:
    """Nobody is known before the first turn was settled."""
    await store.accept([event("one", "ada")])
    turn = await claim_one(store)

    assert (turn.state, turn.attempts, turn.first_failed_at) == (PersonState(), 0, None)
    assert await store.person(subject("ada")) is None


async def test_a_turn_starts_from_what_the_last_one_left(store: Store) -> None:
    """The state that was settled is the state of the next turn."""
    await store.accept([event("one", "ada")])
    await store.settle(settled(await claim_one(store), state=state("ADA")))
    await store.accept([event("two", "ada")])

    assert (await claim_one(store)).state == state("ADA")


async def test_a_claimed_person_is_not_handed_out_again(store: Store) -> None:
    """New items wait until the running turn has ended."""
    await store.accept([event("one", "ada")])
    turn = await claim_one(store)
    await store.accept([event("two", "ada")])

    assert await store.claim(5) == []

    await store.settle(settled(turn))

    assert texts(await claim_one(store)) == ["two"]


async def test_concurrent_claims_share_the_persons(store: Store) -> None:
    """Nobody is handed out twice."""
    await store.accept([event(f"e{n}", f"p{n}") for n in range(40)])

    claimed = await asyncio.gather(*(store.claim(7) for _ in range(8)))

    assert sorted(people([turn for turns in claimed for turn in turns])) == sorted(
        f"p{n}" for n in range(40)
    )


async def test_nothing_is_due_when_everything_is_done(store: Store) -> None:
    """A settled turn does not come again by itself."""
    await store.accept([event("one", "ada")])
    await store.settle(settled(await claim_one(store)))

    assert await store.claim(1) == []
    assert await store.waiting(subject("ada")) == ()


async def test_a_released_turn_is_due_at_once_and_first(store: Store) -> None:
    """A turn that was given back comes before those that arrived later."""
    await store.accept([event("one", "ada"), event("two", "ben")])
    turn = await claim_one(store)
    await store.release(turn.subject)

    again = await store.claim(2)

    assert (people(again), again[0].items) == (["ada", "ben"], turn.items)


async def test_items_left_behind_are_due_at_once(store: Store) -> None:
    """What a turn did not finish waits on, and comes again without a due moment."""
    await store.accept([event("one", "ada"), event("two", "ada")])
    turn = await claim_one(store)
    await store.settle(settled(turn, done=(turn.items[0].id,)))

    assert texts(await claim_one(store)) == ["two"]


async def test_a_turn_holds_two_hundred_items_at_most(store: Store) -> None:
    """The rest of a long line comes in the next turn."""
    await store.accept([event(f"e{n}", "ada") for n in range(250)])
    first = await claim_one(store)
    await store.settle(settled(first))
    second = await claim_one(store)
    await store.settle(settled(second))

    assert (len(first.items), len(second.items)) == (200, 50)
    assert await store.claim(1) == []


async def test_an_unclaimed_turn_cannot_end(store: Store) -> None:
    """Only the owner of a turn may record something, announce something or give it back."""
    await store.accept([event("one", "ada")])
    turn = await claim_one(store)
    await store.release(turn.subject)

    with pytest.raises(StoreError, match="not claimed"):
        await store.settle(settled(turn))
    with pytest.raises(StoreError, match="not claimed"):
        await store.release(turn.subject)
    with pytest.raises(StoreError, match="not claimed"):
        await store.announce(turn.subject, [write()])


# --- items that turn out to be somebody else's ---


async def test_a_moved_item_wakes_its_person(store: Store) -> None:
    """It leaves the one person's line and is due for the other."""
    await store.accept([event("one", "profile")])
    turn = await claim_one(store)
    await store.settle(settled(turn, done=(), moved=((turn.items[0].id, subject("ada")),)))

    turns = await store.claim(5)

    assert (people(turns), texts(turns[0])) == (["ada"], ["one"])


async def test_moved_items_keep_the_order_they_were_received_in(store: Store) -> None:
    """An older item that arrives by a move comes before newer ones."""
    await store.accept([event("one", "profile", at=START)])
    turn = await claim_one(store)
    await store.accept([event("two", "ada", at=START + 1)])
    await store.settle(settled(turn, done=(), moved=((turn.items[0].id, subject("ada")),)))

    assert texts(await claim_one(store)) == ["one", "two"]


async def test_an_item_moved_to_a_running_turn_waits_for_the_next(store: Store) -> None:
    """The running turn is not disturbed, and nothing is forgotten."""
    await store.accept([event("one", "profile"), event("two", "ada")])
    profile, ada = await store.claim(2)
    await store.settle(settled(profile, done=(), moved=((profile.items[0].id, subject("ada")),)))
    await store.settle(settled(ada, due_at=START + 60 * SECOND, attempts=1))

    assert texts(await claim_one(store)) == ["one"]


async def test_a_turn_ends_only_what_it_holds(store: Store) -> None:
    """A settlement that finishes or moves somebody else's item records nothing at all."""
    await store.accept([event("one", "ada"), event("two", "ben")])
    ada, ben = await store.claim(2)

    with pytest.raises(StoreError, match="items that it holds"):
        await store.settle(settled(ada, moved=((ben.items[0].id, subject("eve")),)))
    with pytest.raises(StoreError, match="items that it holds"):
        await store.settle(settled(ada, done=(ben.items[0].id,)))

    assert await store.person(subject("ada")) is None
    assert len(await store.waiting(subject("ada"))) == 1


# --- turns that come again ---


async def test_a_due_moment_brings_a_turn_back(store: Store, clock: HandClock) -> None:
    """At that moment the turn comes again, without anything new, and knows its attempts."""
    await store.accept([event("one", "ada")])
    turn = await claim_one(store)
    due_at = START + 10 * SECOND
    await store.settle(settled(turn, due_at=due_at, attempts=2, first_failed_at=START + 1))
    early = await store.claim(1)
    clock.advance(10)
    again = await claim_one(store)

    assert early == []
    assert (again.items, again.attempts, again.first_failed_at) == ((), 2, START + 1)


async def test_unfinished_items_wait_for_the_due_moment(store: Store, clock: HandClock) -> None:
    """With a due moment nothing that was there already is tried earlier."""
    await store.accept([event("one", "ada")])
    turn = await claim_one(store)
    await store.settle(settled(turn, done=(), due_at=START + 10 * SECOND, attempts=1))
    early = await store.claim(1)
    clock.advance(10)

    assert (early, texts(await claim_one(store))) == ([], ["one"])


async def test_something_new_makes_a_retry_due_at_once(store: Store) -> None:
    """The attempts and the first failure are kept."""
    await store.accept([event("one", "ada")])
    turn = await claim_one(store)
    await store.settle(
        settled(turn, done=(), due_at=START + 900 * SECOND, attempts=3, first_failed_at=START)
    )
    await store.accept([event("two", "ada")])
    again = await claim_one(store)

    assert (texts(again), again.attempts, again.first_failed_at) == (["one", "two"], 3, START)


async def test_what_came_during_a_failed_turn_is_due_at_once(store: Store) -> None:
    """A retry that is scheduled does not hold up what arrived meanwhile."""
    await store.accept([event("one", "ada")])
    turn = await claim_one(store)
    await store.accept([event("two", "ada")])
    await store.settle(settled(turn, done=(), due_at=START + 900 * SECOND, attempts=1))

    assert texts(await claim_one(store)) == ["one", "two"]


async def test_a_failing_long_line_keeps_its_pause(store: Store, clock: HandClock) -> None:
    """More items than a turn takes do not make it come again before its moment."""
    await store.accept([event(f"e{n}", "ada") for n in range(250)])
    turn = await claim_one(store)
    await store.settle(settled(turn, done=(), due_at=START + 10 * SECOND, attempts=1))
    early = await store.claim(1)
    clock.advance(10)

    assert (early, len((await claim_one(store)).items)) == ([], 200)


async def test_a_long_line_goes_on_after_progress(store: Store) -> None:
    """When a turn finished items, the rest is due although a retry is scheduled."""
    await store.accept([event(f"e{n}", "ada") for n in range(250)])
    turn = await claim_one(store)
    await store.settle(settled(turn, due_at=START + 10 * SECOND, attempts=1))

    assert len((await claim_one(store)).items) == 50


async def test_a_success_ends_the_retries(store: Store, clock: HandClock) -> None:
    """A settlement without a due moment forgets attempts and moment."""
    await store.accept([event("one", "ada")])
    await store.settle(settled(await claim_one(store), due_at=START + SECOND, attempts=1))
    clock.advance(1)
    await store.settle(settled(await claim_one(store)))
    clock.advance(60)
    nothing = await store.claim(1)
    await store.accept([event("two", "ada")])

    assert (nothing, (await claim_one(store)).attempts) == ([], 0)


async def test_retries_come_in_the_order_of_their_moments(store: Store, clock: HandClock) -> None:
    """The earliest due moment is handed out first."""
    await store.accept([event(f"e{n}", f"p{n}") for n in range(3)])
    for seconds, turn in zip((30, 10, 20), await store.claim(3), strict=True):
        await store.settle(settled(turn, due_at=START + seconds * SECOND, attempts=1))
    clock.advance(60)

    assert people(await store.claim(3)) == ["p1", "p2", "p0"]


async def test_a_released_retry_is_due_at_once(store: Store, clock: HandClock) -> None:
    """Giving a retry back keeps its attempts."""
    await store.accept([event("one", "ada")])
    await store.settle(settled(await claim_one(store), due_at=START + SECOND, attempts=4))
    clock.advance(1)
    await store.release((await claim_one(store)).subject)

    assert (await claim_one(store)).attempts == 4


# --- announced writes ---


async def test_announced_writes_come_back_until_the_turn_is_settled(store: Store) -> None:
    """A turn that was given back shows what it was about to send."""
    await store.accept([event("one", "ada")])
    turn = await claim_one(store)
    await store.announce(turn.subject, [write("News")])
    await store.announce(turn.subject, [write("Deals")])
    await store.release(turn.subject)
    again = await claim_one(store)
    await store.settle(settled(again))
    await store.accept([event("two", "ada")])

    assert again.in_flight == (write("News"), write("Deals"))
    assert (await claim_one(store)).in_flight == ()


async def test_what_led_to_a_write_is_kept_before_it_is_sent(
    store: Store, restart: Restart
) -> None:
    """A crash after the write loses nothing that was seen before it; the items wait on."""
    await store.accept([event("one", "ada")])
    turn = await claim_one(store)
    await store.announce(turn.subject, [write("News")])
    await store.announce(turn.subject, [write("Deals")], Sight(state("seen"), record(START)))
    store = await restart()
    again = await claim_one(store)

    assert (again.state, texts(again)) == (state("seen"), ["one"])
    assert again.in_flight == (write("Deals"),)
    assert list(await store.timeline(turn.subject, 9)) == [record(START)]


async def test_a_turn_ends_behind_what_led_to_its_write(store: Store) -> None:
    """The ledger holds both in order, and the state is the last one."""
    await store.accept([event("one", "ada")])
    turn = await claim_one(store)
    await store.announce(turn.subject, [write()], Sight(state("seen"), record(START)))
    end = replace(settled(turn), state=state("written"), record=record(START + 1))
    await store.settle(end)

    assert await store.person(turn.subject) == state("written")
    assert list(await store.timeline(turn.subject, 9)) == [record(START + 1), record(START)]
    assert [one for _, _, one in await store.recent(after=0, limit=9)] == [
        record(START),
        record(START + 1),
    ]


# --- after a restart ---


async def test_claimed_turns_come_back_after_a_restart(store: Store, restart: Restart) -> None:
    """A turn that never ended is due again, with the writes it announced."""
    await store.accept([event("one", "ada"), event("two", "ben")])
    turn, _ = await store.claim(2)
    await store.announce(turn.subject, [write()])
    store = await restart()
    turns = {turn.subject: turn for turn in await store.claim(5)}

    assert {texts(turn)[0] for turn in turns.values()} == {"one", "two"}
    assert turns[subject("ada")].in_flight == (write(),)
    assert turns[subject("ben")].in_flight == ()


async def test_announced_writes_alone_bring_a_turn_back(
    store: Store, restart: Restart, clock: HandClock
) -> None:
    """A write whose end nobody knows is looked at, even if nothing else waits."""
    await store.accept([event("one", "ada")])
    await store.settle(settled(await claim_one(store), due_at=START + SECOND, attempts=1))
    clock.advance(1)
    await store.announce((await claim_one(store)).subject, [write()])
    store = await restart()
    turn = await claim_one(store)

    assert (turn.items, turn.in_flight) == ((), (write(),))


async def test_retries_keep_their_moment_over_a_restart(
    store: Store, restart: Restart, clock: HandClock
) -> None:
    """Neither earlier nor forgotten, items and attempts included."""
    await store.accept([event("one", "ada")])
    turn = await claim_one(store)
    await store.settle(settled(turn, done=(), due_at=START + 10 * SECOND, attempts=2))
    store = await restart()
    early = await store.claim(1)
    clock.advance(10)
    again = await claim_one(store)

    assert (early, texts(again), again.attempts) == ([], ["one"], 2)


async def test_something_new_hurries_a_retry_over_a_restart(store: Store, restart: Restart) -> None:
    """That somebody is due at once is as durable as what made them so."""
    await store.accept([event("one", "ada"), event("two", "ben")])
    ada, ben = await store.claim(2)
    await store.settle(settled(ada, done=(), due_at=START + 900 * SECOND, attempts=1))
    await store.accept([event("three", "ada"), event("four", "ben")])
    await store.settle(settled(ben, done=(), due_at=START + 900 * SECOND, attempts=1))
    store = await restart()

    assert sorted(people(await store.claim(5))) == ["ada", "ben"]


# --- waiting for work ---


async def test_waiting_ends_when_something_arrives(store: Store) -> None:
    """Whoever waits for work is woken by it."""
    waiting = asyncio.ensure_future(store.wait(60))
    await asyncio.sleep(0)
    await store.accept([event("one", "ada")])

    await asyncio.wait_for(waiting, 5)


async def test_waiting_ends_at_once_when_something_is_due(store: Store) -> None:
    """There is no need to wait for work that is there."""
    await store.accept([event("one", "ada")])

    await asyncio.wait_for(store.wait(60), 5)


async def test_waiting_ends_at_the_next_due_moment(store: Store, clock: HandClock) -> None:
    """A retry wakes whoever waits, as soon as its moment has come."""
    await store.accept([event("one", "ada")])
    await store.settle(settled(await claim_one(store), due_at=START + 10 * SECOND, attempts=1))
    await store.claim(1)
    waiting = asyncio.ensure_future(store.wait(60))
    await clock.somebody_sleeps()
    early = waiting.done()
    clock.advance(10)

    await asyncio.wait_for(waiting, 5)
    assert not early


async def test_waiting_ends_with_its_timeout(store: Store, clock: HandClock) -> None:
    """Nobody waits longer than asked for."""
    await store.claim(1)
    waiting = asyncio.ensure_future(store.wait(3))
    await clock.somebody_sleeps()
    clock.advance(3)

    await asyncio.wait_for(waiting, 5)


async def test_waiting_ends_when_a_turn_leaves_something(store: Store) -> None:
    """The end of a turn wakes whoever waits, when items are left or came meanwhile."""
    await store.accept([event("one", "ada")])
    turn = await claim_one(store)
    await store.accept([event("two", "ada")])
    waiting = asyncio.ensure_future(store.wait(60))
    await asyncio.sleep(0.01)
    early = waiting.done()
    await store.settle(settled(turn))

    await asyncio.wait_for(waiting, 5)
    assert not early


async def test_one_turn_at_a_time_is_as_fresh_as_many(store: Store) -> None:
    """A turn holds everything that had arrived when it was handed out."""
    await store.accept([event(f"e{n}", f"p{n}") for n in range(5)])
    first = await claim_one(store)
    await store.accept([event("more", "p1"), event("even more", "p3")])
    rest = [await claim_one(store) for _ in range(4)]
    handed = {turn.subject.person.partition("@")[0]: texts(turn) for turn in [first, *rest]}

    assert handed == {
        "p0": ["e0"],
        "p1": ["e1", "more"],
        "p2": ["e2"],
        "p3": ["e3", "even more"],
        "p4": ["e4"],
    }
    assert await store.claim(1) == []


async def test_what_was_not_handed_out_yet_is_not_taken(store: Store) -> None:
    """Claiming one person does not take the items of the next."""
    await store.accept([hint("off", "ada"), hint("off again", "ben")])
    await claim_one(store)

    assert await store.accept([hint("off again", "ben")]) == [False]
    assert texts(await claim_one(store)) == ["off again"]
