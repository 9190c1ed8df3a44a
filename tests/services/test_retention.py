"""The content of what was received goes in its time, and what was learnt stays."""

from consent_sync.adapters.storage.memory import MemoryStore
from consent_sync.domain.moments import HOUR
from consent_sync.services.retention import Retention
from tests.contracts.store_kit import START, event
from tests.services.people import StandingClock


async def test_only_what_is_older_goes_and_later_rounds_go_on() -> None:
    """A round removes what is due; what becomes due later goes in a later one."""
    clock = StandingClock(START + HOUR)
    store = MemoryStore(clock)
    await store.open()
    await store.accept([event("old"), event("young", at=START + HOUR - 1)])
    retention = Retention(store, clock, HOUR - 1)

    steps = [await retention.round()]
    clock.moment += HOUR
    steps += [await retention.round(), await retention.round()]

    assert steps == [1, 1, 0]
    kept = await store.events(refused=False, before=None, limit=9)
    assert [one.body for one in kept] == [b"", b""]
