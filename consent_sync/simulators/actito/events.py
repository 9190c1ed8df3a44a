"""From a change to the webhook events it fires and the bodies that carry them, without I/O.

Rules from the page "Data events"; encodings and envelopes that no page settles follow the switches.
"""

import random
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from consent_sync.simulators.actito.profiles import Change, Kind, Origin
from consent_sync.simulators.actito.registry import Webhook
from consent_sync.simulators.actito.switches import Switches
from consent_sync.simulators.actito.table import Table
from consent_sync.simulators.actito.values import Value, show_value

Data = dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Event:
    """One event for one webhook: the content of `data`, fixed at the moment of the change."""

    webhook: Webhook
    data: Data


def events_of(
    change: Change, table: Table, webhooks: Iterable[Webhook], switches: Switches
) -> list[Event]:
    """List what a change fires, in the order of the webhooks."""
    asked = change.origin is Origin.API and switches.api_writes_fire == "always"
    if change.empty and not asked:
        return []
    if change.origin is Origin.API and switches.api_writes_fire == "never":
        return []
    teller = _Teller(change, table, switches, whole=asked)
    return [Event(webhook, data) for webhook in webhooks for data in teller.tell(webhook)]


def push_type(webhook: Webhook, switches: Switches) -> str:
    """Tell whether a webhook's events leave one by one or in bulk."""
    forced = switches.push_type
    return webhook.body.webhook_push_type if forced == "registered" else forced


def envelope(
    webhook: Webhook, data: list[Data], switches: Switches, rng: random.Random
) -> JsonValue:
    """Wrap one event, or in bulk mode several, as the switches say."""
    if push_type(webhook, switches) == "ONE_BY_ONE":
        return _wrap(webhook, data[0], switches, rng)
    if switches.bulk_shape == "data_array" and switches.envelope != "bare":
        return _wrap(webhook, list(data), switches, rng)
    return [_wrap(webhook, each, switches, rng) for each in data]


def _wrap(webhook: Webhook, data: JsonValue, switches: Switches, rng: random.Random) -> JsonValue:
    if switches.envelope == "bare":
        return data
    if switches.envelope == "table":
        return {"tableId": webhook.body.on_element_id, "data": data}
    number = uuid.UUID(int=rng.getrandbits(128), version=4)
    href = f"/webhooks/v4/entity/{webhook.entity}/webhookSubscription/{webhook.id}"
    return {"id": str(number), "data": data, "_links": {"webhook": {"href": href}}}


class _Teller:
    """Tells one change to webhooks of different kinds; `whole` includes what was asked for but already so."""

    def __init__(self, change: Change, table: Table, switches: Switches, *, whole: bool) -> None:
        self._change = change
        self._table = table
        self._switches = switches
        self._attributes = change.asked_attributes if whole else change.attributes
        self._subscriptions = change.asked_subscriptions if whole else change.subscriptions

    def tell(self, webhook: Webhook) -> list[Data]:
        """List the contents of the events for one webhook; none when it is not concerned."""
        kind, event = self._change.kind, webhook.body.event_type
        if event == "UPDATED_SUBSCRIPTION":
            return self._subscription_events(webhook.body.on_fields)
        if event == "DELETE":
            fires = kind is Kind.DELETED and self._switches.deletion_fires
            return [self._identity()] if fires else []
        if event == "CREATE" and kind is Kind.CREATED:
            return self._attribute_events(webhook.body.on_fields)
        touched = self._attributes or self._switches.subscriptions_fire_update
        if event == "UPDATE" and kind is Kind.UPDATED and touched:
            return self._attribute_events(webhook.body.on_fields)
        return []

    def _subscription_events(self, on_fields: list[str]) -> list[Data]:
        created = self._change.kind is Kind.CREATED
        if created and not self._switches.creation_fires_subscriptions:
            return []
        told = self._subscriptions
        named = {name: told[name] for name in told if not on_fields or name in on_fields}
        if not named:
            return []
        if self._switches.one_event_per_subscription:
            groups = [{name: subscribed} for name, subscribed in named.items()]
        else:
            content = self._switches.on_fields == "filter_and_content"
            groups = [named if content else dict(told)]
        extra = self._shown(self._attributes) if self._switches.payload_other_changes else {}
        return [{**self._identity(), **extra, **self._encoded(group)} for group in groups]

    def _attribute_events(self, on_fields: list[str]) -> list[Data]:
        told: Mapping[str, Value | None] = self._attributes
        named = {name: told[name] for name in told if not on_fields or name in on_fields}
        if on_fields and not named:
            return []
        if self._switches.on_fields == "filter_and_content" and on_fields:
            told = named
        extra = self._encoded(self._subscriptions) if self._switches.payload_other_changes else {}
        return [{**self._identity(), **self._shown(told), **extra}]

    def _identity(self) -> Data:
        number = self._change.profile_id
        native = self._switches.answer_values == "native"
        unique = (
            self._shown(self._change.unique) if self._switches.payload_unique_attributes else {}
        )
        return {"profileId": number if native else str(number), **unique}

    def _shown(self, values: Mapping[str, Value | None]) -> Data:
        return {
            name: None
            if value is None
            else show_value(self._table.attributes[name], value, self._switches)
            for name, value in values.items()
        }

    def _encoded(self, subscriptions: Mapping[str, bool]) -> Data:
        encode = _ENCODINGS[self._switches.subscription_values]
        return {name: encode[subscribed] for name, subscribed in subscriptions.items()}


_ENCODINGS: dict[str, tuple[JsonValue, JsonValue]] = {
    "text": ("false", "true"),
    "boolean": (False, True),
    "number": (0, 1),
    "digit_text": ("0", "1"),
    "upper_text": ("FALSE", "TRUE"),
}
"""How unsubscribed and subscribed are written."""
