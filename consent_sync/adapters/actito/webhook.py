"""Reads Actito's webhook bodies: page "Data events", page "Trigger events", one by one and bulk.

Accepted envelopes: a bare object; an object with `data` as object; one with `data` as array; an
array of either. An event names its profile by `profileId` or by the unique attribute.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import orjson

from consent_sync.adapters.actito.values import boolean, key_text, profile_number, text
from consent_sync.adapters.http import Json
from consent_sync.domain.errors import RefusedError
from consent_sync.domain.events import ProfileHint, UnknownItem
from consent_sync.domain.identity import Names
from consent_sync.domain.urgency import Urgency
from consent_sync.ports.receiver import Arrival

JsonObject = dict[str, Json]

PROFILE_EVENT = "profile"
"""What we call a data event that does not say its own type; real ones do not."""

_MAX_TYPE = 64
_ENVELOPE_FIELDS = frozenset({"_links", "eventType", "tableId"})


@dataclass(frozen=True, slots=True)
class _Event:
    """One event: the whole object it came in, and the part that holds the fields."""

    whole: JsonObject
    data: JsonObject
    where: str


class ActitoReceiver:
    """The receiver of Actito's webhooks (ports.receiver.ActitoReceiver)."""

    def arrivals(self, body: bytes, key_attribute: str) -> Sequence[Arrival]:
        """Return the events in a request body, one or many.

        Raises RefusedError `not-json` or `actito-not-an-event`; then none of them is taken.
        """
        value = _parsed(body)
        alone = isinstance(value, dict) and not isinstance(value.get("data"), list)
        arrivals = []
        for event in _events(value):
            canonical = _dumped(event.whole)
            content = _content(event, key_attribute)
            names = content.names if isinstance(content, ProfileHint) else Names()
            arrivals.append(
                Arrival(
                    type=_type(event),
                    body=body if alone else canonical,
                    digest=hashlib.blake2b(canonical, digest_size=16).digest(),
                    names=names,
                    urgency=_urgency(content),
                )
            )
        return arrivals

    def understand(self, body: bytes, key_attribute: str) -> ProfileHint | UnknownItem:
        """Return what one stored event says; raise RefusedError as `arrivals` does."""
        events = list(_events(_parsed(body)))
        if len(events) != 1:
            raise _no_event("the body", f"{len(events)} events", "one event")
        _dumped(events[0].whole)
        return _content(events[0], key_attribute)


def _parsed(body: bytes) -> Json:
    try:
        value: Json = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RefusedError(
            "The body is not JSON.",
            code="not-json",
            where=f"line {error.lineno}, column {error.colno}",
            found=error.msg,
            expected="JSON in UTF-8",
        ) from None
    return value


def _dumped(value: JsonObject) -> bytes:
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:
        # It reads deeper nesting than it writes.
        raise RefusedError(
            "The body is nested too deeply.",
            code="not-json",
            where="the body",
            found="more than 250 levels",
            expected="an event, which has three levels",
        ) from None


def _events(value: Json) -> Iterator[_Event]:
    if isinstance(value, list):
        if not value:
            raise _no_event("the body", "an empty array", "at least one event")
        for position, element in enumerate(value):
            yield from _opened(element, f"element {position + 1}")
    else:
        yield from _opened(value, "the body")


def _opened(value: Json, where: str) -> Iterator[_Event]:
    if not isinstance(value, dict):
        raise _no_event(where, _kind(value), "an object")
    data = value.get("data")
    if isinstance(data, dict):
        yield _Event(value, data, f"`data` of {where}")
    elif isinstance(data, list):
        if not data:
            raise _no_event(f"`data` of {where}", "an empty array", "at least one event")
        for position, element in enumerate(data):
            place = f"element {position + 1} of `data` of {where}"
            if not isinstance(element, dict):
                raise _no_event(place, _kind(element), "an object")
            yield _Event({**value, "data": element}, element, place)
    else:
        bare = {name: field for name, field in value.items() if name not in _ENVELOPE_FIELDS}
        yield _Event(value, bare, where)


def _content(event: _Event, key_attribute: str) -> ProfileHint | UnknownItem:
    names = Names(
        actito_key=key_text(event.data.get(key_attribute)),
        profile_id=profile_number(event.data.get("profileId")),
    )
    if event.data.get("profileId") is not None and not names.profile_id:
        found = _kind(event.data["profileId"])
        raise _no_event(f"`profileId` in {event.where}", found, "a number or digits in a text")
    if names == Names():
        if _trigger(event.data):
            return UnknownItem(_type(event))
        expected = f"`profileId` or `{key_attribute}` with a value"
        raise _no_event(event.where, f"an object with {len(event.data)} other fields", expected)
    return _hint(event.data, names, key_attribute)


def _urgency(content: ProfileHint | UnknownItem) -> Urgency:
    if isinstance(content, UnknownItem):
        return Urgency.REST
    if not all(content.subscriptions.values()):
        return Urgency.OPT_OUT
    return Urgency.OPT_IN if content.subscriptions else Urgency.REST


def _hint(data: JsonObject, names: Names, key_attribute: str) -> ProfileHint:
    subscriptions: dict[str, bool] = {}
    other: dict[str, str] = {}
    for name, value in data.items():
        if name in ("profileId", key_attribute, "_links"):
            continue
        choice = boolean(value)
        if choice is None:
            other[name] = text(value)
        else:
            subscriptions[name] = choice
    return ProfileHint(names, subscriptions, other)


def _trigger(data: JsonObject) -> str:
    """Return the first word of the dotted fields that trigger events have; empty if none."""
    dotted = (name.partition(".") for name in data)
    return next((word for word, dot, rest in dotted if word and dot and rest), "")


def _type(event: _Event) -> str:
    said = event.whole.get("eventType")
    if isinstance(said, str) and said.isprintable() and 0 < len(said) <= _MAX_TYPE:
        return said
    if event.data.get("profileId") is not None:
        return PROFILE_EVENT
    return _trigger(event.data)[:_MAX_TYPE] or PROFILE_EVENT


def _kind(value: Json) -> str:
    if value is None:
        return "null"
    words = {dict: "an object", list: "an array", str: "a text", bool: "a boolean"}
    return words.get(type(value), "a number")


def _no_event(where: str, found: str, expected: str) -> RefusedError:
    return RefusedError(
        f"This is not an Actito event: {where} is {found}, expected {expected}.",
        code="actito-not-an-event",
        where=where,
        found=found,
        expected=expected,
    )
