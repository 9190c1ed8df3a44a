"""What the doctor asks Actito: does the key work, does the table fit the mapping, are we called?"""

from collections.abc import AsyncIterator, Iterator, Sequence

from consent_sync.adapters.actito.client import ActitoClient
from consent_sync.adapters.mapping_files.problems import nearest_word
from consent_sync.cli.doctor.finding import Finding, fail, ok, warn
from consent_sync.cli.doctor.lacking import lacking
from consent_sync.domain.attributes import missing_mandatory
from consent_sync.domain.errors import ConsentSyncError
from consent_sync.domain.hooks import NEEDED_EVENTS, WebhookRegistration, hook_faults
from consent_sync.domain.inventory import Inventory
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.profile import TableStructure


async def actito_findings(client: ActitoClient, mapping: Mapping) -> AsyncIterator[Finding]:
    """Look at everything in Actito that this mapping needs."""
    what = f"Actito, {mapping.name}"
    try:
        await client.check(mapping.entity)
        yield ok(what, f"the API key works and sees the entity {mapping.entity!r}")
        table = await client.structure(mapping)
        yield ok(what, f"the profile table {mapping.table!r} is there")
        for finding in _table(what, table, mapping):
            yield finding
        if mapping.enable_webhooks:
            for finding in _webhooks(what, await client.webhooks(mapping), mapping):
                yield finding
    except ConsentSyncError as error:
        yield fail(what, str(error), "check CONSENT_SYNC_ACTITO_API_URL and _KEY, and the mapping")


def _table(what: str, table: TableStructure, mapping: Mapping) -> Iterator[Finding]:
    yield _key(what, table, mapping)
    if mapping.upsert_mode:
        yield from _mandatory(what, table, mapping)
    if not table.subscriptions:
        said = "subscriptions could not be checked: the structure of the table does not list them"
        yield warn(what, said)
        return
    wrong = list(lacking(what, mapping, Inventory(table=table)))
    yield from wrong or [ok(what, "every subscription of the mapping exists")]


def _key(what: str, table: TableStructure, mapping: Mapping) -> Finding:
    key = mapping.key_attribute
    attribute = table.attributes.get(key)
    if attribute is None:
        near = nearest_word(key, table.attributes)
        hint = f"; did you mean {near!r}?" if near else ""
        said = f"the table has no attribute {key!r}{hint}"
        return fail(what, said, f"correct user_unique_key in {mapping.file}")
    if not attribute.unique:
        said = f"{key!r} is not unique, so one person could be several profiles"
        return fail(what, said, "use a unique attribute, or make this one unique in Actito")
    return ok(what, f"{key!r} is a unique attribute")


def _mandatory(what: str, table: TableStructure, mapping: Mapping) -> Iterator[Finding]:
    rules = mapping.attributes
    missing = missing_mandatory(table, frozenset({mapping.key_attribute}))
    if rules.allow is None:
        never: tuple[str, ...] = ()
    else:
        passed = {rules.rename.get(key, key) for key in rules.allow - rules.deny}
        never = tuple(name for name in missing if name not in passed)
    for name in never:
        said = f"upsert_mode can create nobody: {name!r} is mandatory and no metadata fills it"
        yield fail(what, said, f"let it through in attributes of {mapping.file}")
    for name in missing:
        if name not in never:
            yield warn(what, f"only people whose metadata gives {name!r} can be created")
    if not missing:
        yield ok(what, "no mandatory attribute stands in the way of upsert_mode")


def _webhooks(
    what: str, listed: Sequence[WebhookRegistration], mapping: Mapping
) -> Iterator[Finding]:
    faults = {fault.event: fault for fault in hook_faults(mapping, listed)}
    for event in NEEDED_EVENTS:
        fault = faults.get(event)
        if fault is None:
            yield ok(what, f"the webhook for {event} is registered and active")
        else:
            yield fail(what, fault.words, "let `consent-sync webhooks install` put it right")
