"""Everybody at once: states of many, and people page by page."""

from consent_sync.domain.identity import Subject, unresolved_person
from consent_sync.ports.store import Store
from tests.contracts.store_kit import Restart, claim_one, event, settled, state, subject


async def settle(store: Store, *names: str) -> None:
    for name in names:
        await store.accept([event(name, name)])
        await store.settle(settled(await claim_one(store), state=state(name.upper())))


async def test_states_of_many_leave_out_who_is_not_known(store: Store, restart: Restart) -> None:
    """Each known person with their state; nobody is made up."""
    await settle(store, "ada", "ben")
    await store.accept([event("three", "cem")])
    store = await restart()
    wanted = [subject("ada"), subject("ben"), subject("cem"), subject("nobody")]

    assert await store.states(wanted) == {
        subject("ada"): state("ADA"),
        subject("ben"): state("BEN"),
    }
    assert await store.states([]) == {}


async def test_people_come_in_pages_to_their_end(store: Store) -> None:
    """Each page goes on behind the last number, and an empty one is the end."""
    await settle(store, "ada", "ben", "cem")
    first = await store.people(0, 2)
    rest = await store.people(first[-1][0], 2)

    assert [one for _, one, _ in (*first, *rest)] == [subject(x) for x in ("ada", "ben", "cem")]
    assert [known for _, _, known in rest] == [state("CEM")]
    assert list(await store.people(rest[-1][0], 2)) == []


async def test_who_stands_for_somebody_else_is_nobody(store: Store) -> None:
    """A stand-in for a profile whose person is still to be found is not among the people."""
    stand_in = Subject("main", unresolved_person("1042"))
    arrived = event("one")
    await store.accept([arrived._replace(subjects=(stand_in,))])
    await store.settle(settled(await claim_one(store)))

    assert list(await store.people(0, 5)) == []
