"""Says why a body is not a Didomi event: where it stands, what was found, what was expected.

Only types and words of ours are told, never a value: a body is full of personal data.
"""

import re
from collections.abc import Sequence

import orjson
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from consent_sync.domain.errors import RefusedError

FLATTENED_PARTS = frozenset(
    {"parameters", "entity", "new_entity", "old_entity", "source", "user", "consents", "metadata"}
)
"""First words of keys that Didomi's option "Flatten" joins with a double underscore."""

_HARMLESS_KEY = re.compile(r"[\w.-]{1,40}")
_WORD = re.compile(r"[A-Za-z]{1,8}")
_EXPECTED = {
    "string_type": "a text",
    "bool_type": "true, false or null",
    "list_type": "an array",
    "dict_type": "an object",
    "model_type": "an object",
}
_EXPECTED_FIELD = {"parameters": "an object"}


def not_json(error: orjson.JSONDecodeError) -> RefusedError:
    """Return the refusal of a body that is not strict JSON in UTF-8."""
    where = f"line {error.lineno}, column {error.colno}"
    return RefusedError(
        f"The body is not JSON: {error.msg} at {where}.",
        code="not-json",
        where=where,
        found=error.msg,
        expected="JSON in UTF-8, without NaN and Infinity",
    )


def too_deep() -> RefusedError:
    """Return the refusal of a body that is nested deeper than any event."""
    return RefusedError(
        "The body is nested too deeply.",
        code="not-json",
        where="body",
        found="more than 250 levels",
        expected="a Didomi event",
    )


def not_an_event(where: str, found: str, expected: str) -> RefusedError:
    """Return the refusal of JSON that is something else."""
    return RefusedError(
        f"Not a Didomi event: {where} is {found}, expected {expected}.",
        code="didomi-not-an-event",
        where=where,
        found=found,
        expected=expected,
    )


def flattened(where: str) -> RefusedError:
    """Return the refusal of a body sent with Didomi's option "Flatten"."""
    return RefusedError(
        "The event is flattened: its keys are joined with a double underscore. "
        'Switch the option "Flatten" off in the webhook\'s settings in Didomi.',
        code="didomi-flattened",
        where=where,
        found="keys joined with a double underscore",
        expected="an event with nested objects",
    )


def misfit(error: ValidationError, above: str) -> RefusedError:
    """Return the refusal for the first place that does not fit the model."""
    first = error.errors(include_url=False, include_context=False)[0]
    missing = first["type"] == "missing"
    place = path(first["loc"], above)
    return not_an_event(place, "nothing" if missing else _found(first), _expected(first))


def path(parts: Sequence[str | int], above: str = "") -> str:
    """Return a JSON path such as `parameters.entity.consents.purposes[0].enabled`."""
    text = above
    for part in parts:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            name = part if _HARMLESS_KEY.fullmatch(part) else "?"
            text += f".{name}" if text else name
    return text or "body"


def kind_of(value: object) -> str:
    """Return what sort of JSON value this is, in words."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return "a text"
    if isinstance(value, dict):
        return "an object"
    return "an array" if isinstance(value, list) else "a number"


def is_flattened(value: dict[str, object]) -> bool:
    """Say whether this object or one in the places of an entity has flattened keys."""
    parameters = value.get("parameters")
    places: list[object] = [value, parameters]
    if isinstance(parameters, dict):
        places += [parameters.get("entity"), parameters.get("new_entity")]
    return any(
        "__" in key and key.partition("__")[0] in FLATTENED_PARTS
        for place in places
        if isinstance(place, dict)
        for key in place
    )


def _found(error: ErrorDetails) -> str:
    value = error["input"]
    if error["loc"][-1:] == ("enabled",) and isinstance(value, str) and _WORD.fullmatch(value):
        return f'the text "{value}"'
    return kind_of(value)


def _expected(error: ErrorDetails) -> str:
    name = str(error["loc"][-1]) if error["loc"] else ""
    return _EXPECTED.get(error["type"]) or _EXPECTED_FIELD.get(name) or "a text"
