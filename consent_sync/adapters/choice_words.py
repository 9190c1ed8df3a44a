"""What a cell of a file of choices says: the words for yes and no, and the moments."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from consent_sync.domain.consent import Choice
from consent_sync.domain.moments import HOUR, MINUTE, SECOND, Micros

GRANTED: Final = frozenset({"yes", "y", "true", "1", "granted", "opt-in", "optin", "subscribed"})
DENIED: Final = frozenset({"no", "n", "false", "0", "denied", "opt-out", "optout", "unsubscribed"})

_DAY: Final = 24 * HOUR
_EAST: Final = 14 * HOUR
"""How far ahead of UTC a clock on a wall can be."""
_WEST: Final = 12 * HOUR

_DATE_ALONE: Final = 10


def choice_of(
    cell: str, granted: Collection[str] = GRANTED, denied: Collection[str] = DENIED
) -> Choice | None:
    """Return what a cell says, NONE for an empty one; None when it is no known word."""
    word = cell.strip().lower()
    if not word:
        return Choice.NONE
    if word in denied:
        return Choice.DENIED
    return Choice.GRANTED if word in granted else None


def span_of(cell: str, zone: tzinfo | None = None) -> tuple[Micros, Micros] | None:
    """Return between which moments an ISO 8601 date or time lies; None when it is none.

    Without an offset it is read in `zone`; without a zone it may be any place's time, so the span
    is as wide as the earth.
    """
    text = cell.strip()
    try:
        named = datetime.fromisoformat(text)
    except ValueError:
        return None
    length = _length(text)
    if named.tzinfo is not None:
        first = last = _moment(named)
    elif zone is not None:
        # An hour that a clock shows twice may be either.
        both = [_moment(named.replace(tzinfo=zone, fold=fold)) for fold in (0, 1)]
        first, last = min(both), max(both)
    else:
        wall = _moment(named.replace(tzinfo=UTC))
        first, last = wall - _EAST, wall + _WEST
    return first, last + length


def _moment(named: datetime) -> Micros:
    return (named - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _length(text: str) -> Micros:
    """How long the time lasts that a text names: a day, a minute, or a second."""
    if len(text) <= _DATE_ALONE:
        return _DAY - 1
    return (SECOND if text.count(":") > 1 or "." in text else MINUTE) - 1
