"""When it is tried again, and when no more."""

import pytest

from consent_sync.domain.moments import HOUR, SECOND
from consent_sync.domain.retry import RetryPolicy, next_attempt


@pytest.mark.parametrize(
    ("attempts", "asked", "seconds"),
    [(1, None, 0.75), (2, None, 1.5), (5, None, 12), (50, None, 675), (1, 30, 30), (50, 30, 675)],
)
def test_waiting_doubles_is_spread_and_honours_a_wish(
    attempts: int, asked: float | None, seconds: float
) -> None:
    """Each failure doubles the wait up to 15 minutes; a longer wish of the platform counts."""
    due_at = next_attempt(
        RetryPolicy(),
        attempts=attempts,
        first_failed_at=0,
        now=0,
        fraction=0.5,
        retry_after_seconds=asked,
    )

    assert due_at == int(seconds * SECOND)


def test_after_three_days_it_is_given_up() -> None:
    """Seventy-two hours after the first failure there is no next attempt."""
    due_at = next_attempt(
        RetryPolicy(),
        attempts=9,
        first_failed_at=0,
        now=72 * HOUR,
        fraction=0.5,
        retry_after_seconds=None,
    )

    assert due_at is None
