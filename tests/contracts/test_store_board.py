"""The board: nobody overwrites what they have not seen, and one does the work of a name at a time."""

import pytest

from consent_sync.domain.errors import StoreError
from consent_sync.ports.board import Notice
from consent_sync.ports.store import Store
from tests.contracts.store_kit import HandClock, Restart


async def test_a_notice_is_kept_over_a_restart(store: Store, restart: Restart) -> None:
    """What was written last is found again, byte for byte, with how often it was written."""
    before = await store.notice("alerts")
    assert await store.pin("alerts", 0, b"one")
    assert await store.pin("alerts", 1, b"two \x00\xff")
    again = await restart()

    assert before == Notice(0, b"")
    assert await again.notice("alerts") == Notice(2, b"two \x00\xff")
    assert await again.notice("another") == Notice(0, b"")


@pytest.mark.parametrize("seen", [0, 2])
async def test_what_was_not_seen_is_not_overwritten(store: Store, seen: int) -> None:
    """Whoever goes by an earlier version, or by one that never was, writes nothing."""
    await store.pin("alerts", 0, b"one")

    assert not await store.pin("alerts", seen, b"mine")
    assert not await store.pin("never written", 1, b"mine")
    assert await store.notice("alerts") == Notice(1, b"one")
    assert await store.notice("never written") == Notice(0, b"")


async def test_one_holder_leads_at_a_time(store: Store, clock: HandClock) -> None:
    """Another one takes over when the time of the first is over, and not before."""
    assert await store.lead("alerts", "first", 90)
    clock.advance(60)
    assert await store.lead("alerts", "first", 90)
    clock.advance(89)
    assert not await store.lead("alerts", "second", 90)
    assert await store.lead("another", "second", 90)
    clock.advance(1)

    assert await store.lead("alerts", "second", 90)
    assert not await store.lead("alerts", "first", 90)


async def test_who_resigns_is_followed_at_once(store: Store) -> None:
    """What is written stays; only the one who leads can resign."""
    await store.pin("alerts", 0, b"one")
    await store.lead("alerts", "first", 90)
    await store.resign("alerts", "second")
    still = await store.lead("alerts", "second", 90)
    await store.resign("alerts", "first")

    assert not still
    assert await store.lead("alerts", "second", 90)
    assert await store.notice("alerts") == Notice(1, b"one")


async def test_leading_is_not_writing(store: Store) -> None:
    """Whoever leads before anything is written finds nothing written."""
    await store.lead("alerts", "first", 90)

    assert await store.notice("alerts") == Notice(0, b"")
    assert await store.pin("alerts", 0, b"one")


async def test_a_closed_store_has_no_board(store: Store) -> None:
    """Whoever asks hears it."""
    await store.close()

    with pytest.raises(StoreError):
        await store.pin("alerts", 0, b"one")
    with pytest.raises(StoreError):
        await store.lead("alerts", "first", 90)
