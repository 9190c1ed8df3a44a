"""What an organisation has set up in Didomi: purposes, preferences and webhooks, for checks only.

Pages: "Preferences Library", "Regulations", "Configure a HTTP webhook". The shapes of the answers are hardly
documented, so whatever cannot be read counts as "Didomi did not say".
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from consent_sync.adapters.didomi.calls import DidomiCalls
from consent_sync.adapters.http import Json, json_value
from consent_sync.domain.errors import CredentialError, PermanentError

PAGE_SIZE = 100
MAX_PAGES = 20


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Known ids; None where Didomi did not say. `preferences` maps an id to the ids of its values."""

    purposes: frozenset[str] | None
    preferences: Mapping[str, frozenset[str]] | None
    regulations: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class WebhookRegistration:
    """One webhook that Didomi has; `enabled` is None where it does not say."""

    id: str
    url: str
    enabled: bool | None


async def read_catalogue(calls: DidomiCalls, organization_id: str) -> Catalogue:
    """Return the known purposes, preferences and regulations; raise TemporaryError."""
    purposes = await _listed(calls, "metadata/purposes", organization_id)
    preferences = await _listed(calls, "preferences", organization_id)
    regulations = await _listed(calls, "compliance/v1/regulations", organization_id)
    return Catalogue(
        None if purposes is None else frozenset(map(_id, purposes)) - {""},
        None
        if preferences is None
        else {_id(one): _values(one.get("values")) for one in preferences if _id(one)},
        None if regulations is None else frozenset(map(_id, regulations)) - {""},
    )


async def read_webhooks(
    calls: DidomiCalls, organization_id: str
) -> tuple[WebhookRegistration, ...] | None:
    """Return the registered HTTP webhooks, None when Didomi does not list them; raise TemporaryError."""
    found = await _listed(calls, "marketplace/integrations", organization_id)
    if found is None:
        return None
    return tuple(_webhook(one) for one in found if one.get("type_id") == "webhook-http")


def objects_in(value: Json) -> Iterator[dict[str, Json]]:
    """Yield the objects of an answer: a bare array, an envelope with `data`, or a single object."""
    if isinstance(value, dict):
        inner = value.get("data")
        value = inner if isinstance(inner, list | dict) else value
    yield from (
        one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict)
    )


async def _listed(
    calls: DidomiCalls, path: str, organization_id: str
) -> list[dict[str, Json]] | None:
    found: dict[str, dict[str, Json]] = {}
    for page in range(MAX_PAGES):
        query = [
            ("organization_id", organization_id),
            ("$limit", str(PAGE_SIZE)),
            ("$skip", str(page * PAGE_SIZE)),
        ]
        try:
            answer = await calls.get(path, query, name=f"didomi.{path}")
        except (CredentialError, PermanentError):
            # 403 or 404: the module is not part of the contract, or the route is not public.
            return None
        new = {_id(one): one for one in objects_in(json_value(answer, write=False))}
        # A route that ignores `$skip` answers the same page again.
        grown = new.keys() - found.keys()
        found.update(new)
        if len(new) < PAGE_SIZE or not grown:
            break
    return list(found.values())


def _id(one: Mapping[str, Json]) -> str:
    name = one.get("id")
    return name if isinstance(name, str) else ""


def _values(raw: Json) -> frozenset[str]:
    ids = (one if isinstance(one, str) else _id(one) for one in _parts(raw))
    return frozenset(name for name in ids if name)


def _parts(raw: Json) -> list[str | dict[str, Json]]:
    return [one for one in raw if isinstance(one, str | dict)] if isinstance(raw, list) else []


def _webhook(one: Mapping[str, Json]) -> WebhookRegistration:
    properties = one.get("properties")
    url = properties.get("url") if isinstance(properties, dict) else None
    enabled = one.get("enabled")
    return WebhookRegistration(
        _id(one),
        url if isinstance(url, str) else "",
        enabled if isinstance(enabled, bool) else None,
    )
