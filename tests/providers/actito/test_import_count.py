"""How many imports a day: counted for the table, over restarts and replicas."""

import aiohttp
import pytest

from consent_sync.adapters.actito.bulk import BulkLimits
from consent_sync.adapters.actito.client import ActitoClient
from consent_sync.adapters.actito.import_count import ImportCount
from consent_sync.adapters.actito.settings import ActitoSettings
from consent_sync.adapters.http import HttpWall
from consent_sync.adapters.storage.boarding import BoardInMemory
from consent_sync.domain.errors import NotNowError, StoreError
from consent_sync.domain.moments import SECOND
from consent_sync.ports.board import Notice
from consent_sync.simulators.actito import ActitoSimulator
from tests.providers.actito.bulk_kit import PEOPLE, one_more, together, write
from tests.providers.actito.conftest import MakeClient
from tests.providers.actito.samples import TestClock, mapping


@pytest.fixture
def client(actito: ActitoSimulator, make_client: MakeClient) -> ActitoClient:
    return together(actito, make_client)


async def test_no_more_imports_than_a_table_takes_a_day(
    actito: ActitoSimulator, client: ActitoClient, clock: TestClock
) -> None:
    """The rest is written one by one, and the next day there is room again."""
    for _ in range(3):
        await write(client, PEOPLE)
    alone = actito.calls.counters["profiles.put"]
    await clock.sleep(86_400)
    await write(client, PEOPLE)

    assert alone == 6
    assert actito.calls.counters["imports.start"] == 3


async def test_a_restart_and_another_replica_know_the_imports_of_the_day(
    actito: ActitoSimulator, client: ActitoClient, make_client: MakeClient, clock: TestClock
) -> None:
    """The limit is the table's, whoever imported, and with whichever key."""
    other = one_more(make_client)
    await write(client, PEOPLE)
    await write(other, PEOPLE)
    before = actito.calls.counters["profiles.put"]
    told = await write(one_more(make_client), PEOPLE)

    assert before == 0
    assert other.room_together() == 0
    assert actito.calls.counters["imports.start"] == 2
    assert "" not in told


async def test_an_import_from_a_clock_that_was_far_ahead_counts_no_more(
    actito: ActitoSimulator, client: ActitoClient, clock: TestClock
) -> None:
    """Nothing is held up for as long as a clock was wrong."""
    clock.moment += 400 * 86_400 * SECOND
    await write(client, PEOPLE)
    await write(client, PEOPLE)
    clock.moment -= 400 * 86_400 * SECOND
    await write(client, PEOPLE)

    assert actito.calls.counters["imports.start"] == 3


async def test_without_a_board_nothing_goes_together(
    actito: ActitoSimulator, session: aiohttp.ClientSession, clock: TestClock
) -> None:
    """Where nobody else could know of an import, none is made."""
    for key in PEOPLE[:2]:
        actito.world.seed({"customerId": key}, {"Newsletter": True})
    settings = ActitoSettings(actito.url, actito.api_key, calls_per_minute=0)
    alone = ActitoClient(HttpWall(session), settings, clock, bulk=BulkLimits(least_rows=1))
    alone.bulk.open = True
    told = await write(alone, PEOPLE[:2])

    assert told == ["1003", "1004"]
    assert actito.calls.counters["imports.start"] == 0
    assert not await ImportCount(None, actito.url, 12, clock).take(mapping())


class Shaky(BoardInMemory):
    """A board that fails when it is read, or that somebody else always writes first."""

    away = False

    async def notice(self, name: str) -> Notice:
        if self.away:
            raise StoreError("the database is away")
        return await super().notice(name)

    async def pin(self, name: str, version: int, body: bytes) -> bool:
        return False


@pytest.mark.parametrize("away", [True, False])
async def test_what_cannot_be_noted_is_not_imported(
    actito: ActitoSimulator, session: aiohttp.ClientSession, clock: TestClock, away: bool
) -> None:
    """Everybody comes again; the platform's limit is no guess."""
    board = Shaky(clock, lambda: None)
    board.away = away
    settings = ActitoSettings(actito.url, actito.api_key, calls_per_minute=0)
    limits = BulkLimits(least_rows=1)
    client = ActitoClient(HttpWall(session), settings, clock, bulk=limits, board=board)
    client.bulk.open = True
    told = await write(client, PEOPLE)

    assert all(isinstance(one, NotNowError) for one in told)
    assert actito.calls.counters["imports.start"] == 0
