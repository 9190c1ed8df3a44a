"""Looking at everybody: Didomi's users page by page, and one user or their events on request.

Every method raises TemporaryError, CredentialError or PermanentError.
"""

from collections.abc import Mapping as MappingView
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from consent_sync.domain.consent import Choice, ConsentTree
from consent_sync.domain.errors import TemporaryError
from consent_sync.domain.events import ProfileMissing, ProfileReading, UserMissing, UserReading
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.moments import Micros
from consent_sync.ports.receiver import Arrival


class CursorError(TemporaryError):
    """The place in the list is not known any more: the list has to be read from its beginning."""


@dataclass(frozen=True, slots=True)
class ListedUser:
    """One record of Didomi's list of users; one person may have several."""

    ouid: str
    seen: UserReading


@dataclass(frozen=True, slots=True)
class UserList:
    """One page of users. `guests` have no organisation user id; `cursor` None is the end."""

    users: tuple[ListedUser, ...]
    guests: int
    cursor: str | None


@dataclass(frozen=True, slots=True)
class UserLook:
    """One organisation user id: its merged state, and its records as webhooks would show them."""

    seen: UserReading | UserMissing
    shown: tuple[Arrival, ...]


@dataclass(frozen=True, slots=True)
class ListedEvent:
    """One consent event as its webhook would bring it; `changed_at` None where no date is given."""

    id: str
    created_at: Micros | None
    changed_at: Micros | None
    arrival: Arrival


class ConsentLists(Protocol):
    """Didomi's lists, for the first regulation of a mapping."""

    async def list_users(self, mapping: Mapping, cursor: str | None) -> UserList:
        """Return a page of all users; raises CursorError when the cursor is refused."""
        ...

    async def look_at_user(self, mapping: Mapping, ouid: str) -> UserLook:
        """Return one organisation user id with all its records."""
        ...

    def user_webhook(self, mapping: Mapping, user: ListedUser, told: ConsentTree) -> bytes:
        """Return the webhook that would show this user with these choices and no others."""
        ...

    async def list_events(self, mapping: Mapping, ouid: str) -> tuple[ListedEvent, ...]:
        """Return the events of one organisation user id, in every regulation of the mapping."""
        ...


class ProfileSource(Protocol):
    """Where profiles are read one by one: the platform itself, or an export of it."""

    async def read_by_key(self, mapping: Mapping, key: str) -> ProfileReading | ProfileMissing:
        """Return one profile by the value of the mapping's unique key."""
        ...


@dataclass(frozen=True, slots=True)
class ChoiceRow:
    """One good row of a file of choices: who, what on which lines, and between which moments.

    `number` is its line in the file; `between` None means that the file does not say when.
    """

    number: int
    person: str
    choices: MappingView[str, Choice]
    between: tuple[Micros, Micros] | None


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be taken: its line, the column where that is known, and what was expected.

    Nothing that stands in the row is repeated here: it may be somebody's data.
    """

    number: int
    column: str
    expected: str


class ChoiceFile(Protocol):
    """A file of choices; `mark` stands for this very file, read in this very way."""

    @property
    def mark(self) -> str:
        """Return the same text for the same file."""
        ...

    async def rows(self, after: int, limit: int) -> Sequence[ChoiceRow | BadRow]:
        """Return rows of lines behind `after`, in their order; none at the end.

        Raises RefusedError when the file cannot be read any further.
        """
        ...
