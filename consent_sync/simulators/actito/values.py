"""Attribute values: what a body may say for each type, and how an answer shows what is stored.

Rules from the page "Adding attributes"; formats that no page states follow the switches.
"""

import re
from datetime import date, datetime
from zoneinfo import ZoneInfo

from pydantic import JsonValue

from consent_sync.simulators.actito.refusal import RefusalError
from consent_sync.simulators.actito.structure import Attribute, Restriction
from consent_sync.simulators.actito.switches import Switches

Scalar = str | int | float | bool
Value = Scalar | list[Scalar]
"""A stored value; moments are seconds since 1970 as float."""

_INTEGER_LIMITS = {"INTEGER": 2**31, "LONG": 2**63}
_TRUE = frozenset({"true", "1", "y", "yes"})
_FALSE = frozenset({"false", "0", "n", "no"})
_EMAIL = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[^\W_](?:[\w-]*[^\W_])?\.)+[^\W\d_]{2,}"
)
_LANGUAGE = re.compile(r"[A-Z]{2}")
_NO_RESTRICTION = Restriction()
_TEXT_LIMIT = 255


def read_value(attribute: Attribute, raw: JsonValue, switches: Switches) -> Value:
    """Check a non-null value of a body against its attribute; raises RefusalError 400."""
    if attribute.multi_valued and isinstance(raw, list):
        return [_read_scalar(attribute, item, switches) for item in raw]
    return _read_scalar(attribute, raw, switches)


def show_value(attribute: Attribute, value: Value, switches: Switches) -> JsonValue:
    """Show a stored value as an answer does."""
    if isinstance(value, list):
        return [_show_scalar(attribute, item, switches) for item in value]
    return _show_scalar(attribute, value, switches)


def show_moment(seconds: float, switches: Switches) -> str:
    """Show a moment in the switched zone and format."""
    moment = datetime.fromtimestamp(seconds, ZoneInfo(switches.time_zone))
    if switches.time_format == "iso":
        return moment.isoformat(timespec="seconds")
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def _show_scalar(attribute: Attribute, value: Scalar, switches: Switches) -> JsonValue:
    if attribute.holds == "TIMESTAMP":
        return show_moment(float(value), switches)
    if switches.answer_values == "native":
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _read_scalar(attribute: Attribute, raw: JsonValue, switches: Switches) -> Scalar:
    if raw is None or isinstance(raw, list | dict):
        raise _bad(attribute, "a single value")
    kind = attribute.holds
    if kind in _INTEGER_LIMITS:
        return _read_integer(attribute, raw)
    if kind == "NUMBER":
        return _read_number(attribute, raw)
    if kind == "BOOLEAN":
        return _read_boolean(attribute, raw)
    if kind == "TIMESTAMP":
        return _read_timestamp(attribute, raw, switches)
    return _read_text(attribute, raw)


def _read_integer(attribute: Attribute, raw: Scalar) -> int:
    if isinstance(raw, bool) or not re.fullmatch(r"[+-]?\d{1,19}", str(raw), re.ASCII):
        raise _bad(attribute, "a whole number")
    number = int(raw)
    limit = _INTEGER_LIMITS[attribute.holds]
    if not -limit <= number < limit:
        raise _bad(attribute, f"a number below {limit}")
    return number


def _read_number(attribute: Attribute, raw: Scalar) -> float:
    if isinstance(raw, bool) or not re.fullmatch(r"[+-]?\d+(\.\d+)?", str(raw), re.ASCII):
        raise _bad(attribute, "a decimal number with a point")
    return float(raw)


def _read_boolean(attribute: Attribute, raw: Scalar) -> bool:
    word = str(raw).lower()
    if word not in _TRUE | _FALSE:
        raise _bad(attribute, "a boolean")
    return word in _TRUE


def _read_timestamp(attribute: Attribute, raw: Scalar, switches: Switches) -> float:
    try:
        moment = datetime.fromisoformat(raw if isinstance(raw, str) else "")
    except ValueError:
        raise _bad(attribute, "a moment such as 2026-01-15 10:30:00") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(switches.time_zone))
    return moment.timestamp()


def _read_text(attribute: Attribute, raw: Scalar) -> str:
    text = str(raw).lower() if isinstance(raw, bool) else str(raw)
    _check_form(attribute, text)
    limits = attribute.value_restriction or _NO_RESTRICTION
    longest = limits.max_length or _TEXT_LIMIT
    if len(text) > longest:
        raise _bad(attribute, f"at most {longest} characters")
    if len(text) < (limits.min_length or 0):
        raise _bad(attribute, f"at least {limits.min_length} characters")
    if limits.accepted_values is not None and text not in limits.accepted_values:
        raise _bad(attribute, f"one of {', '.join(limits.accepted_values)}")
    return text


def _check_form(attribute: Attribute, text: str) -> None:
    kind = attribute.holds
    if kind == "EMAIL" and not _EMAIL.fullmatch(text):
        raise _bad(attribute, "an e-mail address")
    if kind == "SEX" and text not in ("M", "F"):
        raise _bad(attribute, "M or F")
    if kind == "LANGUAGE" and not _LANGUAGE.fullmatch(text):
        raise _bad(attribute, "a language such as FR")
    if kind == "DATE":
        try:
            date.fromisoformat(text)
        except ValueError:
            raise _bad(attribute, "a date such as 2026-01-15") from None


def _bad(attribute: Attribute, expected: str) -> RefusalError:
    return RefusalError(400, f"attribute {attribute.name}: expected {expected}")
