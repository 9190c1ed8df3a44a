"""Webhook subscriptions and their daily errors, in memory, without I/O.

Rules from the pages "Using Webhooks", "Managing Webhook Subscriptions" and "Opt-in & preferences management".
"""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError
from pydantic.alias_generators import to_camel

from consent_sync.simulators.actito.refusal import RefusalError
from consent_sync.simulators.actito.switches import Switches
from consent_sync.simulators.actito.world import World

ERRORS_PER_DAY = 10_000
"""The newest errors that one day's list keeps."""

PAGE_SIZE = 50

EventType = Literal["CREATE", "UPDATE", "UPDATED_SUBSCRIPTION", "UPDATED_SEGMENT", "DELETE"]


class WebhookBody(BaseModel):
    """A webhook as the management API takes and shows it; unknown fields are ignored without a word."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore")

    on: Literal["PROFILE_TABLE", "CUSTOM_TABLE"]
    on_element_id: str
    event_type: EventType
    on_fields: list[str] = []
    target_url: str = Field(pattern=r"^https?://\S+$")
    headers: dict[str, str] = {}
    webhook_push_type: Literal["ONE_BY_ONE", "BULK"] = "ONE_BY_ONE"
    max_block_size: int = Field(default=50, ge=1, le=1000)
    is_active: bool = True


@dataclass(slots=True)
class Webhook:
    """A registered webhook with its health; `failures` counts consecutive failed deliveries."""

    id: int
    entity: str
    body: WebhookBody
    failures: int = 0
    errors: dict[str, deque[dict[str, JsonValue]]] = field(default_factory=dict)

    def show(self) -> dict[str, JsonValue]:
        """Show the webhook as the management API does."""
        return {"id": self.id, **self.body.model_dump(mode="json", by_alias=True)}

    def note_error(self, day: str, error: dict[str, JsonValue]) -> None:
        """Put a failed delivery on the list of its day, `yyyy-MM-dd`."""
        self.errors.setdefault(day, deque(maxlen=ERRORS_PER_DAY)).append(error)


class Registry:
    """The webhooks of all entities, by id."""

    def __init__(self, world: World, switches: Switches) -> None:
        self._world = world
        self._switches = switches
        self._webhooks: dict[int, Webhook] = {}
        self._next_id = 7001

    def __iter__(self) -> Iterator[Webhook]:
        return iter(self._webhooks.values())

    def clear(self) -> None:
        """Forget every webhook."""
        self._webhooks.clear()

    def create(self, entity: str, body: Mapping[str, JsonValue]) -> Webhook:
        """Register a webhook; raises RefusalError 400 for an unfit body, 404 for an unknown entity."""
        checked = self._check(entity, body)
        webhook = Webhook(self._next_id, entity, checked)
        self._next_id += 1
        self._webhooks[webhook.id] = webhook
        return webhook

    def get(self, entity: str, number: str) -> Webhook:
        """Return a webhook of an entity; raises RefusalError 404."""
        found = self._webhooks.get(int(number)) if _is_number(number) else None
        if found is None or found.entity != entity:
            raise RefusalError(404, "no such webhook")
        return found

    def update(self, entity: str, number: str, body: Mapping[str, JsonValue]) -> Webhook:
        """Replace the given fields of a webhook; activation forgets earlier failures; raises RefusalError."""
        webhook = self.get(entity, number)
        held = webhook.body.model_dump(mode="json", by_alias=True)
        webhook.body = self._check(entity, {**held, **body})
        if webhook.body.is_active:
            webhook.failures = 0
        return webhook

    def delete(self, entity: str, number: str) -> None:
        """Remove a webhook; raises RefusalError 404."""
        del self._webhooks[self.get(entity, number).id]

    def search(self, entity: str, query: Mapping[str, str]) -> list[Webhook]:
        """List an entity's webhooks with the documented filters; raises RefusalError 400 for an unfit page."""
        self._world.entity(entity)
        found = [each for each in self if each.entity == entity and _fits(each, query)]
        order = query.get("sort", "id")
        found.sort(key=lambda each: _sort_key(each, order))
        if query.get("sortDirection", "ASC").upper() == "DESC":
            found.reverse()
        page, size = page_of(query)
        return found[page * size : (page + 1) * size]

    def listening(self, entity: str, table_id: str) -> list[Webhook]:
        """List the active webhooks on a profile table, oldest first."""
        return [
            each
            for each in self
            if each.body.is_active
            and each.entity == entity
            and each.body.on_element_id == table_id
            and each.body.on == "PROFILE_TABLE"
        ]

    def _check(self, entity: str, body: Mapping[str, JsonValue]) -> WebhookBody:
        tables = self._world.entity(entity).tables.values()
        try:
            checked = WebhookBody.model_validate(body)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise RefusalError(400, f"webhook: {where}: {first['msg']}") from None
        if self._switches.require_https_targets and not checked.target_url.startswith("https:"):
            raise RefusalError(400, "webhook: targetUrl: expected HTTPS")
        table = next((each for each in tables if each.id == checked.on_element_id), None)
        if checked.on == "CUSTOM_TABLE":
            return checked
        if table is None:
            raise RefusalError(400, "webhook: onElementId: no profile table has this id")
        of_subscriptions = checked.event_type == "UPDATED_SUBSCRIPTION"
        known = table.subscriptions if of_subscriptions else tuple(table.attributes)
        unknown = sorted(set(checked.on_fields) - set(known))
        if unknown and checked.event_type != "UPDATED_SEGMENT":
            raise RefusalError(400, f"webhook: onFields: unknown: {', '.join(unknown)}")
        return checked


def page_of(query: Mapping[str, str]) -> tuple[int, int]:
    """Read `page` (from 0) and `pageSize`; raises RefusalError 400."""
    page, size = query.get("page", "0"), query.get("pageSize", str(PAGE_SIZE))
    if not _is_number(page) or not _is_number(size) or not 1 <= int(size) <= 1000:
        raise RefusalError(400, "page or pageSize is not a fitting number")
    return int(page), int(size)


def _fits(webhook: Webhook, query: Mapping[str, str]) -> bool:
    body = webhook.body
    return (
        query.get("tableType", body.on) == body.on
        and query.get("tableId", body.on_element_id) == body.on_element_id
        and query.get("eventType", body.event_type) == body.event_type
        and query.get("isActif", str(body.is_active)).lower() == str(body.is_active).lower()
        and query.get("webhookEndPointId", "") in body.target_url
    )


def _sort_key(webhook: Webhook, field_name: str) -> tuple[str, int]:
    shown = webhook.show().get(field_name)
    return ("" if field_name == "id" else str(shown), webhook.id)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19
