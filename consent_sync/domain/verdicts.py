"""The words every item and every line of a turn ends in, and the ledger entries that carry them."""

from enum import StrEnum

from consent_sync.domain.consent import Choice
from consent_sync.domain.identity import Side
from consent_sync.domain.moments import Micros
from consent_sync.domain.values import dataclass


class Verdict(StrEnum):
    """How something ended; each word is explained in docs/reference/verdicts.md."""

    APPLIED = "applied"
    CONFIRMED = "confirmed"
    NO_CHANGE = "no_change"
    ECHO = "echo"
    OLDER = "older"
    CONFLICT_STRICTEST = "conflict_strictest"
    HELD_PENDING = "held_pending"
    HELD_REVIEW = "held_review"
    HELD_GUARD = "held_guard"
    BLOCKED_REGULATION = "blocked_regulation"
    NOT_MAPPED = "not_mapped"
    NO_PROFILE = "no_profile"
    AMBIGUOUS_PERSON = "ambiguous_person"
    ERASED = "erased"
    WAITING_RETRY = "waiting_retry"
    FAILED = "failed"


class Kind(StrEnum):
    """What sort of ledger entry it is."""

    RECEIVED = "received"
    DECIDED = "decided"
    SENT = "sent"
    CONFIRMED = "confirmed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a person's timeline. `line` is empty when it speaks of the whole item or turn.

    `event` is the number of the stored event it is about, 0 for none; `line_number` is where the
    line stands in the mapping file whose version the record names. The reason is plain English
    and holds no personal data.
    """

    at: Micros
    kind: Kind
    verdict: Verdict
    reason: str
    side: Side | None = None
    line: str = ""
    line_number: int = 0
    choice: Choice = Choice.NONE
    event: int = 0
