"""Word of finished turns, for logs and metrics; an observer never changes what happens."""

from typing import Protocol

from consent_sync.domain.identity import Subject
from consent_sync.domain.ledger import LedgerRecord


class TurnObserver(Protocol):
    """Whoever wants to know how turns end; its methods are cheap and never raise."""

    def turn(self, subject: Subject, record: LedgerRecord | None, outcome: str) -> None:
        """Take note of a settled turn; `outcome` is one short word from a fixed set."""
        ...

    def trouble(self, subject: Subject, what: str, error: Exception) -> None:
        """Take note of what stood in the way of a turn; `what` is one short word."""
        ...
