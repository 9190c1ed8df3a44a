"""Didomi's dates (ISO 8601 texts) and our moments, exactly.

Samples on Didomi's pages end in `Z` without fractions; offsets and fractions are read too.
"""

from datetime import UTC, datetime, timedelta

from consent_sync.domain.moments import MILLISECOND, Micros

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def read_moment(text: str | None) -> Micros | None:
    """Return the moment a date stands for, None when it is no date; without offset it is UTC."""
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // _MICROSECOND


def exact_date(moment: Micros) -> str:
    """Return the date with microseconds; raise OverflowError outside the years 1 to 9999."""
    return (_EPOCH + moment * _MICROSECOND).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def event_date(moment: Micros) -> str:
    """Return the date with milliseconds, never earlier than the moment.

    Rounded down, an event could come to lie before the state that it is meant to follow.
    """
    rounded = -(-moment // MILLISECOND) * MILLISECOND
    return exact_date(rounded)[:-4] + "Z"
