"""Forgetting identifiers: the choices of the quiet stay, found by a hash alone."""

import asyncio
from dataclasses import replace

from consent_sync.domain.identity import Names, Side, is_stand_in
from consent_sync.domain.ledger import Checkpoint
from consent_sync.domain.state import LineState, PersonState, Wanted
from consent_sync.ports.graves import Burial, Forgotten
from consent_sync.ports.store import Store, Summary
from tests.contracts.store_kit import (
    START,
    HandClock,
    Restart,
    claim_one,
    event,
    record,
    settled,
    subject,
    write,
)

ADA = subject("ada")
LINES = {"News": LineState(refused_at={Side.ACTITO: START})}
LEFT = PersonState(lines=LINES)


def known(person: str = "ada") -> PersonState:
    name = subject(person).person
    return PersonState(
        Names(name, name, f"profile-{person}"),
        lines=LINES,
        wanted={"name": Wanted("Ada", START)},
        sent={"name": "Ada"},
        spellings=(name,),
    )


async def live(store: Store, person: str, state: PersonState | None = None) -> None:
    await store.accept([event(f"about {person}", person)])
    turn = await claim_one(store)
    await store.settle(settled(turn, state=state or known(person)))


async def forget(store: Store) -> int:
    """Look at everybody once; return how many were forgotten."""
    step, people = Forgotten(0, 0), 0
    while (found := await store.forget(step.last, START + 1, 2)) is not None:
        step, people = found, people + found.people
    return people


async def test_who_is_quiet_is_known_by_a_hash_alone(store: Store, restart: Restart) -> None:
    """No name is left; what was chosen is found by whoever knows the name, and refuses as before."""
    await live(store, "ada")
    people = await forget(store)
    again = await forget(store)
    store = await restart()
    [(_, named)] = await store.names(0, 9)
    [head] = await store.timeline(ADA, 9)

    assert (people, again) == (1, 0)
    assert is_stand_in(named.person)
    assert "ada" not in named.person
    assert await store.person(ADA) == await store.person(named) == LEFT
    assert await store.states([ADA]) == {ADA: LEFT}
    assert head.facts == (Checkpoint(LEFT),)
    assert [row[1] for row in await store.recent(after=0, limit=9)] == [named]
    assert await store.people(0, 9) == []
    assert await store.find_profile("main", "profile-ada") is None
    assert (await store.status()).persons == 0


async def test_the_same_event_once_more_brings_nothing_back(store: Store) -> None:
    """It was accepted before, so an old agreement does not even name the person again."""
    await live(store, "ada")
    await forget(store)
    new = await store.accept([event("about ada", "ada")])
    [(_, named)] = await store.names(0, 9)

    assert list(new) == [False]
    assert is_stand_in(named.person)


async def test_who_comes_in_again_has_the_name_back(store: Store, restart: Restart) -> None:
    """The turn starts from what was known, under the name, and goes on as if nothing was."""
    await live(store, "ada")
    await live(store, "bob")
    await forget(store)
    store = await restart()
    await store.accept([event("more", "ada"), event("else", "cid"), event("again", "ada")])
    turns = {turn.subject: turn for turn in await store.claim(9)}
    counted = (await store.status()).persons
    await store.settle(settled(turns[ADA], state=known()))
    names = [one for _, one in await store.names(0, 9)]

    assert turns[ADA].state == LEFT
    assert [item.event.body for item in turns[ADA].items] == [b"more", b"again"]
    assert (names[0], names[2]) == (ADA, subject("cid"))
    assert is_stand_in(names[1].person)
    assert counted == 2
    assert await store.find_profile("main", "profile-ada") == ADA.person
    assert await store.person(ADA) == known()
    assert len(await store.timeline(ADA, 9)) == 2
    assert await forget(store) == 1


async def test_a_replay_and_a_moved_item_name_somebody_again(store: Store) -> None:
    """Each way to a person's turn leads to the same row."""
    await live(store, "ada")
    await live(store, "bob")
    await forget(store)
    await store.replay(1, [ADA], START)
    await store.settle(settled(await claim_one(store), state=known()))
    await store.accept([event("found", "cid")])
    turn = await claim_one(store)
    moved = ((turn.items[0].id, subject("bob")),)
    await store.settle(settled(turn, done=(), moved=moved))
    found = await claim_one(store)

    assert (found.subject, found.state) == (subject("bob"), LEFT)
    assert (await store.status()).persons == 3


async def test_whoever_has_something_to_do_keeps_the_name(store: Store, clock: HandClock) -> None:
    """While an item waits, a turn is under way or comes again, or something is held or failed."""
    await live(store, "ada")
    found = []
    await store.accept([event("more", "ada")])
    found.append(await forget(store))
    turn = await claim_one(store)
    found.append(await forget(store))
    await store.announce(ADA, [write()])
    found.append(await forget(store))
    await store.settle(settled(turn, state=known(), due_at=clock.now() + 60_000_000))
    found.append(await forget(store))
    clock.advance(60)
    turn = await claim_one(store)
    await store.settle(settled(turn, state=known(), summary=Summary(held=1)))
    found.append(await forget(store))

    assert found == [0, 0, 0, 0, 0]


async def test_the_young_keep_their_names(store: Store) -> None:
    """Something was recorded since."""
    await live(store, "ada")
    await store.accept([event("more", "ada")])
    turn = await claim_one(store)
    await store.settle(settled(turn, state=known(), record=record(START + 1)))

    assert await forget(store) == 0
    assert await store.person(ADA) == known()


async def test_names_that_the_person_key_does_not_lead_to_stay(store: Store) -> None:
    """Without another spelling a refusal could not be carried there."""
    await live(store, "ada", replace(known(), names=Names("ADA@example.com")))

    assert await forget(store) == 0


async def test_a_name_without_a_record_goes(store: Store) -> None:
    """Nothing is known of them, and nothing waits; what waits for a mapping is no person."""
    await store.accept([event("stray", "ada"), event("home", "", mapping="")])
    for turn in await store.claim(9):
        await store.settle(settled(turn, state=PersonState(), record=None))

    assert await forget(store) == 1
    assert list(await store.timeline(ADA, 9)) == []


async def test_who_was_forgotten_can_be_erased(store: Store, restart: Restart) -> None:
    """By the name, and nothing is left of the row."""
    await live(store, "ada")
    await live(store, "bob")
    await forget(store)
    removed = await store.bury(Burial((b"m" * 16,), (ADA,), START, "command", "keep"))
    store = await restart()
    await store.accept([event("new", "bob")])

    assert (removed.persons, removed.records) == (1, 1)
    assert await store.person(ADA) is None
    assert (await store.status()).persons == 1


async def test_no_event_is_lost_while_names_are_forgotten(store: Store) -> None:
    """Whoever comes in meanwhile has a name in the turn, whichever was first."""
    names = [f"p{number}" for number in range(12)]
    for name in names:
        await live(store, name)

    async def take_in() -> None:
        for name in names:
            await store.accept([event(f"new {name}", name)])

    await asyncio.gather(forget(store), take_in())
    turns = {turn.subject: turn.state.lines for turn in await store.claim(99)}

    assert turns == {subject(name): LINES for name in names}
    assert (await store.status()).persons == 12
