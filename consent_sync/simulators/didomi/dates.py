"""Dates as the platform writes them: ISO 8601 in UTC, ending in `Z`, with a fixed precision."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Literal

Precision = Literal["second", "millisecond", "microsecond"]
Clock = Callable[[], datetime]

_STEPS: dict[Precision, int] = {"second": 1_000_000, "millisecond": 1_000, "microsecond": 1}
_TIMESPECS: dict[Precision, str] = {
    "second": "seconds",
    "millisecond": "milliseconds",
    "microsecond": "microseconds",
}


def utc_now() -> datetime:
    """Return the present moment in UTC."""
    return datetime.now(UTC)


def parse(text: str) -> datetime:
    """Read an ISO 8601 date, as UTC when it names no offset; raises ValueError."""
    return in_utc(datetime.fromisoformat(text))


def in_utc(moment: datetime) -> datetime:
    """Return the same moment in UTC; one without an offset is UTC already."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def truncate(moment: datetime, precision: Precision) -> datetime:
    """Drop what the platform does not store."""
    step = _STEPS[precision]
    return moment.replace(microsecond=moment.microsecond // step * step)


def step(precision: Precision) -> timedelta:
    """Return the smallest difference between two stored dates."""
    return timedelta(microseconds=_STEPS[precision])


def render(moment: datetime, precision: Precision) -> str:
    """Write a date the way the platform does, for example `2026-03-01T10:15:00.000Z`."""
    text = truncate(moment, precision).isoformat(timespec=_TIMESPECS[precision])
    return text.replace("+00:00", "Z")
