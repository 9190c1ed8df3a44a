"""When a turn comes again after trouble: a failure counts as an attempt, waiting does not."""

from typing import NamedTuple

from consent_sync.domain.errors import CredentialError, NotNowError, TemporaryError
from consent_sync.domain.moments import Micros
from consent_sync.domain.retry import RetryPolicy, next_attempt, waits_until
from consent_sync.ports.store import Turn


class Attempt(NamedTuple):
    """What is remembered with a turn that comes again; `due_at` None = it has failed too long."""

    due_at: Micros | None
    attempts: int
    first_failed_at: Micros | None
    outcome: str


def is_waiting(trouble: TemporaryError | None) -> bool:
    """Say whether this is no failure of the turn, but bad times for everybody."""
    return isinstance(trouble, NotNowError | CredentialError)


def after_trouble(
    trouble: TemporaryError,
    turn: Turn,
    retry: RetryPolicy,
    *,
    now: Micros,
    fraction: float,
    urgent: bool,
) -> Attempt:
    """Return when the turn comes again; `urgent` is one with a refusal to carry over."""
    if is_waiting(trouble):
        due_at = waits_until(
            now,
            retry_after_seconds=trouble.retry_after,
            ahead=trouble.ahead if isinstance(trouble, NotNowError) else 0,
            urgent=urgent,
            fraction=fraction,
        )
        first = now if turn.first_failed_at is None else turn.first_failed_at
        # The time of waiting does not count towards giving up.
        shift = due_at - now if turn.attempts else 0
        return Attempt(due_at, turn.attempts, first + shift, "waits")
    known = turn.first_failed_at if turn.attempts else None
    first = now if known is None else known
    due = next_attempt(
        retry,
        attempts=turn.attempts + 1,
        first_failed_at=first,
        now=now,
        fraction=fraction,
        retry_after_seconds=trouble.retry_after,
    )
    return Attempt(due, turn.attempts + 1, first, "waiting_retry")
