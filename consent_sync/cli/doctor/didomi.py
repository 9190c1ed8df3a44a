"""What the doctor asks Didomi: does the key work, does everything mapped exist, are we called?"""

from collections.abc import AsyncIterator, Iterator
from typing import Final

from consent_sync.adapters.didomi.catalogue import Catalogue
from consent_sync.adapters.didomi.client import DidomiClient
from consent_sync.adapters.mapping_files.problems import nearest_word
from consent_sync.cli.doctor.finding import Finding, fail, ok, warn
from consent_sync.domain.errors import ConsentSyncError
from consent_sync.domain.mapping import Line, Mapping

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
    if known.purposes is None:
        yield warn(what, "purposes could not be checked: Didomi does not list them to this key")
    if known.preferences is None:
        yield warn(what, "preferences could not be checked: Didomi does not list them to this key")
    wrong = [(line, said) for line in mapping.lines for said in _unknown(line, known)]
    for line, said in wrong:
        where = f"{mapping.file}:{line.line_number}"
        yield fail(what, f"{line.id}: {said}", f"correct {where}, or make it in Didomi")
    if not wrong and known.purposes is not None and known.preferences is not None:
        yield ok(what, "every purpose, preference and value of the mapping exists")


def _unknown(line: Line, known: Catalogue) -> Iterator[str]:
    node = line.node
    if known.purposes is not None and node.purpose and node.purpose not in known.purposes:
        yield f"no purpose {node.purpose!r}{_hint(node.purpose, known.purposes)}"
    if known.preferences is None or not node.preference:
        return
    if node.preference not in known.preferences:
        yield f"no preference {node.preference!r}{_hint(node.preference, known.preferences)}"
    elif node.option and node.option not in (values := known.preferences[node.preference]):
        named = f"preference {node.preference!r} has no value {node.option!r}"
        yield f"{named}{_hint(node.option, values)}"


def _hint(word: str, known: object) -> str:
    nearest = nearest_word(word, known) if isinstance(known, frozenset | dict) else ""
    return f"; did you mean {nearest!r}?" if nearest else ""


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
