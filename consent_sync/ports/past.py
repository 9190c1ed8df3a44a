"""Stored events and what is known of persons, for somebody who looks through all of it."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from consent_sync.domain.identity import Subject
from consent_sync.domain.ledger import LedgerRecord
from consent_sync.domain.moments import Micros
from consent_sync.domain.state import PersonState
from consent_sync.ports.store import StoredEvent


class Past(Protocol):
    """A long look that holds nobody up and changes nothing; every method raises StoreError."""

    def pages(self, since: Micros) -> AsyncIterator[Sequence[StoredEvent]]:
        """Yield every accepted event received since then, in pages, in any order."""
        ...

    async def events_by_numbers(self, numbers: Sequence[int]) -> Sequence[StoredEvent]:
        """Return these events, oldest first."""
        ...

    async def person(self, subject: Subject) -> PersonState | None:
        """Return what is known about a person, None for nobody."""
        ...

    async def timeline(self, subject: Subject, limit: int) -> Sequence[LedgerRecord]:
        """Return the newest records of a person, newest first."""
        ...

    async def find_profile(self, mapping: str, profile_id: str) -> str | None:
        """Return the person key whose settled state names this Actito profile id, if any."""
        ...

    async def close(self) -> None:
        """Let go of the database."""
        ...
