"""Versions of mappings: kept whole, found again by name, hash and number, also after a restart."""

from dataclasses import replace

import pytest

from consent_sync.domain.consent import Node
from consent_sync.domain.errors import StoreError
from consent_sync.domain.identity import Normalise
from consent_sync.domain.mapping import AttributeRules, Line, Mapping, SyncMode
from consent_sync.domain.versions import differences
from consent_sync.ports.store import Store
from consent_sync.ports.versions import MappingVersion
from tests.contracts.store_kit import START, Restart
from tests.doubles.mappings import a_mapping

FULL = a_mapping(
    Line("SportNews", Node("marketing", "topics", "sport"), SyncMode.TO_ACTITO, True, 14),
    Line("Newsletter", Node(channel="email"), SyncMode.TWO_WAY_STRICT, False, 16),
    version="full",
    upsert_mode=True,
    enable_webhooks=False,
    normalise=Normalise.LOWER,
    regulations=("gdpr", "cpra"),
    attributes=AttributeRules(frozenset({"tier", "brand"}), rename={"tier": "loyaltyTier"}),
    account="brand-a",
)
SIMPLE = a_mapping(version="simple")


def kept(
    new: Mapping | None, old: Mapping | None = None, *, name: str = "brand-a", at: int = START
) -> MappingVersion:
    text = f"# {new.version}\r\n".encode() if new is not None else b""
    return MappingVersion(name, at, f"{name}.yaml", new, differences(old, new), text)


async def test_a_version_comes_back_whole(store: Store, restart: Restart) -> None:
    """Every part of a mapping, its text byte for byte, its time and its difference are kept."""
    await store.keep_versions([kept(FULL)])
    again = await restart()
    found = await again.version("brand-a", "full")

    assert found == replace(kept(FULL), number=1)
    assert found.content == FULL
    assert await again.version_by_number(1) == found
    assert [one.shape for one in found.content.lines] == [one.shape for one in FULL.lines]


async def test_the_newest_version_is_in_force(store: Store, restart: Restart) -> None:
    """Of each mapping the newest counts, and one that ended does not count at all."""
    other = a_mapping(name="brand-b", version="other")
    await store.keep_versions([kept(SIMPLE), kept(other, name="brand-b")])
    await store.keep_versions([kept(FULL, SIMPLE), kept(None, other, name="brand-b")])
    again = await restart()

    assert [one.content for one in await again.versions_in_force()] == [FULL]


async def test_a_version_that_comes_back_is_a_new_row(store: Store) -> None:
    """Going back to an earlier version is part of the history, under the same hash."""
    await store.keep_versions([kept(SIMPLE)])
    await store.keep_versions([kept(FULL, SIMPLE, at=START + 1)])
    await store.keep_versions([kept(SIMPLE, FULL, at=START + 2)])
    found = await store.version("brand-a", "simple")

    assert [one.version for one in await store.versions_in_force()] == ["simple"]
    assert found is not None
    assert (found.number, found.at) == (3, START + 2)


async def test_the_list_of_versions(store: Store) -> None:
    """Newest first, of one mapping or of all, in pages, without the texts."""
    other = a_mapping(name="brand-b", version="other")
    for one in (kept(SIMPLE), kept(other, name="brand-b"), kept(FULL, SIMPLE)):
        await store.keep_versions([one])

    every = await store.versions(None, before=None, limit=10)
    assert [(one.number, one.version, one.text) for one in every] == [
        (3, "full", b""),
        (2, "other", b""),
        (1, "simple", b""),
    ]
    assert every[0].difference == differences(SIMPLE, FULL)
    page = await store.versions("brand-a", before=3, limit=10)
    assert [one.number for one in page] == [1]
    assert [one.number for one in await store.versions(None, before=None, limit=1)] == [3]


async def test_what_is_not_there_is_none(store: Store) -> None:
    """A hash or a number nobody has is no version; neither is the end of a mapping."""
    await store.keep_versions([kept(SIMPLE), kept(None, SIMPLE)])

    assert await store.version("brand-a", "gone") is None
    assert await store.version("brand-a", "") is None
    assert await store.version("brand-z", "simple") is None
    assert await store.version_by_number(3) is None
    assert await store.versions_in_force() == []


async def test_a_closed_store_keeps_nothing(store: Store) -> None:
    """Whoever keeps a version hears that it was not kept."""
    await store.close()

    with pytest.raises(StoreError):
        await store.keep_versions([kept(SIMPLE)])
