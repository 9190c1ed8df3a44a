"""Whose turn comes first: the urgent, without letting the others starve."""

from consent_sync.domain.moments import SECOND
from consent_sync.domain.urgency import Urgency
from consent_sync.ports.store import NewEvent, Store, Summary
from tests.contracts.store_kit import (
    START,
    HandClock,
    Restart,
    claim_one,
    event,
    people,
    settled,
    subject,
)


def of_each(many: int) -> list[NewEvent]:
    """Return as many events of each urgency, the least urgent first."""
    return [
        event(f"{urgency.name} {n}", f"{urgency.name.lower()}-{n}", urgency=urgency)
        for urgency in reversed(Urgency)
        for n in range(many)
    ]


async def handed(store: Store, many: int) -> list[str]:
    """Take so many turns one after the other; return the kinds of people in their order."""
    found: list[str] = []
    for _ in range(many):
        turn = await claim_one(store)
        found += people([turn])
        await store.settle(settled(turn))
    return found


async def test_opt_outs_come_before_opt_ins_before_the_rest(store: Store) -> None:
    """Whenever they arrived."""
    await store.accept(of_each(1))

    assert await handed(store, 3) == ["opt_out-0", "opt_in-0", "rest-0"]


async def test_nobody_starves_while_opt_outs_keep_coming(store: Store) -> None:
    """Most turns go to opt-outs, and each of the others gets a share."""
    await store.accept(of_each(40))
    first = await handed(store, 40)

    assert sum(name.startswith("opt_out") for name in first) >= 28
    assert any(name.startswith("opt_in") for name in first)
    assert sum(name.startswith("rest") for name in first) >= 1


async def test_an_opt_out_hurries_what_waits_for_the_same_person(store: Store) -> None:
    """All that waits for a person comes in one turn, as urgent as its most urgent item."""
    await store.accept(
        [
            event("yes", "ada", urgency=Urgency.OPT_IN),
            event("yes too", "ben", urgency=Urgency.OPT_IN),
            event("no", "ben"),
        ]
    )

    assert await handed(store, 2) == ["ben", "ada"]


async def test_an_opt_out_that_failed_is_tried_before_new_opt_ins(
    store: Store, clock: HandClock
) -> None:
    """Its attempt comes at its moment, and then it is first again."""
    await store.accept([event("no", "ada")])
    turn = await claim_one(store)
    summary = Summary(optout_waiting_since=START)
    due_at = START + 5 * SECOND
    await store.settle(settled(turn, due_at=due_at, attempts=1, summary=summary))
    await store.accept([event(f"yes {n}", f"p{n}", urgency=Urgency.OPT_IN) for n in range(3)])
    clock.advance(6)

    assert people([await claim_one(store)]) == ["ada"]


async def test_a_mere_look_comes_after_what_people_chose(store: Store, clock: HandClock) -> None:
    """Whether a write took can wait."""
    await store.accept([event("yes", "ada", urgency=Urgency.OPT_IN)])
    turn = await claim_one(store)
    await store.settle(settled(turn, due_at=START + 5 * SECOND))
    clock.advance(6)
    await store.accept([event("new", "cleo", urgency=Urgency.OPT_IN)])

    assert await handed(store, 2) == ["cleo", "ada"]


async def test_what_moves_to_another_person_stays_as_urgent(store: Store) -> None:
    """Finding out whose profile it is changes nothing about what it says."""
    await store.accept([event("no", "stranger")])
    turn = await claim_one(store)
    await store.accept([event("yes", "ben", urgency=Urgency.OPT_IN)])
    item = turn.items[0].id
    await store.settle(settled(turn, done=(), moved=((item, subject("ada")),)))

    assert await handed(store, 2) == ["ada", "ben"]


async def test_urgency_outlives_a_restart(store: Store, restart: Restart) -> None:
    """The order is kept where the events are."""
    await store.accept(of_each(2))
    store = await restart()

    assert await handed(store, 2) == ["opt_out-0", "opt_out-1"]


async def test_only_opt_outs_can_be_asked_for(store: Store) -> None:
    """The others wait until somebody asks for any."""
    await store.accept(of_each(3))
    hurried = people(await store.claim(10, hurried=True))
    none_left = await store.claim(10, hurried=True)

    assert hurried == ["opt_out-0", "opt_out-1", "opt_out-2"]
    assert none_left == []
    assert len(await store.claim(10)) == 6
