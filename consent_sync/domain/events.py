"""What one received item says: who, when, and which part of a person's choices."""

from collections.abc import Mapping as MappingView
from dataclasses import field
from enum import StrEnum

from consent_sync.domain.consent import Choice, ConsentTree
from consent_sync.domain.erasure import DeletionPolicy
from consent_sync.domain.identity import Names
from consent_sync.domain.moments import Micros
from consent_sync.domain.values import dataclass


class EventKind(StrEnum):
    """What kind of item was received, in our words."""

    CONSENT_EVENT = "consent_event"
    CONSENT_EVENT_DELETED = "consent_event_deleted"
    CONSENT_USER = "consent_user"
    CONSENT_USER_DELETED = "consent_user_deleted"
    PROFILE_HINT = "profile_hint"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Origin:
    """The mark that an engine of ours left on a consent event it created."""

    mapping: str
    person: str
    basis: str
    not_before: Micros
    not_after: Micros


@dataclass(frozen=True, slots=True)
class ConsentEvent:
    """A Didomi consent event: a partial set of choices made at one moment.

    `created_at` None means that the event carries no readable date.
    """

    id: str
    created_at: Micros | None
    status: str
    tree: ConsentTree
    origin: Origin | None = None


@dataclass(frozen=True, slots=True)
class DidomiItem:
    """One Didomi webhook, v1, v2 or full tree, in our words.

    For `consent_event` only `event` is set. For `consent_user`, `shown` is the merged state the
    entity shows, `updated_at` its date, and `event` the event behind it where the webhook names
    one. `metadata` is the user's metadata, with texts, numbers and booleans only.
    """

    kind: EventKind
    type: str
    ouid: str
    regulation: str
    event: ConsentEvent | None = None
    shown: ConsentTree | None = None
    updated_at: Micros | None = None
    metadata: MappingView[str, str | int | float | bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProfileHint:
    """One Actito webhook: this profile changed, and these fields were named.

    `subscriptions` holds the named fields whose value reads as a boolean (true = subscribed),
    for every field, mapped or not; `other` holds all further fields as text.
    """

    names: Names
    subscriptions: MappingView[str, bool] = field(default_factory=dict)
    other: MappingView[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UnknownItem:
    """A well-formed envelope of a kind this version does not know: recorded, never acted on."""

    type: str


@dataclass(frozen=True, slots=True)
class OperatorWord:
    """What an operator said about held lines: approved, else rejected.

    `tickets` names, per line, the very doubt that was looked at (domain.review.Doubt.ticket).
    """

    by: str
    approved: bool
    tickets: MappingView[str, str]


@dataclass(frozen=True, slots=True)
class DeadLetterWord:
    """An operator's word on dead letters of one person: tried `again`, or put away for good.

    `letters` are their ids as they were shown (domain.dead_letters).
    """

    by: str
    again: bool
    letters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ErasureWord:
    """Somebody asked for an erasure that deals with the sides first, as the policy says."""

    by: str
    policy: DeletionPolicy


@dataclass(frozen=True, slots=True)
class LoadedChoices:
    """One row of a loaded file: what somebody chose, per line, in `(not_before, not_after]`.

    An interval that begins in the OPEN means that the file does not say when.
    """

    names: Names
    choices: MappingView[str, Choice]
    not_before: Micros
    not_after: Micros


@dataclass(frozen=True, slots=True)
class Item:
    """One received item that waits for, or took part in, a turn."""

    id: int
    received_at: Micros
    content: (
        DidomiItem
        | ProfileHint
        | UnknownItem
        | OperatorWord
        | DeadLetterWord
        | ErasureWord
        | LoadedChoices
    )


@dataclass(frozen=True, slots=True)
class ProfileReading:
    """What Actito held when it was asked at `asked_at` and answered at `read_at`.

    `subscriptions` true = subscribed; a name that is not listed is absent, not false. `others` are
    further profiles that come to the same person, as a rule none.
    """

    asked_at: Micros
    read_at: Micros
    names: Names
    subscriptions: MappingView[str, bool]
    others: tuple["ProfileReading", ...] = ()


@dataclass(frozen=True, slots=True)
class ProfileMissing:
    """Actito has no such profile, confirmed, at `read_at`."""

    read_at: Micros


@dataclass(frozen=True, slots=True)
class UserReading:
    """What Didomi held for one person and regulation, merged over all records of that person.

    `updated_at` is Didomi's own date of that state; None when it gave none.
    """

    asked_at: Micros
    read_at: Micros
    updated_at: Micros | None
    tree: ConsentTree


@dataclass(frozen=True, slots=True)
class UserMissing:
    """Didomi knows no such organisation user id, at `read_at`."""

    read_at: Micros


SubscriptionChoices = MappingView[str, Choice]
"""Line id to the choice a side holds, in Didomi's sense (inverted lines already turned round)."""
