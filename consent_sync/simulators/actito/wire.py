"""JSON bodies of the platform API: V4 arrays of `{name, value}` and V5 flat objects, read and shown without I/O."""

import re
from collections.abc import Mapping

import orjson
from pydantic import JsonValue

from consent_sync.simulators.actito.profiles import Profile, Provenance, Write
from consent_sync.simulators.actito.refusal import RefusalError
from consent_sync.simulators.actito.switches import Switches
from consent_sync.simulators.actito.table import Key, Table
from consent_sync.simulators.actito.values import show_moment, show_value

Object = dict[str, JsonValue]

_PLAIN_MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", re.ASCII)


def read_object(body: bytes) -> Object:
    """Read a JSON object; raises RefusalError 400."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise RefusalError(400, "the body is not JSON") from None
    if not isinstance(value, dict):
        raise RefusalError(400, "the body is not a JSON object")
    return value


def read_v4(body: bytes, switches: Switches) -> Write:
    """Read the four sections of a V4 profile body; raises RefusalError 400."""
    sections = read_object(body)
    return Write(
        attributes=_pairs(sections, "attributes", "value"),
        subscriptions=_choices(_pairs(sections, "subscriptions", "subscribe")),
        segmentations=tuple(_array(sections, "segmentations")),
        provenance=_provenance(sections, switches),
    )


def read_v5(body: bytes, switches: Switches) -> tuple[Key, Write]:
    """Read a V5 upsert body: one unique key, attributes and subscriptions; raises RefusalError 400."""
    sections = read_object(body)
    key = _mapping(sections, "key")
    if len(key) != 1:
        raise RefusalError(400, "key: expected exactly one attribute")
    [(name, value)] = key.items()
    if value is None or isinstance(value, list | dict):
        raise RefusalError(400, "key: expected a single value")
    named = {} if name == "profileId" else {name: value}
    attributes = {**named, **_mapping(sections, "attributes")}
    write = Write(
        attributes=attributes,
        subscriptions=_choices(_mapping(sections, "subscriptions")),
        provenance=_provenance(sections, switches),
    )
    return Key(name, str(value)), write


def show_v4(table: Table, profile: Profile, switches: Switches) -> Object:
    """Show a profile as a V4 GET does."""
    shown = _attributes(table, profile, switches)
    return {
        "attributes": [{"name": name, "value": value} for name, value in shown.items()],
        "subscriptions": show_subscriptions(table, profile, switches),
        "segmentations": list(profile.segmentations),
    }


def show_v5(table: Table, profile: Profile, switches: Switches) -> Object:
    """Show a profile as the V5 list does."""
    return {
        "attributes": _attributes(table, profile, switches),
        "subscriptions": dict(_subscriptions(table, profile, switches)),
    }


def show_subscriptions(table: Table, profile: Profile, switches: Switches) -> list[JsonValue]:
    """Show the subscriptions of a profile as V4 does."""
    return [
        {"name": name, "subscribe": subscribed}
        for name, subscribed in _subscriptions(table, profile, switches)
    ]


def show_table(table: Table, switches: Switches) -> Object:
    """Show the structure of a profile table."""
    shown: Object = {
        "id": table.id,
        "name": table.name,
        "attributes": [
            {**attribute.describe(), "mandatory": table.is_mandatory(attribute)}
            for attribute in table.attributes.values()
        ],
        "displayOptions": {"forAttributes": []},
    }
    if switches.structure_subscriptions == "objects":
        shown["subscriptions"] = [{"name": name} for name in table.subscriptions]
    elif switches.structure_subscriptions == "texts":
        shown["subscriptions"] = list(table.subscriptions)
    return shown


def _subscriptions(table: Table, profile: Profile, switches: Switches) -> list[tuple[str, bool]]:
    held = profile.subscriptions
    every = switches.never_set_subscriptions == "false"
    return [(name, held.get(name, False)) for name in table.subscriptions if every or name in held]


def _attributes(table: Table, profile: Profile, switches: Switches) -> Object:
    native = switches.answer_values == "native"
    shown: Object = {
        "profileId": profile.id if native else str(profile.id),
        "creationMoment": show_moment(profile.created, switches),
        "updateMoment": show_moment(profile.updated, switches),
    }
    for name, value in profile.attributes.items():
        shown[name] = show_value(table.attributes[name], value, switches)
    return shown


def _array(sections: Object, section: str) -> list[JsonValue]:
    value = sections.get(section)
    if value is None:
        return []
    if not isinstance(value, list):
        raise RefusalError(400, f"{section}: expected an array")
    return value


def _mapping(sections: Object, section: str) -> Object:
    value = sections.get(section)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise RefusalError(400, f"{section}: expected an object")
    return value


def _pairs(sections: Object, section: str, field: str) -> Object:
    """Read a V4 array of named values; raises RefusalError 400, also for a name given twice."""
    found: Object = {}
    for entry in _array(sections, section):
        name = entry.get("name") if isinstance(entry, dict) else None
        if not isinstance(entry, dict) or not isinstance(name, str) or field not in entry:
            raise RefusalError(400, f"{section}: expected objects with name and {field}")
        if name in found:
            raise RefusalError(400, f"{section}: {name!r} is given twice")
        found[name] = entry[field]
    return found


def _choices(values: Mapping[str, JsonValue]) -> dict[str, bool]:
    choices = {}
    for name, value in values.items():
        if not isinstance(value, bool):
            raise RefusalError(400, f"subscription {name!r}: expected a boolean")
        choices[name] = value
    return choices


def _provenance(sections: Object, switches: Switches) -> Provenance:
    given = _mapping(sections, "dataCollectionInformation")
    if not given and switches.require_collection_information:
        raise RefusalError(400, "dataCollectionInformation is missing")
    texts: dict[str, str | None] = {}
    for name in ("source", "way", "date"):
        value = given.get(name)
        if value is not None and not isinstance(value, str):
            raise RefusalError(400, f"dataCollectionInformation: {name}: expected a text")
        texts[name] = value
    moment = texts["date"]
    plain = switches.collection_date == "plain"
    if moment is not None and plain and not _PLAIN_MOMENT.fullmatch(moment):
        raise RefusalError(400, "dataCollectionInformation: date: expected yyyy-MM-dd HH:mm:ss")
    return Provenance(texts["source"], texts["way"], moment)
