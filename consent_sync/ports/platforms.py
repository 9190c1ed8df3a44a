"""The two platforms as the program uses them: read one person, write one person.

Every method raises TemporaryError, CredentialError or PermanentError; writes also UnclearError
when no clear answer came. Nothing is retried inside except one renewed token after a 401.
"""

from collections.abc import Mapping as MappingView
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from consent_sync.domain.consent import Choice, Node, Pick
from consent_sync.domain.events import (
    Origin,
    ProfileMissing,
    ProfileReading,
    UserMissing,
    UserReading,
)
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.moments import Micros
from consent_sync.domain.profile import ProfileChange, TableStructure


@dataclass(frozen=True, slots=True)
class ConsentDraft:
    """A consent event to create in Didomi: changed nodes only, multi-value lists whole."""

    id: str
    created_at: Micros
    ouid: str
    regulation: str
    nodes: MappingView[Node, Choice]
    picks: MappingView[Pick, tuple[str, ...]]
    origin: Origin


class ProfilePlatform(Protocol):
    """The Actito side."""

    async def read_by_key(self, mapping: Mapping, key: str) -> ProfileReading | ProfileMissing:
        """Read one profile by the mapping's unique key; a bare 404 is confirmed by a probe."""
        ...

    async def read_by_id(
        self, mapping: Mapping, profile_id: str
    ) -> ProfileReading | ProfileMissing:
        """Read one profile by Actito's number; a bare 404 is confirmed by a probe."""
        ...

    async def update(
        self, mapping: Mapping, key: str, change: ProfileChange, *, after_look: bool
    ) -> str:
        """Change an existing profile; raise AbsentError when it is confirmed not to exist.

        Returns Actito's number for the profile, empty where the answer does not tell.

        `after_look` writes without waiting for the rate limit (it is charged afterwards), so
        that nothing comes between a look and its write.
        """
        ...

    async def create(self, mapping: Mapping, key: str, change: ProfileChange) -> str:
        """Create a profile and return its number (may be empty); raise PermanentError (400, 409) when it exists or is not acceptable."""
        ...

    async def delete(self, mapping: Mapping, key: str) -> None:
        """Delete a profile for good; return when it is gone, also when it was gone before."""
        ...

    async def structure(self, mapping: Mapping) -> TableStructure:
        """Return the profile table's structure, cached with expiry."""
        ...


class ConsentPlatform(Protocol):
    """The Didomi side."""

    async def read_user(
        self, mapping: Mapping, ouid: str, regulation: str
    ) -> UserReading | UserMissing:
        """Read the state of one organisation user id, merged over all records it has."""
        ...

    async def send_events(self, mapping: Mapping, drafts: Sequence[ConsentDraft]) -> None:
        """Create these events (1 to 100); one that exists already with our id counts as created."""
        ...

    async def delete_user(self, mapping: Mapping, ouid: str) -> None:
        """Delete every record of exactly this organisation user id, with its events, for good.

        Returns when none is left; raises TemporaryError when one is still shown.
        """
        ...
