"""Builds Actito's requests and reads its answers; pure functions and values, no I/O.

Single profiles go through `ProfileRoutes`, of which V4 is the version best known ("Creating or
Updating a Single Profile", "Feeding your Actito Profile tables").
"""

from collections.abc import Mapping as MappingView
from dataclasses import field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Protocol
from urllib.parse import quote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson
from yarl import URL

from consent_sync.adapters.actito.settings import ActitoSettings
from consent_sync.adapters.actito.values import boolean, key_text, profile_number
from consent_sync.adapters.http import Answer, Json, json_object
from consent_sync.domain.errors import PermanentError, RefusedError, TemporaryError
from consent_sync.domain.identity import Names
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.moments import SECOND, Micros
from consent_sync.domain.profile import ProfileChange, Scalar
from consent_sync.domain.values import dataclass

_ABSENT = frozenset({404})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Request:
    """One call to make: everything but the credentials. `name` is safe for logs and metrics."""

    name: str
    method: str
    url: URL
    body: bytes | None = None
    write: bool = False
    accept: frozenset[int] = frozenset()
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Profile:
    """What one answer says about one profile."""

    names: Names
    subscriptions: dict[str, bool]


class ProfileRoutes(Protocol):
    """One version of Actito's single profile routes."""

    def read_by_key(self, mapping: Mapping, key: str) -> Request:
        """Build the reading of a profile by the mapping's unique attribute; 404 is accepted."""
        ...

    def read_by_id(self, mapping: Mapping, profile_id: str) -> Request:
        """Build the reading of a profile by Actito's number; 404 is accepted."""
        ...

    def update(self, mapping: Mapping, key: str, change: ProfileChange) -> Request:
        """Build a change that never creates; 404 is accepted."""
        ...

    def create(self, mapping: Mapping, key: str, change: ProfileChange) -> Request:
        """Build a creation that never changes an existing profile; 404 is accepted."""
        ...

    def delete(self, mapping: Mapping, key: str) -> Request:
        """Build the deletion of a profile; 404 is accepted."""
        ...

    def profile(self, answer: Answer, mapping: Mapping, asked: Names) -> Profile:
        """Read a profile; `asked` fills in names that it lacks. Raises TemporaryError."""
        ...


class V4Routes:
    """The V4 single profile routes."""

    def __init__(self, settings: ActitoSettings) -> None:
        self._settings = settings
        self._zone = _zone(settings.timezone)
        self._profiles: dict[tuple[str, str], URL] = {}

    def read_by_key(self, mapping: Mapping, key: str) -> Request:
        """Build `GET /profile/{attribute}={value}`."""
        return self._read(mapping, _pair(mapping, key))

    def read_by_id(self, mapping: Mapping, profile_id: str) -> Request:
        """Build `GET /profile/{profileId}`."""
        if not profile_number(profile_id):
            raise PermanentError("actito profile read: the profile id is not a number")
        return self._read(mapping, segment(profile_id))

    def update(self, mapping: Mapping, key: str, change: ProfileChange) -> Request:
        """Build `PUT /profile/{attribute}={value}` with what changes and nothing else."""
        body = _body(change, change.attributes, self._zone)
        url = self._below(mapping, _pair(mapping, key))
        return _write("actito profile update", "PUT", url, body)

    def create(self, mapping: Mapping, key: str, change: ProfileChange) -> Request:
        """Build `POST /profile?allowUpdate=false` with the unique attribute among the others."""
        _pair(mapping, key)
        url = URL(f"{self._base(mapping)}?allowUpdate=false", encoded=True)
        attributes: dict[str, Scalar] = {mapping.key_attribute: key, **change.attributes}
        body = _body(change, attributes, self._zone)
        return _write("actito profile create", "POST", url, body)

    def delete(self, mapping: Mapping, key: str) -> Request:
        """Build `DELETE /profile/{attribute}={value}`, whose answer may be text or empty."""
        url = self._below(mapping, _pair(mapping, key))
        name = "actito profile delete"
        return Request(name, "DELETE", url, write=True, accept=_ABSENT)

    def profile(self, answer: Answer, mapping: Mapping, asked: Names) -> Profile:
        """Read the answer of a single GET."""
        value = json_object(answer, write=False)
        attributes = _pairs(answer, value.get("attributes"), "value")
        listed = _pairs(answer, value.get("subscriptions"), "subscribe")
        names = Names(
            actito_key=key_text(attributes.get(mapping.key_attribute)) or asked.actito_key,
            profile_id=profile_number(attributes.get("profileId")) or asked.profile_id,
        )
        return Profile(names, _subscriptions(answer, listed, mapping))

    def _read(self, mapping: Mapping, last: str) -> Request:
        return Request("actito profile read", "GET", self._below(mapping, last), accept=_ABSENT)

    def _below(self, mapping: Mapping, last: str) -> URL:
        base = self._base(mapping)
        return base.with_path(f"{base.raw_path}/{last}", encoded=True)

    def _base(self, mapping: Mapping) -> URL:
        """Return the profiles of a mapping's table; put together once, there are few."""
        base = self._profiles.get((mapping.entity, mapping.table))
        if base is None:
            entity, table = segment(mapping.entity), segment(mapping.table)
            place = f"v4/entity/{entity}/table/{table}/profile"
            base = URL(address(self._settings, self._settings.profiles_prefix, place), encoded=True)
            self._profiles[mapping.entity, mapping.table] = base
        return base


def token_request(settings: ActitoSettings) -> Request:
    """Build the token call of "API Key / Bearer tokens", which has no category and no version."""
    url = URL(address(settings, "", "auth/token"), encoded=True)
    return Request("actito token", "GET", url)


def tables_request(settings: ActitoSettings, entity: str) -> Request:
    """Build the list of profile tables with their structure ("Profile tables", V5)."""
    place = f"v5/entities/{segment(entity)}/profile-tables"
    url = URL(address(settings, settings.structure_prefix, place), encoded=True)
    return Request("actito structure", "GET", url, accept=_ABSENT)


def entities_request(settings: ActitoSettings) -> Request:
    """Build the list of entities that the key may see ("Quick Start", V5)."""
    url = URL(address(settings, settings.entities_prefix, "v5/entities"), encoded=True)
    return Request("actito entities", "GET", url)


def webhooks_request(settings: ActitoSettings, entity: str, table_id: str, page: int) -> Request:
    """Build one page of the registered webhooks of a table ("Managing Webhook Subscriptions")."""
    place = f"v4/entity/{segment(entity)}/webhookSubscription"
    query = f"tableType=PROFILE_TABLE&tableId={segment(table_id)}&page={page}&pageSize=100"
    url = URL(f"{address(settings, settings.webhooks_prefix, place)}?{query}", encoded=True)
    return Request("actito webhooks", "GET", url)


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook as it ought to be; `fields` empty = not filtered."""

    event: str
    url: str
    fields: tuple[str, ...]
    header: str
    secret: str = field(repr=False)


def webhook_request(
    settings: ActitoSettings, entity: str, table_id: str, hook: Hook, number: str
) -> Request:
    """Build the making of a webhook, or the change of the one of this number, with all fields."""
    place = f"v4/entity/{segment(entity)}/webhookSubscription"
    if number:
        place = f"{place}/{segment(number)}"
    body = {
        "on": "PROFILE_TABLE",
        "onElementId": table_id,
        "eventType": hook.event,
        "onFields": list(hook.fields),
        "targetUrl": hook.url,
        "headers": {hook.header: hook.secret},
        "webhookPushType": "ONE_BY_ONE",
        "isActive": True,
    }
    url = URL(address(settings, settings.webhooks_prefix, place), encoded=True)
    name, method = ("actito webhook change", "PUT") if number else ("actito webhook make", "POST")
    return Request(name, method, url, orjson.dumps(body), write=True)


def address(settings: ActitoSettings, prefix: str, place: str) -> str:
    """Return the URL of a place below a category prefix, which may be empty."""
    category = prefix.strip("/")
    return "/".join(part for part in (settings.api_url.rstrip("/"), category, place) if part)


def segment(text: str) -> str:
    """Percent-encode one path segment so that it stays one, whatever it holds."""
    encoded = "%40".join([_quoted(part) for part in text.split("@")])
    # Servers and proxies walk up at a bare dot segment.
    return encoded.replace(".", "%2E") if encoded in (".", "..") else encoded


def _quoted(text: str) -> str:
    # Nearly every part of an address is letters and digits, which are quoted as they are.
    plain = text.isascii() and text.replace(".", "").isalnum()
    return text if plain else quote(text, safe="")


def local_date(moment: Micros, zone: ZoneInfo) -> str:
    """Return a moment as `yyyy-MM-dd HH:mm:ss` in the zone, the only form that Actito shows."""
    return _local_second(moment // SECOND, zone)


# What waits for many people was often said in the same few seconds.
@lru_cache(maxsize=100)
def _local_second(second: int, zone: ZoneInfo) -> str:
    local = (_EPOCH + timedelta(seconds=second)).astimezone(zone)
    return local.replace(tzinfo=None).isoformat(" ", "seconds")


def check_written(answer: Answer) -> bool:
    """Tell whether a 2xx answer can come from Actito itself: empty, text or JSON, but no page."""
    return not answer.body.lstrip().startswith(b"<")


def written_profile(answer: Answer) -> str:
    """Return the profile number that a write's 2xx answer tells; empty when it tells none."""
    try:
        told = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return ""
    return profile_number(told.get("profileId")) if isinstance(told, dict) else ""


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise RefusedError(
            "The time zone of the Actito account is not known on this machine.",
            code="unknown-timezone",
            where="timezone",
            found=name,
            expected="a name such as Europe/Brussels",
        ) from None


def _pair(mapping: Mapping, key: str) -> str:
    # An empty value would make it a request for no profile in particular.
    if not key:
        raise PermanentError("actito profile: the value of the unique attribute is empty")
    return f"{_attribute(mapping.key_attribute)}={segment(key)}"


@lru_cache(maxsize=100)
def _attribute(name: str) -> str:
    return segment(name)


def _write(name: str, method: str, url: URL, body: bytes) -> Request:
    return Request(name, method, url, body, write=True, accept=_ABSENT)


def _body(change: ProfileChange, attributes: MappingView[str, Scalar], zone: ZoneInfo) -> bytes:
    body: dict[str, object] = {
        "dataCollectionInformation": {
            "date": local_date(change.collection.date, zone),
            "source": change.collection.source,
            "way": change.collection.way,
        }
    }
    if attributes:
        body["attributes"] = [{"name": name, "value": attributes[name]} for name in attributes]
    if change.subscriptions:
        chosen = change.subscriptions.items()
        body["subscriptions"] = [{"name": name, "subscribe": value} for name, value in chosen]
    return orjson.dumps(body)


def _pairs(answer: Answer, value: Json, content: str) -> dict[str, Json]:
    """Read an array of `{name, <content>}` (V4) or a flat object (V5)."""
    if isinstance(value, dict):
        return value
    if not isinstance(value, list):
        raise _unexpected(answer)
    pairs: dict[str, Json] = {}
    for element in value:
        name = element.get("name") if isinstance(element, dict) else None
        if not isinstance(element, dict) or not isinstance(name, str):
            raise _unexpected(answer)
        pairs[name] = element.get(content)
    return pairs


def _subscriptions(answer: Answer, listed: dict[str, Json], mapping: Mapping) -> dict[str, bool]:
    mapped = {line.id for line in mapping.lines}
    read: dict[str, bool] = {}
    for name, value in listed.items():
        choice = boolean(value)
        if choice is not None:
            read[name] = choice
        elif value is not None and name in mapped:
            # Guessing here could turn somebody's no into nothing.
            raise _unexpected(answer)
    return read


def _unexpected(answer: Answer) -> TemporaryError:
    return TemporaryError(f"{answer.name}: the answer is not a profile as Actito describes it")
