"""What the doctor asks Didomi: does the key work, does everything mapped exist, are we called?"""

from collections.abc import AsyncIterator, Iterator
from typing import Final

from consent_sync.adapters.didomi.catalogue import Catalogue
from consent_sync.adapters.didomi.client import DidomiClient
from consent_sync.cli.doctor.finding import Finding, fail, ok, warn
from consent_sync.cli.doctor.lacking import lacking
from consent_sync.domain.errors import ConsentSyncError
from consent_sync.domain.inventory import Inventory
from consent_sync.domain.mapping import Mapping

WEBHOOK_PATH: Final = "/webhooks/didomi"


async def didomi_findings(client: DidomiClient, mapping: Mapping) -> AsyncIterator[Finding]:
    """Look at everything in Didomi that this mapping needs."""
    what = f"Didomi, {mapping.name}"
    try:
        await client.check()
        yield ok(what, "the API key works")
        for finding in _catalogue(what, await client.catalogue(mapping), mapping):
            yield finding
        yield await _webhook(what, client, mapping)
    except ConsentSyncError as error:
        yield fail(what, str(error), "check CONSENT_SYNC_DIDOMI_API_URL, _KEY and _SECRET")


def _catalogue(what: str, known: Catalogue, mapping: Mapping) -> Iterator[Finding]:
    lists = {"purposes": known.purposes, "preferences": known.preferences}
    unlisted = [name for name, listed in lists.items() if not listed]
    for name in unlisted:
        yield warn(what, f"{name} could not be checked: Didomi does not list them to this key")
    inventory = Inventory(purposes=known.purposes, preferences=known.preferences)
    wrong = list(lacking(what, mapping, inventory))
    yield from wrong
    if not wrong and not unlisted:
        yield ok(what, "every purpose, preference and value of the mapping exists")


async def _webhook(what: str, client: DidomiClient, mapping: Mapping) -> Finding:
    listed = await client.webhooks(mapping)
    if listed is None:
        return warn(what, "webhooks could not be checked: Didomi does not list them to this key")
    ours = [one for one in listed if one.url.rstrip("/").endswith(WEBHOOK_PATH)]
    if not ours:
        do = f"register this service's address with {WEBHOOK_PATH} in Didomi's console"
        return fail(what, f"none of its {len(listed)} webhooks ends in {WEBHOOK_PATH}", do)
    if all(one.enabled is False for one in ours):
        return fail(what, "the webhook is switched off", "switch it on in Didomi's console")
    return ok(what, "the webhook is registered")
