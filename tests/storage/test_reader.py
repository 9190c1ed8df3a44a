"""Looking into the database from beside its owner."""

from pathlib import Path

import pytest

from consent_sync.adapters.storage.reader import SqliteReader
from consent_sync.adapters.storage.sqlite import SqliteStore
from consent_sync.domain.errors import StoreError
from consent_sync.domain.identity import Side
from consent_sync.ports.store import Settlement
from tests.contracts.store_kit import HandClock, event, record, refused, state, subject


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


async def filled(path: Path) -> SqliteStore:
    store = SqliteStore(path, HandClock())
    await store.open()
    await store.accept([event("one", "ada"), event("two", "ben")])
    await store.refuse(refused("nonsense"))
    turn = next(t for t in await store.claim(2) if t.subject == subject("ada"))
    done = tuple(item.id for item in turn.items)
    await store.settle(Settlement(turn.subject, state("ada@example.com"), record(), done))
    return store


async def everything(reader: SqliteReader) -> dict[str, object]:
    return {
        "person": await reader.person(subject("ada")),
        "timeline": await reader.timeline(subject("ada"), 10),
        "waiting": await reader.waiting(subject("ben")),
        "accepted": await reader.events(refused=False, before=None, limit=10),
        "refused": await reader.events(refused=True, before=None, limit=10, source=Side.DIDOMI),
        "event": await reader.event(1),
        "recent": await reader.recent(after=0, limit=10),
        "newest": await reader.newest_record(),
        "profile": await reader.find_profile("main", "1001"),
        "status": await reader.status(),
    }


async def test_it_sees_what_the_owner_committed(tmp_path: Path) -> None:
    """While the owner runs, every method answers what was durable at that moment."""
    store = await filled(tmp_path / "store.db")
    try:
        seen = await everything(SqliteReader(tmp_path / "store.db"))

        assert seen["person"] == state("ada@example.com")
        assert seen["newest"] == 1
        assert seen["status"] == await store.status()
        assert seen["accepted"] == await store.events(refused=False, before=None, limit=10)
        assert seen["refused"] == await store.events(refused=True, before=None, limit=10)
    finally:
        await store.close()


async def test_it_sees_the_same_after_the_owner_left(tmp_path: Path) -> None:
    """A closed database is read as it is, and no file appears beside it."""
    path = tmp_path / "store.db"
    store = await filled(path)
    before = await everything(SqliteReader(path))
    await store.close()
    files = names(tmp_path)

    assert await everything(SqliteReader(path)) == before
    assert names(tmp_path) == files


async def test_it_follows_the_owner(tmp_path: Path) -> None:
    """A reader that looks again sees what came meanwhile, without being made anew."""
    path = tmp_path / "store.db"
    store = await filled(path)
    await store.close()
    reader = SqliteReader(path)
    assert (await reader.status()).sides[Side.DIDOMI].events == 2
    again = SqliteStore(path, HandClock())
    await again.open()
    try:
        await again.accept([event("three", "cid")])

        assert (await reader.status()).sides[Side.DIDOMI].events == 3
    finally:
        await again.close()


async def test_no_database_is_said_and_not_made(tmp_path: Path) -> None:
    """Where there is no file the error says what makes it, and nothing appears."""
    with pytest.raises(StoreError, match="consent-sync serve"):
        await SqliteReader(tmp_path / "none.db").status()

    assert names(tmp_path) == []


async def test_a_foreign_file_is_refused(tmp_path: Path) -> None:
    """A file that is no database of ours is named as such."""
    (tmp_path / "empty.db").write_bytes(b"")
    (tmp_path / "text.db").write_text("a letter, " * 200)

    with pytest.raises(StoreError, match="not one of consent-sync"):
        await SqliteReader(tmp_path / "empty.db").status()
    with pytest.raises(StoreError, match="not a SQLite database"):
        await SqliteReader(tmp_path / "text.db").status()


async def test_nothing_is_changed_through_it(tmp_path: Path) -> None:
    """A replay needs the owner."""
    with pytest.raises(StoreError, match="owner"):
        await SqliteReader(tmp_path / "store.db").replay(1, [], 0)
