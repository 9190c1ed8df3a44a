"""The work: how turns start to write and how they end, as the values of one statement each."""

from collections.abc import Sequence
from typing import Any

from consent_sync.adapters.storage.keys import profile_key
from consent_sync.adapters.storage.postgres.accepting import link_values
from consent_sync.adapters.storage.postgres.arrays import bytes_array, integer_array
from consent_sync.adapters.storage.postgres.claims import Claim
from consent_sync.domain.erasure import Marks
from consent_sync.domain.moments import Micros
from consent_sync.domain.values import dataclass
from consent_sync.ports.store import Settlement


@dataclass(frozen=True, slots=True)
class Start:
    """Writes about to be sent and what led to them, as bytes."""

    claim: Claim
    writes: bytes
    state: bytes | None
    record: bytes | None


@dataclass(frozen=True, slots=True)
class End:
    """One turn's end, its state and record as bytes; `delay` is until it comes again."""

    claim: Claim
    settlement: Settlement
    state: bytes
    record: bytes | None
    delay: Micros | None


def turn_values(claims: Sequence[Claim]) -> dict[str, Any]:
    """Return the values that name turns of ours."""
    return {
        "person": bytes_array([claim.person for claim in claims]),
        "fence": integer_array([claim.fence for claim in claims]),
    }


def start_values(starts: Sequence[Start], lease: Micros) -> dict[str, Any]:
    """Return the values of the statement `announce`."""
    return {
        **turn_values([start.claim for start in starts]),
        "writes": bytes_array([start.writes for start in starts]),
        "state": bytes_array([start.state for start in starts]),
        "record": bytes_array([start.record for start in starts]),
        "lease": lease,
    }


def end_values(ends: Sequence[End], marks: Marks) -> dict[str, Any]:
    """Return the values of the statement `settle`."""
    settlements = [end.settlement for end in ends]
    summaries = [one.summary for one in settlements]
    done = [(item, n) for n, one in enumerate(settlements, 1) for item in one.done]
    moved = [(item, n, to) for n, one in enumerate(settlements, 1) for item, to in one.moved]
    return {
        **turn_values([end.claim for end in ends]),
        "state": bytes_array([end.state for end in ends]),
        "record": bytes_array([end.record for end in ends]),
        "held": integer_array([one.held for one in summaries]),
        "failed": integer_array([one.failed for one in summaries]),
        "optout": integer_array([one.optout_waiting_since for one in summaries]),
        "profile": bytes_array([profile_key(one) for one in settlements]),
        "delay": integer_array([end.delay for end in ends]),
        "attempts": integer_array([one.attempts for one in settlements]),
        "first_failed_at": integer_array([one.first_failed_at for one in settlements]),
        "handed": integer_array([len(end.claim.items) for end in ends]),
        "finished": integer_array([len(one.done) + len(one.moved) for one in settlements]),
        "intent": integer_array([end.claim.intent for end in ends]),
        "done": integer_array([item for item, _ in done]),
        "done_place": integer_array([n for _, n in done]),
        "moved": integer_array([item for item, _, _ in moved]),
        "moved_place": integer_array([n for _, n, _ in moved]),
        **link_values([target for _, _, target in moved], marks),
    }
