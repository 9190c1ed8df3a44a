"""When it is tried again, and when no more."""

import pytest

from consent_sync.domain.moments import HOUR, SECOND
from consent_sync.domain.retry import RetryPolicy, next_attempt, waits_until


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


@pytest.mark.parametrize(
    ("now", "again"),
    [(50 * HOUR + 72 * HOUR - 1, True), (50 * HOUR + 72 * HOUR, False)],
)
def test_the_three_days_begin_with_the_first_failure(now: int, again: bool) -> None:
    """Whatever the clock showed then."""
    due_at = next_attempt(
        RetryPolicy(),
        attempts=9,
        first_failed_at=50 * HOUR,
        now=now,
        fraction=0.5,
        retry_after_seconds=None,
    )

    assert (due_at is not None) is again
    assert due_at is None or isinstance(due_at, int)


@pytest.mark.parametrize(("now", "again"), [(101 * HOUR - 1, True), (101 * HOUR, False)])
def test_nothing_is_given_up_right_after_a_standstill(now: int, again: bool) -> None:
    """Days in which nobody tried do not count as days of trying."""
    due_at = next_attempt(
        RetryPolicy(not_before=101 * HOUR),
        attempts=9,
        first_failed_at=0,
        now=now,
        fraction=0.5,
        retry_after_seconds=None,
    )

    assert (due_at is not None) is again


@pytest.mark.parametrize(
    ("asked", "ahead", "urgent", "fraction", "seconds"),
    [
        (None, 0, True, 0.0, 60),
        (None, 0, False, 0.0, 62),
        (10, 0, True, 0.0, 10),
        (10, 0, False, 0.0, 12),
        (0.5, 0, False, 0.0, 1),
        (10, 0, True, 0.5, 10.5),
        (0.5, 0, True, 1.0, 1),
        (10, 1000, True, 0.0, 20),
        (10, 1000, False, 0.0, 52),
        (10, 10**6, True, 0.0, 300),
        (10, 10**6, False, 0.0, 3600),
        (4000, 10**6, True, 0.0, 4000),
        (4000, 10**6, False, 0.0, 4000),
    ],
)
def test_the_more_wait_the_longer_each_does(
    asked: float | None, ahead: int, urgent: bool, fraction: float, seconds: float
) -> None:
    """A hundred urgent ones or 25 others look again in a second; never sooner than was asked for."""
    due_at = waits_until(
        7, retry_after_seconds=asked, ahead=ahead, urgent=urgent, fraction=fraction
    )

    assert due_at == 7 + int(seconds * SECOND)
