"""A simulated Actito, and clients that call it."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import aiohttp
import pytest

from consent_sync.adapters.actito.bulk import BulkLimits
from consent_sync.adapters.actito.client import ActitoClient
from consent_sync.adapters.actito.settings import ActitoSettings
from consent_sync.adapters.http import BeforeWrite, HttpWall
from consent_sync.adapters.storage.boarding import BoardInMemory
from consent_sync.simulators.actito import ActitoSimulator, WorldSpec
from tests.providers.actito.samples import TestClock

MakeClient = Callable[..., ActitoClient]

ODD_ENTITY, ODD_TABLE, ODD_SUBSCRIPTION = "acme/été", "Customers & co", "100% off"


def world() -> WorldSpec:
    attributes = [{"name": "customerId", "unique": True}, {"name": "lastName"}]
    odd = {
        "id": "22",
        "name": ODD_TABLE,
        "attributes": attributes,
        "subscriptions": [ODD_SUBSCRIPTION],
    }
    customers = {
        "id": "21",
        "name": "Customers",
        "attributes": [
            *attributes,
            {"type": "EMAIL_ADDRESS", "name": "emailAddress", "unique": True},
            {"type": "BIRTHDATE", "name": "birthDate"},
            {"name": "tier", "valueRestriction": {"maxLength": 9, "acceptedValues": ["gold"]}},
            {"name": "age", "valueType": "INTEGER", "mandatory": False},
        ],
        "subscriptions": ["Newsletter", "DailyDeals"],
        "profiles": [
            {
                "attributes": {"customerId": "A-77", "emailAddress": "jane.doe@example.com"},
                "subscriptions": {"Newsletter": True},
            },
            {"attributes": {"customerId": "B-88"}, "subscriptions": {"Newsletter": False}},
        ],
    }
    return WorldSpec.model_validate(
        {
            "entities": [
                {"id": 3, "name": "acme", "tables": [customers]},
                {"id": 4, "name": ODD_ENTITY, "tables": [odd]},
            ]
        }
    )


@pytest.fixture
def clock() -> TestClock:
    return TestClock()


@pytest.fixture
async def actito(clock: TestClock) -> AsyncIterator[ActitoSimulator]:
    # The test clock stands still, so that a minute would never end.
    switches = {"calls_per_minute": 0}
    simulator = ActitoSimulator(switches, world=world(), clock=lambda: clock.now() / 1_000_000)
    await simulator.start()
    yield simulator
    await simulator.stop()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def board(clock: TestClock) -> BoardInMemory:
    """What all clients of a test share, as replicas do."""
    return BoardInMemory(clock, lambda: None)


@pytest.fixture
def make_client(
    actito: ActitoSimulator, session: aiohttp.ClientSession, clock: TestClock, board: BoardInMemory
) -> MakeClient:
    def make(
        seconds: float = 5,
        bulk: BulkLimits | None = None,
        before_write: BeforeWrite | None = None,
        **changes: Any,
    ) -> ActitoClient:
        plain = ActitoSettings(actito.url, actito.api_key, calls_per_minute=0)
        wall = HttpWall(
            session, connect_seconds=seconds, read_seconds=seconds, before_write=before_write
        )
        return ActitoClient(wall, replace(plain, **changes), clock, bulk=bulk, board=board)

    return make


@pytest.fixture
def client(make_client: MakeClient) -> ActitoClient:
    return make_client()


@pytest.fixture
def hasty(make_client: MakeClient) -> ActitoClient:
    """A client that gives up after 0.2 seconds of silence, and after 0.4 in all."""
    return make_client(seconds=0.2)
