"""Profile tables and registered webhooks as Actito lists them, and a cache of the tables."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping
from hmac import compare_digest
from typing import Annotated, TypeVar

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    TypeAdapter,
    ValidationError,
)
from pydantic.alias_generators import to_camel

from consent_sync.adapters.actito.values import text
from consent_sync.adapters.http import Answer, json_value
from consent_sync.domain.errors import TemporaryError
from consent_sync.domain.hooks import SECRET_HEADER, WebhookRegistration
from consent_sync.domain.moments import SECOND, Micros
from consent_sync.domain.profile import TableAttribute, TableStructure
from consent_sync.ports.clock import Clock

# Predefined attributes carry no valueType ("Using Predefined Attributes"); the others are texts.
_PREDEFINED_TYPES = {"BIRTHDATE": "DATE"}

Text = Annotated[str, BeforeValidator(text)]


class _Model(BaseModel):
    """Additions come without notice ("Change management policy"), so unknown fields are ignored."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore")


class _Restriction(_Model):
    min_length: int | None = None
    max_length: int | None = None
    accepted_values: list[Text] | None = None


class _Attribute(_Model):
    name: str
    type: str = ""
    value_type: str | None = None
    unique: bool = False
    mandatory: bool = False
    multi_valued: bool = False
    value_restriction: _Restriction | None = None


class _Named(_Model):
    name: str


class _Table(_Model):
    id: Text
    name: str
    attributes: list[_Attribute] = []
    subscriptions: list[_Named | str] | None = None


class _Webhook(_Model):
    id: Text
    on: str = ""
    on_element_id: Text = ""
    event_type: str = ""
    on_fields: list[str] | None = None
    target_url: str = ""
    headers: dict[str, JsonValue] | None = None
    webhook_push_type: str | None = None
    is_active: bool = Field(
        default=True, validation_alias=AliasChoices("isActive", "isActif", "active")
    )


Listed = TypeVar("Listed")

_TABLES = TypeAdapter(list[_Table])
_WEBHOOKS = TypeAdapter(list[_Webhook])
_ENTITIES = TypeAdapter(list[_Named])


def read_tables(answer: Answer) -> dict[str, TableStructure]:
    """Read the list of profile tables, by name; raises TemporaryError when it is none."""
    return {table.name: _table(table) for table in _listed(answer, _TABLES)}


def read_entities(answer: Answer) -> list[str]:
    """Read the names of the entities; raises TemporaryError when it is no such list."""
    return [entity.name for entity in _listed(answer, _ENTITIES)]


def read_webhooks(
    answer: Answer, table_id: str, secrets: Collection[str] = ()
) -> tuple[list[WebhookRegistration], int]:
    """Read one page: the webhooks of this profile table, and how many of any kind were on it.

    `secrets` are those we accept in our header.
    """
    page = _listed(answer, _WEBHOOKS)
    ours = [
        WebhookRegistration(
            id=each.id,
            event_type=each.event_type,
            target_url=each.target_url,
            fields=tuple(each.on_fields or ()),
            headers=frozenset(each.headers or ()),
            push_type=each.webhook_push_type or "",
            active=each.is_active,
            accepted=_accepted(each.headers or {}, secrets),
        )
        for each in page
        if each.on == "PROFILE_TABLE" and each.on_element_id == table_id
    ]
    return ours, len(page)


def _accepted(headers: Mapping[str, JsonValue], secrets: Collection[str]) -> bool | None:
    """Tell whether we accept the secret that is sent; None where it is hidden or there is none."""
    shown = next((headers[name] for name in headers if name.lower() == SECRET_HEADER.lower()), None)
    if not isinstance(shown, str) or not shown.strip("*•") or not secrets:
        return None
    return any(compare_digest(shown.encode(), one.encode()) for one in secrets)


def _listed(answer: Answer, adapter: TypeAdapter[list[Listed]]) -> list[Listed]:
    value = json_value(answer, write=False)
    if isinstance(value, dict):
        # The list stands in a field of its own, whose name differs from route to route.
        value = next((field for field in value.values() if isinstance(field, list)), None)
    try:
        return adapter.validate_python(value)
    except ValidationError:
        raise TemporaryError(f"{answer.name}: the answer is not the list expected") from None


def _table(table: _Table) -> TableStructure:
    subscriptions = None
    if table.subscriptions is not None:
        names = (each if isinstance(each, str) else each.name for each in table.subscriptions)
        subscriptions = frozenset(names)
    attributes = {each.name: _attribute(each) for each in table.attributes}
    return TableStructure(table.id, table.name, attributes, subscriptions)


def _attribute(attribute: _Attribute) -> TableAttribute:
    limits = attribute.value_restriction or _Restriction()
    accepted = limits.accepted_values
    predefined = _PREDEFINED_TYPES.get(attribute.type.upper(), "STRING")
    return TableAttribute(
        name=attribute.name,
        value_type=(attribute.value_type or predefined).upper(),
        unique=attribute.unique,
        mandatory=attribute.mandatory,
        multi_valued=attribute.multi_valued,
        min_length=limits.min_length,
        max_length=limits.max_length,
        accepted_values=None if accepted is None else frozenset(accepted),
    )


class TableCache:
    """The tables of each entity, fetched by one caller for all and kept for a while."""

    def __init__(
        self, fetch: Callable[[str], Awaitable[Mapping[str, TableStructure]]], clock: Clock
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._kept: dict[str, tuple[Micros, Mapping[str, TableStructure]]] = {}

    async def tables(self, entity: str, max_age_seconds: float) -> Mapping[str, TableStructure]:
        """Return an entity's tables by name, no older than that; raises what fetching raises."""
        async with self._locks[entity]:
            asked_at, tables = self._kept.get(entity, (None, {}))
            now = self._clock.now()
            if asked_at is None or not 0 <= now - asked_at < max_age_seconds * SECOND:
                tables = await self._fetch(entity)
                self._kept[entity] = (now, tables)
            return tables
