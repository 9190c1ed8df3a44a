"""Reads Actito's values, whose encodings differ from place to place (page "Data events" and others)."""

import orjson

from consent_sync.adapters.http import Json

_BOOLEANS = {"true": True, "false": False, "1": True, "0": False}


def boolean(value: Json) -> bool | None:
    """Return what a subscription value means, in any of the spellings in use; None if nothing."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return {1: True, 0: False}.get(value)
    return _BOOLEANS.get(value.strip().lower()) if isinstance(value, str) else None


def text(value: Json) -> str:
    """Return any value as text, null as empty text and anything nested as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def key_text(value: Json) -> str:
    """Return the value of a unique attribute as text; empty when it cannot be one."""
    if isinstance(value, str):
        # Actito's spelling is kept as it is; only a blank value counts as none.
        return value if value.strip() else ""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def profile_number(value: Json) -> str:
    """Return a profile id, sent as number or numeric text, as text; empty when it is neither."""
    number = key_text(value).strip()
    return number if number.isascii() and number.isdigit() and len(number) <= 20 else ""
