"""What guards let through: shared by all processes over one store, and kept over a restart."""

import pytest

from consent_sync.domain.errors import StoreError
from consent_sync.domain.identity import Subject, unresolved_person
from consent_sync.domain.moments import HOUR
from consent_sync.ports.store import Store
from consent_sync.services.guard import FEW, Counts, Guard, Limits
from consent_sync.services.guard_book import GuardBook
from tests.contracts.store_kit import HandClock, Restart, event

LIMITS = Limits(raised=10, raised_share=0.1, window=HOUR)


def a_book(store: Store, clock: HandClock, name: str) -> GuardBook:
    return GuardBook(Guard(LIMITS), store, clock, name)


async def test_replicas_learn_what_each_other_let_through(store: Store, clock: HandClock) -> None:
    """Each adds its own to what the others have told, and counts nothing twice."""
    one, two = a_book(store, clock, "one"), a_book(store, clock, "two")
    one.guard.note("brand-a", clock.now(), Counts(raised=3))
    two.guard.note("brand-a", clock.now(), Counts(raised=4, people=1))
    for book in (one, two, one, two, one):
        await book.exchange()

    assert one.guard.others == {"brand-a": Counts(raised=4, people=1)}
    assert two.guard.others == {"brand-a": Counts(raised=3)}


async def test_a_restart_forgets_nothing_of_the_window(
    store: Store, clock: HandClock, restart: Restart
) -> None:
    """A new process goes on where the last one was; what is older than the window is gone."""
    before = a_book(store, clock, "before")
    before.guard.note("brand-a", clock.now(), Counts(raised=3))
    clock.advance(1800)
    before.guard.note("brand-a", clock.now(), Counts(raised=2))
    await before.exchange()
    again = await restart()
    after = a_book(again, clock, "after")
    await after.exchange()
    found = [after.guard.let_through("brand-a")]
    clock.advance(1860)
    await after.exchange()
    found.append(after.guard.let_through("brand-a"))

    assert found == [Counts(raised=5), Counts(raised=2)]


async def test_nothing_is_written_while_nothing_is_let_through(
    store: Store, clock: HandClock
) -> None:
    """Only looking costs something then; and what has gone from the window is told, too."""
    book = a_book(store, clock, "one")
    await book.exchange()
    before = (await store.notice("guards, layout 1")).version
    book.guard.note("brand-a", clock.now(), Counts(raised=3))
    for _ in range(3):
        await book.exchange()
    told = (await store.notice("guards, layout 1")).version
    clock.advance(7200)
    for _ in range(3):
        await book.exchange()
    last = await store.notice("guards, layout 1")

    assert (before, told, last.version, last.body) == (0, 1, 2, b"{}")


async def test_people_are_counted_by_mapping_when_a_share_comes_near(
    store: Store, clock: HandClock
) -> None:
    """Stand-ins for people who are still to be found are nobody."""
    nobody = Subject("main", unresolved_person("1042"))
    await store.accept([event("a", "ada", "ben"), event("b", "cem", mapping="other")])
    await store.accept([event("c")._replace(subjects=(nobody,))])
    book = a_book(store, clock, "one")
    await book.exchange()
    before = book.guard.known
    book.guard.note("main", clock.now(), Counts(people=1))
    book.guard.others = {"main": Counts(people=FEW)}
    far = a_book(store, clock, "two")
    far.guard.note("main", clock.now(), Counts(people=FEW))
    await far.exchange()
    await book.exchange()

    assert before == {}
    assert book.guard.known["main"] == 2


async def test_two_who_write_at_once_both_count(
    store: Store, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever comes second sees it, and adds to what the first one wrote."""
    one, two = a_book(store, clock, "one"), a_book(store, clock, "two")
    one.guard.note("brand-a", clock.now(), Counts(raised=3))
    two.guard.note("brand-a", clock.now(), Counts(raised=4))
    pin, others = store.pin, [two]

    async def late(name: str, version: int, body: bytes) -> bool:
        if others:
            await others.pop().exchange()
        return await pin(name, version, body)

    monkeypatch.setattr(store, "pin", late)
    await one.exchange()
    third = a_book(store, clock, "three")
    await third.exchange()

    assert third.guard.let_through("brand-a") == Counts(raised=7)


async def test_without_its_store_a_guard_counts_for_itself(store: Store, clock: HandClock) -> None:
    """Whoever exchanges hears it; the guard itself goes on."""
    book = a_book(store, clock, "one")
    book.guard.note("brand-a", clock.now(), Counts(raised=3))
    await store.close()

    with pytest.raises(StoreError):
        await book.exchange()
