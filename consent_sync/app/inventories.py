"""Asks both platforms what exists there, for the mappings; reads only."""

import asyncio
from collections.abc import Awaitable, Iterable
from collections.abc import Mapping as MappingView
from typing import Final, Generic, NamedTuple, TypeVar

from consent_sync.adapters.actito.client import ActitoClient
from consent_sync.adapters.didomi.catalogue import Catalogue
from consent_sync.adapters.didomi.client import DidomiClient
from consent_sync.app.accounts import ActitoAccounts, DidomiAccounts
from consent_sync.domain.errors import ConsentSyncError
from consent_sync.domain.identity import Side
from consent_sync.domain.inventory import Inventory, organization_of, table_of
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.profile import TableStructure

Told = TypeVar("Told")
Tables = MappingView[str, TableStructure]

ASK_SECONDS: Final = 120.0
"""How long all questions to one platform about one mapping may take."""


class Inventories:
    """Both platforms, asked mapping by mapping."""

    def __init__(self, actito: ActitoAccounts, didomi: DidomiAccounts) -> None:
        self._actito = actito
        self._didomi = didomi

    async def of_all(self, mappings: Iterable[Mapping]) -> dict[str, Inventory]:
        """Return what exists for each mapping, by its name; nothing is asked twice.

        A side that cannot be asked is told in `unasked`.
        """
        tables: dict[tuple[str, str], _Answer[Tables]] = {}
        known: dict[tuple[str, str], _Answer[Catalogue]] = {}
        found: dict[str, Inventory] = {}
        for mapping in mappings:
            entity, home = table_of(mapping)[:2], organization_of(mapping)
            if entity not in tables:
                tables[entity] = await _asked(_tables(self._actito.of(mapping), mapping))
            if home not in known:
                known[home] = await _asked(_catalogue(self._didomi.of(mapping), mapping))
            found[mapping.name] = _inventory(mapping, tables[entity], known[home])
        return found

    async def of_organization(self, organization_id: str) -> Inventory:
        """Return what a Didomi organisation of the plain account has; Actito is not asked."""
        mapping = Mapping("", "", "", "", organization_id, (), "", "", "", ())
        known = await _asked(_catalogue(self._didomi.of(mapping), mapping))
        return _inventory(mapping, _Answer(None), known)


class _Answer(NamedTuple, Generic[Told]):
    told: Told | None
    why_not: str = ""


async def _asked(question: Awaitable[Told]) -> _Answer[Told]:
    try:
        async with asyncio.timeout(ASK_SECONDS):
            return _Answer(await question)
    except TimeoutError:
        return _Answer(None, f"no answer to all questions within {ASK_SECONDS:g} seconds")
    except ConsentSyncError as error:
        return _Answer(None, str(error))


def _inventory(mapping: Mapping, tables: _Answer[Tables], known: _Answer[Catalogue]) -> Inventory:
    sides = ((Side.ACTITO, tables.why_not), (Side.DIDOMI, known.why_not))
    listed = known.told or Catalogue(None, None)
    return Inventory(
        tables=None if tables.told is None else frozenset(tables.told),
        table=None if tables.told is None else tables.told.get(mapping.table),
        purposes=listed.purposes,
        preferences=listed.preferences,
        regulations=listed.regulations,
        unasked=tuple((side, why) for side, why in sides if why),
    )


async def _tables(client: ActitoClient, mapping: Mapping) -> Tables:
    await client.check(mapping.entity)
    return await client.tables(mapping)


async def _catalogue(client: DidomiClient, mapping: Mapping) -> Catalogue:
    await client.check()
    return await client.catalogue(mapping)
