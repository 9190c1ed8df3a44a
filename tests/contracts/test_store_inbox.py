"""The door: what is accepted, what counts as a duplicate, what is refused."""

import asyncio

import pytest

from consent_sync.domain.errors import AbsentError
from consent_sync.domain.identity import Side
from consent_sync.ports.store import Store
from tests.contracts.store_kit import (
    START,
    Restart,
    claim_one,
    event,
    hint,
    people,
    refused,
    settled,
    subject,
    texts,
)


async def test_a_new_event_waits_for_its_person(store: Store) -> None:
    """What was accepted can be seen waiting, with body and type as received."""
    assert await store.accept([event("one", "ada")]) == [True]

    items = await store.waiting(subject("ada"))

    assert [(i.event.body, i.event.type, i.event.received_at) for i in items] == [
        (b"one", "event.created", START)
    ]


async def test_an_event_is_stored_once(store: Store) -> None:
    """The same event again is a duplicate, also within one call and after its turn."""
    first = await store.accept([event("one", "ada"), event("two", "ada"), event("one", "ada")])
    turn = await claim_one(store)
    await store.settle(settled(turn))
    second = await store.accept([event("one", "ada")])

    assert (first, second, texts(turn)) == ([True, True, False], [False], ["one", "two"])


async def test_a_duplicate_is_known_after_a_restart(store: Store, restart: Restart) -> None:
    """Closing and opening the store forgets no digest."""
    await store.accept([event("one", "ada")])
    store = await restart()

    assert await store.accept([event("one", "ada")]) == [False]


async def test_equal_digests_of_another_source_or_mapping_are_new(store: Store) -> None:
    """A digest counts within its source and mapping only."""
    answers = await store.accept(
        [
            event("one", "ada"),
            event("one", "ada", mapping="other"),
            event("one", "ada", source=Side.ACTITO),
        ]
    )

    assert answers == [True, True, True]


async def test_an_event_of_nobody_is_only_recorded(store: Store) -> None:
    """Without a person it is kept, and nobody's turn comes."""
    await store.accept([event("nobody")])

    kept = await store.events(refused=False, before=None, limit=5)

    assert ([e.body for e in kept], await store.claim(5)) == ([b"nobody"], [])


async def test_an_event_of_several_persons_waits_for_each(store: Store) -> None:
    """Everybody concerned gets a turn with it."""
    await store.accept([event("both", "ada", "ben")])

    turns = await store.claim(5)

    assert people(turns) == ["ada", "ben"]
    assert [texts(turn) for turn in turns] == [["both"], ["both"]]


async def test_concurrent_calls_are_each_answered(store: Store) -> None:
    """Calls that share a commit get their own answers."""
    answers = await asyncio.gather(
        *(store.accept([event(f"e{n % 50}", f"p{n}")]) for n in range(100))
    )

    assert sum(new for [new] in answers) == 50


# --- events that may repeat ---


async def test_a_repeatable_event_is_a_duplicate_while_an_equal_one_waits(store: Store) -> None:
    """Off and off again, both waiting, are one look."""
    await store.accept([hint("off", "ada")])

    assert await store.accept([hint("off", "ada")]) == [False]


async def test_a_repeatable_event_twice_in_a_call_waits_once(store: Store) -> None:
    """Equal ones within one call count as well."""
    assert await store.accept([hint("off", "ada"), hint("off", "ada")]) == [True, False]


async def test_a_repeatable_event_is_new_once_the_equal_one_is_taken(store: Store) -> None:
    """A body that arrives while a turn has its equal is a change the turn may not have seen."""
    await store.accept([hint("off", "ada")])
    turn = await claim_one(store)

    assert await store.accept([hint("off", "ada")]) == [True]
    assert await store.accept([hint("off", "ada")]) == [False]

    await store.settle(settled(turn))
    following = await claim_one(store)

    assert texts(following) == ["off"]


async def test_a_repeatable_event_is_new_after_its_turn(store: Store) -> None:
    """Off, on, off: the third body equals the first and is no duplicate."""
    await store.accept([hint("off", "ada")])
    await store.settle(settled(await claim_one(store)))

    assert await store.accept([hint("off", "ada")]) == [True]


async def test_a_released_item_waits_again(store: Store) -> None:
    """A turn given back untouched took nothing, so an equal event is a duplicate again."""
    await store.accept([hint("off", "ada")])
    await store.release((await claim_one(store)).subject)

    assert await store.accept([hint("off", "ada")]) == [False]


async def test_a_repeatable_event_left_behind_by_its_turn_waits_again(store: Store) -> None:
    """An item that a turn did not finish is untaken once that turn has ended."""
    await store.accept([hint("off", "ada")])
    turn = await claim_one(store)
    await store.settle(settled(turn, done=()))

    assert await store.accept([hint("off", "ada")]) == [False]


async def test_a_repeatable_event_is_new_for_a_person_whose_turn_is_over(store: Store) -> None:
    """What waits for one of two persons does not stand for the other."""
    await store.accept([hint("off", "ada", "ben")])
    await store.settle(settled(await claim_one(store)))

    assert await store.accept([hint("off", "ada", "ben")]) == [True]
    assert len(await store.waiting(subject("ada"))) == 1


async def test_a_repeatable_event_of_nobody_never_repeats(store: Store) -> None:
    """What waits for no turn is no duplicate of anything."""
    assert await store.accept([hint("off"), hint("off")]) == [True, True]


async def test_waiting_repeatable_events_are_known_after_a_restart(
    store: Store, restart: Restart
) -> None:
    """A restart takes all turns back, so everything waits untaken."""
    await store.accept([hint("off", "ada")])
    await claim_one(store)
    store = await restart()

    assert await store.accept([hint("off", "ada")]) == [False]


# --- refused requests and replays ---


async def test_a_refused_request_is_kept(store: Store) -> None:
    """It has a number, a status, its problem, and no turn."""
    number = await store.refuse(refused("{broken"))

    kept = await store.event(number)

    assert kept is not None
    assert (kept.status, kept.problem, kept.body) == (400, "not_json: this is no JSON", b"{broken")
    assert await store.claim(1) == []


async def test_a_replayed_refusal_becomes_an_accepted_event(store: Store) -> None:
    """It leaves the refused ones and waits for the persons named, from that moment on."""
    number = await store.refuse(refused("{late"))
    await store.replay(number, [subject("ada")], START + 5)

    turn = await claim_one(store)
    status = await store.status()

    assert [(i.event.id, i.event.status, i.event.received_at) for i in turn.items] == [
        (number, 0, START + 5)
    ]
    assert await store.events(refused=True, before=None, limit=5) == []
    assert (status.sides[Side.DIDOMI].events, status.sides[Side.DIDOMI].refused) == (1, 0)


async def test_an_event_is_replayed_after_its_turn(store: Store) -> None:
    """A replay lets the same event wait again."""
    await store.accept([event("one", "ada")])
    turn = await claim_one(store)
    await store.settle(settled(turn))
    await store.replay(turn.items[0].event.id, [subject("ada")], START + 5)

    assert texts(await claim_one(store)) == ["one"]


async def test_a_replay_of_what_still_waits_changes_nothing(store: Store) -> None:
    """An event waits for a person once."""
    await store.accept([event("one", "ada")])
    [item] = await store.waiting(subject("ada"))
    await store.replay(item.event.id, [subject("ada")], START + 5)

    assert len(await store.waiting(subject("ada"))) == 1


async def test_a_replay_of_nothing_is_refused(store: Store) -> None:
    """A number that no event has is an error that names it."""
    with pytest.raises(AbsentError, match="no event number 77"):
        await store.replay(77, [subject("ada")], START)
