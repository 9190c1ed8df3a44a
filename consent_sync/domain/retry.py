"""Whether and when to try again: an error's history and the time in, a moment out."""

from dataclasses import dataclass
from typing import Final

from consent_sync.domain.moments import HOUR, MINUTE, SECOND, Micros


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential waiting between `first_delay` and `max_delay`, given up after `give_up_after`.

    Nothing is given up before the moment `not_before`: while nobody worked, nothing was tried.
    """

    first_delay: Micros = SECOND
    max_delay: Micros = 900 * SECOND
    give_up_after: Micros = 72 * HOUR
    not_before: Micros = 0


_UNSAID_SECONDS: Final = 60.0
"""How long to wait for better times where nobody says when they may come."""


def next_attempt(
    policy: RetryPolicy,
    *,
    attempts: int,
    first_failed_at: Micros,
    now: Micros,
    fraction: float,
    retry_after_seconds: float | None,
) -> Micros | None:
    """Return when to try again, or None to give up.

    `attempts` counts failures so far, this one included. The delay doubles with each failure and
    is spread over its upper half by `fraction` (0 to 1), so that many do not come back together;
    a platform's own wish is honoured where it is longer.
    """
    if now - first_failed_at >= policy.give_up_after and now >= policy.not_before:
        return None
    doubled = policy.first_delay << min(max(attempts - 1, 0), 40)
    delay = min(doubled, policy.max_delay)
    spread = delay // 2 + int(delay / 2 * fraction)
    asked = int((retry_after_seconds or 0) * SECOND)
    return now + max(spread, asked)


_A_SECOND: Final = {True: 100, False: 25}
"""How many people who wait look again in a second, at most, and how long one waits at most."""
_LONGEST: Final = {True: 5 * MINUTE, False: HOUR}


def waits_until(
    now: Micros, *, retry_after_seconds: float | None, ahead: int, urgent: bool, fraction: float
) -> Micros:
    """Return when to look again at what could not be tried; never gives up.

    The more wait, the longer each does, so that a long line costs no more than a short one. Who
    has a refusal to carry over is `urgent` and comes before all others. When things are better
    they are all called at once; this is only for seeing that they are.
    """
    first = round((retry_after_seconds or _UNSAID_SECONDS) * SECOND)
    queue = ahead * SECOND // _A_SECOND[urgent] + (0 if urgent else min(first, 2 * SECOND))
    # Never long beside the wait itself: whoever looks first finds out for all.
    spread = round(fraction * min(first, SECOND))
    return now + min(first + queue, max(first, _LONGEST[urgent])) + spread
