"""What a webhook carries: the envelope of the page "Webhooks", and which notices are told at all."""

from collections.abc import Iterator

from pydantic import JsonValue

from consent_sync.simulators.didomi.notices import Notice
from consent_sync.simulators.didomi.records import DEFAULT_REGULATION
from consent_sync.simulators.didomi.switches import Switches
from consent_sync.simulators.didomi.wire import JsonObject


def told(notices: list[Notice], switches: Switches) -> list[Notice]:
    """Return the notices that become webhooks, in their order."""
    wanted = [notice for notice in notices if _is_told(notice, switches)]
    events = [notice for notice in wanted if notice.type.startswith("event.")]
    users = [notice for notice in wanted if notice.type.startswith("user.")]
    return {
        "event_then_user": wanted,
        "user_then_event": users + events,
        "event_only": events,
        "user_only": users,
    }[switches.webhook_fan_out]


def _is_told(notice: Notice, switches: Switches) -> bool:
    if notice.silent and switches.disable_integrations_silences_webhooks:
        return False
    if notice.guest and not switches.webhook_guests:
        return False
    return switches.multi_regulation or notice.regulation == DEFAULT_REGULATION


def envelope(notice: Notice, switches: Switches) -> JsonObject:
    """Return the JSON object that is sent for a notice."""
    parameters = notice.parameters
    if notice.type == "event.deleted" and switches.event_deleted_body == "sparse":
        parameters = {"entity": _sparse(parameters["entity"])}
    shown: JsonObject = {"type": notice.type}
    if switches.envelope_regulation:
        shown["regulation"] = notice.regulation
    if switches.flatten:
        entity = parameters.get("new_entity", parameters.get("entity"))
        return {**shown, **dict(_flat("entity", entity))}
    return {**shown, "parameters": parameters}


def _sparse(entity: JsonValue) -> JsonValue:
    kept = ("id", "created_at")
    return {key: entity[key] for key in kept} if isinstance(entity, dict) else entity


def _flat(name: str, value: JsonValue) -> Iterator[tuple[str, JsonValue]]:
    """Yield flat keys joined by a double underscore; members of lists are numbered, which no page states."""
    members: dict[str, JsonValue] = {}
    if isinstance(value, dict):
        members = value
    elif isinstance(value, list):
        members = {str(number): item for number, item in enumerate(value)}
    if not members:
        yield name, value
    for key, member in members.items():
        yield from _flat(f"{name}__{key}", member)
