"""What a profile is, what a write asks of it, and what changed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import JsonValue

from consent_sync.simulators.actito.values import Value


class Origin(StrEnum):
    """Where a change comes from: the update source of the page "Viewing Interactions related to Subscriptions"."""

    API = "api"
    FORM = "form"
    EMAIL = "email"
    PLATFORM = "platform"
    SEED = "seed"
    """Set up by a test or at the start; fires nothing."""


class Kind(StrEnum):
    """What happened to a profile."""

    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Provenance:
    """The collection information of a write, as it was sent."""

    source: str | None = None
    way: str | None = None
    date: str | None = None


@dataclass(frozen=True, slots=True)
class Write:
    """One operation on one profile; a null attribute is to be cleared."""

    attributes: Mapping[str, JsonValue] = field(default_factory=dict)
    subscriptions: Mapping[str, bool] = field(default_factory=dict)
    segmentations: tuple[JsonValue, ...] = ()
    provenance: Provenance = Provenance()
    origin: Origin = Origin.API


@dataclass(frozen=True, slots=True)
class Interaction:
    """The trace that a subscribe or unsubscribe leaves on a profile; no API call reads it."""

    at: float
    subscription: str
    subscribed: bool
    origin: Origin
    provenance: Provenance


@dataclass(slots=True)
class Profile:
    """One row of a profile table; moments are seconds since 1970."""

    id: int
    created: float
    updated: float
    attributes: dict[str, Value] = field(default_factory=dict)
    subscriptions: dict[str, bool] = field(default_factory=dict)
    segmentations: list[JsonValue] = field(default_factory=list)
    interactions: list[Interaction] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Change:
    """What one operation asked for and what it changed; `unique` are the row's identifiers after it."""

    kind: Kind
    entity: str
    table_id: str
    profile_id: int
    origin: Origin
    attributes: Mapping[str, Value | None] = field(default_factory=dict)
    subscriptions: Mapping[str, bool] = field(default_factory=dict)
    asked_attributes: Mapping[str, Value | None] = field(default_factory=dict)
    asked_subscriptions: Mapping[str, bool] = field(default_factory=dict)
    unique: Mapping[str, Value] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """True when the operation left everything as it was."""
        return self.kind is Kind.UPDATED and not self.attributes and not self.subscriptions
