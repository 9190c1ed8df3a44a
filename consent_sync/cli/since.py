"""A moment as people name it on the command line: so long ago, or a date."""

import re
from datetime import UTC, datetime
from typing import Final

from consent_sync.cli.exits import WRONG_USAGE, CommandError
from consent_sync.domain.moments import HOUR, MINUTE, SECOND, Micros

_AGO: Final = re.compile(r"(\d{1,6})\s*(s|min|h|d|w)")
_UNITS: Final = {
    "s": SECOND,
    "min": MINUTE,
    "h": HOUR,
    "d": 24 * HOUR,
    "w": 7 * 24 * HOUR,
}


def moment_since(text: str, now: Micros, option: str = "--since") -> Micros:
    """Return the moment that `7d`, `12h`, `30min` or `2026-03-01` means; raise CommandError.

    A date without a time is its midnight, one without a zone is UTC.
    """
    ago = _AGO.fullmatch(text.strip())
    if ago is not None:
        return now - int(ago[1]) * _UNITS[ago[2]]
    try:
        named = datetime.fromisoformat(text.strip())
    except ValueError:
        raise CommandError(
            f"found {option} {text!r}, expected so long ago (7d, 12h, 30min) or a date (2026-03-01)",
            WRONG_USAGE,
        ) from None
    if named.tzinfo is None:
        named = named.replace(tzinfo=UTC)
    return int(named.timestamp()) * SECOND
