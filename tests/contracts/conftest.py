"""Every promise of the store is asked of each implementation."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from consent_sync.adapters.storage.memory import MemoryStore
from consent_sync.adapters.storage.sqlite import SqliteStore
from consent_sync.ports.store import Store
from tests.contracts.store_kit import HandClock, Restart


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


class _Shelf:
    """Makes the store of one test, and makes it again after a restart."""

    def __init__(self, kind: str, folder: Path, clock: HandClock) -> None:
        self._clock = clock
        self._path = folder / "store.db" if kind == "sqlite" else None
        self.store: Store = self._new()

    async def restart(self) -> Store:
        await self.store.close()
        if self._path is not None:
            self.store = self._new()
        await self.store.open()
        return self.store

    def _new(self) -> Store:
        if self._path is None:
            return MemoryStore(self._clock)
        return SqliteStore(self._path, self._clock)


@pytest.fixture(params=["memory", "sqlite"])
async def shelf(
    request: pytest.FixtureRequest, tmp_path: Path, clock: HandClock
) -> AsyncIterator[_Shelf]:
    shelf = _Shelf(request.param, tmp_path, clock)
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
