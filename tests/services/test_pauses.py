"""Pauses: durable, shared, and ended as they were begun."""

import pytest

from consent_sync.adapters.storage.memory import MemoryStore
from consent_sync.domain.errors import StoreError
from consent_sync.domain.identity import Side
from consent_sync.services.pauses import NOTICE, Pauses
from tests.services.people import NOON, StandingClock

BOTH = tuple(Side)


@pytest.fixture
async def store() -> MemoryStore:
    store = MemoryStore(StandingClock())
    await store.open()
    return store


@pytest.fixture
def pauses(store: MemoryStore) -> Pauses:
    return Pauses(store, StandingClock())


async def test_a_pause_of_a_side_holds_for_every_mapping(pauses: Pauses) -> None:
    """The other side is not touched, and who did it when is kept."""
    await pauses.pause([Side.ACTITO], "", "olga")
    [one] = pauses.current

    assert pauses.of("brand-a") == pauses.of("brand-b") == {Side.ACTITO}
    assert (one.by, one.since) == ("olga", NOON)


async def test_a_pause_of_a_mapping_holds_for_it_alone(pauses: Pauses) -> None:
    """Without a side it is about both."""
    await pauses.pause(BOTH, "brand-a", "olga")

    assert pauses.of("brand-a") == set(BOTH)
    assert pauses.of("brand-b") == frozenset()


async def test_another_replica_learns_of_it(store: MemoryStore, pauses: Pauses) -> None:
    """When it looks; and it is told when a pause has ended."""
    other = Pauses(store, StandingClock())
    await pauses.pause([Side.ACTITO], "", "olga")
    begun = await other.refresh()
    seen = other.of("brand-a")
    await pauses.resume([Side.ACTITO], "")
    ended = await other.refresh()

    assert (begun, set(seen), ended) == (False, {Side.ACTITO}, True)
    assert other.current == ()


async def test_what_is_paused_already_is_left_as_it_is(store: MemoryStore, pauses: Pauses) -> None:
    """A second pause neither doubles it nor makes it younger."""
    await pauses.pause([Side.ACTITO], "", "olga")
    before = await store.notice(NOTICE)
    await pauses.pause([Side.ACTITO], "", "omar")

    assert await store.notice(NOTICE) == before


@pytest.mark.parametrize(
    ("sides", "mapping", "ended", "left"),
    [
        ([Side.ACTITO], "", 2, 1),
        ([Side.ACTITO], "brand-a", 1, 2),
        ([Side.DIDOMI], "brand-b", 0, 3),
        (BOTH, "", 3, 0),
    ],
)
async def test_what_is_named_is_resumed(
    pauses: Pauses, sides: list[Side], mapping: str, ended: int, left: int
) -> None:
    """Without a mapping those of single mappings end, too."""
    await pauses.pause([Side.ACTITO], "", "olga")
    await pauses.pause(BOTH, "brand-a", "olga")

    assert await pauses.resume(sides, mapping) == ended
    assert len(pauses.current) == left


class Contended(MemoryStore):
    """Somebody else always writes first."""

    async def pin(self, name: str, version: int, body: bytes) -> bool:
        return False


async def test_a_board_that_others_write_all_the_time_is_an_error() -> None:
    """Nothing is said to be paused that is not."""
    store = Contended(StandingClock())
    await store.open()
    pauses = Pauses(store, StandingClock())

    with pytest.raises(StoreError, match="again and again"):
        await pauses.pause([Side.ACTITO], "", "olga")
    assert pauses.current == ()
