"""The guards of a running service keep exchanging, and count alone while that fails."""

import pytest
from structlog.testing import capture_logs

from consent_sync.adapters.storage.memory import MemoryStore
from consent_sync.app import guarding
from consent_sync.app.guarding import Guarding
from consent_sync.services.guard import Counts, Guard, Limits
from consent_sync.services.guard_book import GuardBook
from tests.contracts.store_kit import HandClock
from tests.system.harness import until


def a_book(store: MemoryStore, clock: HandClock, limits: Limits, name: str = "one") -> GuardBook:
    return GuardBook(Guard(limits), store, clock, name)


async def test_it_learns_before_it_begins_and_tells_before_it_ends() -> None:
    """What was let through last is not lost with the process, and the next one knows it at once."""
    clock = HandClock()
    store = MemoryStore(clock)
    await store.open()
    first = Guarding(a_book(store, clock, Limits(raised=5)))
    await first.begin()
    first.book.guard.note("brand-a", clock.now(), Counts(raised=3))
    await first.stop()
    second = Guarding(a_book(store, clock, Limits(raised=5), "two"))
    await second.begin()
    known = second.book.guard.let_through("brand-a")
    await second.stop()

    assert known == Counts(raised=3)


async def test_without_limits_nothing_is_exchanged() -> None:
    """A guard that counts nothing has nothing to tell; the store is not even open."""
    clock = HandClock()
    book = a_book(MemoryStore(clock), clock, Limits(changes=3))
    quiet = Guarding(book)
    with capture_logs() as logs:
        await quiet.begin()
        await quiet.stop()

    assert logs == []


async def test_trouble_is_told_and_outlasted(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the store cannot be asked it counts alone, says so, and learns when that is over."""
    monkeypatch.setattr(guarding, "EVERY_SECONDS", 0.001)
    monkeypatch.setattr(guarding, "AFTER_TROUBLE_SECONDS", 0.001)
    clock = HandClock()
    store = MemoryStore(clock)
    running = Guarding(a_book(store, clock, Limits(raised=5)))

    async def told() -> bool:
        return bool((await store.notice("guards, layout 1")).version)

    with capture_logs() as logs:
        await running.begin()
        await store.open()
        running.book.guard.note("brand-a", clock.now(), Counts(raised=3))
        await until("the counts are told", told)
        await running.stop()

    assert {one["event"] for one in logs} == {"guards_count_alone"}
