"""A database from before an erasure: the list apart from it keeps the person out, on either store."""

from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import orjson
import pytest

from consent_sync.adapters.actito.webhook import ActitoReceiver
from consent_sync.adapters.didomi.webhook import DidomiReceiver
from consent_sync.adapters.storage.postgres.store import PostgresStore
from consent_sync.adapters.storage.sqlite import SqliteStore
from consent_sync.adapters.tombstone_file import TombstoneFile
from consent_sync.app.database import tombstone_list
from consent_sync.app.settings import Settings
from consent_sync.domain.erasure import Marks
from consent_sync.ports.store import Store
from consent_sync.services.erasure import Erasure
from consent_sync.services.intake import Intake
from consent_sync.services.profiles import ProfileIndex
from tests.postgres import PostgresServer
from tests.services.people import FixedMappings, StandingClock, didomi_event, mapping

ADA = "ada@example.com"
MARKS = Marks(b"k")


@pytest.fixture
def urls(postgres: PostgresServer) -> Iterator[list[str]]:
    found = [postgres.new_database() for _ in range(2)]
    yield found
    for url in found:
        postgres.drop(url)


@pytest.fixture(params=["sqlite", "postgres"])
def databases(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[int], Store]:
    """Two databases: the one of today, and one that was restored."""
    clock = StandingClock()

    def make(number: int) -> Store:
        if request.param == "sqlite":
            return SqliteStore(tmp_path / f"{number}.db", clock, marks=MARKS)
        return PostgresStore(request.getfixturevalue("urls")[number], clock, marks=MARKS)

    return make


async def test_a_restored_database_gives_up_whoever_was_erased_since(
    databases: Callable[[int], Store], tmp_path: Path
) -> None:
    """In another letter case, too: what comes in about them waits for nobody, what was there goes."""
    shelf, clock = TombstoneFile(tmp_path / "list"), StandingClock()
    mappings = FixedMappings(mapping("brand-a"))
    parts = (DidomiReceiver(), ActitoReceiver(), clock)
    async with AsyncExitStack() as stack:
        stores = [databases(number) for number in range(2)]
        for store in stores:
            await store.open()
            stack.push_async_callback(store.close)
        doors = [Intake(store, mappings, *parts, ProfileIndex()) for store in stores]
        for door in doors:
            await door.accept_didomi(orjson.dumps(didomi_event(ADA, 1)))
        today, restored = (Erasure(store, mappings, MARKS, *parts, shelf) for store in stores)
        await today.erase(ADA)

        missing = await restored.begin()
        await doors[1].accept_didomi(orjson.dumps(didomi_event("ADA@example.com", 2)))
        cleared = await restored.clear()

        assert missing > 0
        assert cleared > 0
        assert list(await stores[1].names(0, 10)) == []
        kept = await stores[1].events(refused=False, before=None, limit=9)
        assert [one.body for one in kept] == [b"", b""]


def test_the_list_can_be_kept_anywhere() -> None:
    """A shared database has none unless a file is named."""
    url = "postgresql://somebody@db.example.com/consents"
    there = {
        "CONSENT_SYNC_ACTITO_API_URL": "https://api3.example.com",
        "CONSENT_SYNC_DATABASE_URL": url,
    }
    named = there | {"CONSENT_SYNC_TOMBSTONES_FILE": "/srv/erased"}

    assert tombstone_list(Settings.from_variables(there)) is None
    assert tombstone_list(Settings.from_variables(named)) is not None
