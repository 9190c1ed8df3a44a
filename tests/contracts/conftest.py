"""Every promise of the store is asked of each implementation."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from consent_sync.adapters.storage.memory import MemoryStore
from consent_sync.adapters.storage.postgres.store import PostgresStore
from consent_sync.adapters.storage.sqlite import SqliteStore
from consent_sync.ports.store import Store
from tests.contracts.postgres_kit import HandDatabase
from tests.contracts.store_kit import HandClock, Restart
from tests.postgres import PostgresServer


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture(scope="session")
def hand_database(postgres: PostgresServer) -> Iterator[HandDatabase]:
    database = HandDatabase(postgres)
    yield database
    database.close()


class _Shelf:
    """Makes the store of one test, and makes it again after a restart."""

    def __init__(self, kind: str, place: str, clock: HandClock) -> None:
        self._clock = clock
        self._kind = kind
        self._place = place
        self.store: Store = self._new()

    async def restart(self) -> Store:
        await self.store.close()
        if self._kind != "memory":
            self.store = self._new()
        await self.store.open()
        return self.store

    def _new(self) -> Store:
        if self._kind == "memory":
            return MemoryStore(self._clock)
        if self._kind == "sqlite":
            return SqliteStore(self._place, self._clock)
        return PostgresStore(self._place, self._clock)


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def shelf(
    request: pytest.FixtureRequest, tmp_path: Path, clock: HandClock
) -> AsyncIterator[_Shelf]:
    place = str(tmp_path / "store.db")
    if request.param == "postgres":
        database: HandDatabase = request.getfixturevalue("hand_database")
        database.follow(clock)
        place = database.url
    shelf = _Shelf(request.param, place, clock)
    await shelf.store.open()
    yield shelf
    await shelf.store.close()


@pytest.fixture
def store(shelf: _Shelf) -> Store:
    return shelf.store


@pytest.fixture
def restart(shelf: _Shelf) -> Restart:
    """Close the store and open it anew over what it kept."""
    return shelf.restart
