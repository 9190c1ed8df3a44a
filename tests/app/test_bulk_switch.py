"""When changes begin to go together, and when they stop."""

import pytest
import structlog

from consent_sync.adapters.storage.memory import MemoryStore
from consent_sync.app.bootstrap import build
from consent_sync.app.bulk_switch import BulkSwitch
from consent_sync.app.settings import Settings
from consent_sync.domain.identity import Side
from tests.contracts.store_kit import HandClock, event, settled


class Gate:
    """Remembers whether it is open."""

    def __init__(self) -> None:
        self.open = False

    def open_bulk(self, wanted: bool) -> None:
        self.open = wanted


async def test_it_opens_above_the_limit_and_closes_below_half_of_it() -> None:
    """In between it stays as it is, so that it does not flutter; each change is told once."""
    clock, gate, seen = HandClock(), Gate(), []
    store = MemoryStore(clock)
    await store.open()
    switch = BulkSwitch(gate, store, clock, above=4)
    await store.accept([event(f"e{n}", f"p{n}") for n in range(5)])
    with structlog.testing.capture_logs() as told:
        for taken in (0, 2, 1):
            for turn in await store.claim(taken):
                await store.settle(settled(turn))
            await switch.look()
            seen.append(gate.open)

    assert seen == [True, True, False]
    assert [one["event"] for one in told] == ["bulk_begins", "bulk_ends"]
    await store.close()


async def test_a_store_in_trouble_changes_nothing() -> None:
    """What cannot be counted opens and closes nothing."""
    gate = Gate()
    switch = BulkSwitch(gate, MemoryStore(HandClock()), HandClock(), above=1)
    await switch.look()

    assert not gate.open


@pytest.mark.parametrize(("above", "expected"), [(0, False), (5, True)])
async def test_it_is_off_unless_switched_on(above: int, expected: bool) -> None:
    """Nothing looks while the setting is 0."""
    variables = {
        "CONSENT_SYNC_DATABASE_URL": "sqlite:///:memory:",
        "CONSENT_SYNC_ACTITO_API_URL": "http://127.0.0.1:9",
        "CONSENT_SYNC_ACTITO_BULK_ABOVE": str(above),
        "CONSENT_SYNC_RECOVER_AFTER_SECONDS": "0",
    }
    application = await build(Settings.from_variables(variables))
    await application.start()
    names = {task.get_name() for task in application._tasks}
    await application.stop()

    assert ("bulk" in names) is expected


async def test_a_pause_is_known_to_what_is_gathered() -> None:
    """For the mapping that it names, and for the side."""
    variables = {
        "CONSENT_SYNC_DATABASE_URL": "sqlite:///:memory:",
        "CONSENT_SYNC_ACTITO_API_URL": "http://127.0.0.1:9",
    }
    application = await build(Settings.from_variables(variables))
    await application.store.open()
    [client] = application.actito.all().values()
    await application.standstill.pause((Side.DIDOMI,), "", "olga")
    other = client.bulk.paused("brand-a")
    await application.standstill.pause((Side.ACTITO,), "brand-a", "olga")

    assert not other
    assert client.bulk.paused("brand-a")
    assert not client.bulk.paused("brand-b")
    await application.stop()
