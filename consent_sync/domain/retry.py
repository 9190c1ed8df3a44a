"""Whether and when to try again: an error's history and the time in, a moment out."""

from dataclasses import dataclass

from consent_sync.domain.moments import HOUR, SECOND, Micros


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential waiting between `first_delay` and `max_delay`, given up after `give_up_after`."""

    first_delay: Micros = SECOND
    max_delay: Micros = 900 * SECOND
    give_up_after: Micros = 72 * HOUR


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
    if now - first_failed_at >= policy.give_up_after:
        return None
    doubled = policy.first_delay << min(max(attempts - 1, 0), 40)
    delay = min(doubled, policy.max_delay)
    spread = delay // 2 + int(delay / 2 * fraction)
    asked = int((retry_after_seconds or 0) * SECOND)
    return now + max(spread, asked)
