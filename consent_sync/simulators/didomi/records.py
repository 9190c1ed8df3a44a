"""What the platform keeps: users with one status per regulation, and the events behind it."""

from dataclasses import dataclass, field
from datetime import datetime

from consent_sync.simulators.didomi import dates
from consent_sync.simulators.didomi.merge import Consents
from consent_sync.simulators.didomi.shapes import Rendering
from consent_sync.simulators.didomi.wire import ConsentsBody, EventBody, JsonObject

CONFIRMED = "confirmed"
DEFAULT_REGULATION = "gdpr"


@dataclass(slots=True)
class User:
    """One user record, which is one device's or the API's view of a person."""

    id: str
    sequence: int
    created_at: datetime
    updated_at: datetime
    organization_user_id: str | None = None
    version: int = 1
    metadata: JsonObject = field(default_factory=dict)
    country: str | None = None
    last_seen_country: str | None = None
    device: str | None = None
    """The device that made the record, where several records per person are simulated."""
    stamped_at: datetime | None = None
    """The last date that the platform itself gave to an event of this user."""
    statuses: dict[str, Consents] = field(default_factory=dict)
    events: dict[str, "Event"] = field(default_factory=dict)


@dataclass(slots=True)
class Event:
    """One consent event."""

    id: str
    user: User
    body: EventBody
    created_at: datetime
    updated_at: datetime
    status: str = CONFIRMED
    regulation: str = DEFAULT_REGULATION
    hidden: bool = False
    """Choices written onto a user directly; they count, but are no event to anyone."""

    @property
    def consents(self) -> ConsentsBody:
        """The choices the event makes."""
        return self.body.consents


@dataclass(frozen=True, slots=True)
class Display:
    """How records are shown to callers and receivers."""

    organisation_id: str
    rendering: Rendering
    precision: dates.Precision
    user_regulation: bool = False

    def event(self, event: Event) -> JsonObject:
        """Show an event with every field that it has."""
        body, user = event.body, event.user
        shown: JsonObject = {
            "id": event.id,
            "organization_id": self.organisation_id,
            "created_at": dates.render(event.created_at, self.precision),
            "updated_at": dates.render(event.updated_at, self.precision),
            "status": event.status,
            "regulation": event.regulation,
            "user": {
                **body.user.model_dump(mode="json", exclude_none=True),
                "id": user.id,
                "organization_user_id": user.organization_user_id,
            },
            "consents": self.rendering.event(body.consents),
            "metadata": body.metadata or {},
        }
        optional = {"domain", "delegate", "validation", "proofs_id"}
        shown.update(body.model_dump(mode="json", include=optional, exclude_none=True))
        return shown

    def user(self, user: User, regulation: str, *, name_regulation: bool = False) -> JsonObject:
        """Show a user with the status under one regulation."""
        shown: JsonObject = {
            "id": user.id,
            "organization_id": self.organisation_id,
            "organization_user_id": user.organization_user_id,
            "version": user.version,
            "created_at": dates.render(user.created_at, self.precision),
            "updated_at": dates.render(user.updated_at, self.precision),
            "metadata": dict(user.metadata),
            "country": user.country,
            "last_seen_country": user.last_seen_country,
            "consents": self.rendering.status(user.statuses.get(regulation, Consents())),
        }
        if name_regulation or self.user_regulation:
            shown["regulation"] = regulation
        return shown
