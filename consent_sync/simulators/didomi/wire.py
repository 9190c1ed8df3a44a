"""What callers may send: events, users and consents, as the platform's OpenAPI document names the fields.

Unknown fields are ignored. A field that was not sent stays absent when the event is shown again.
"""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, StrictBool, StrictStr

from consent_sync.simulators.didomi import dates

JsonObject = dict[str, JsonValue]
Identifier = Annotated[StrictStr, Field(min_length=1)]


def _moment(value: object) -> object:
    if value is None:
        return None
    if isinstance(value, datetime):
        return dates.in_utc(value)
    if not isinstance(value, str):
        raise ValueError("expected an ISO 8601 date")
    return dates.parse(value)


Moment = Annotated[datetime, BeforeValidator(_moment)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="ignore")


class ChannelEntry(_Body):
    """A channel; `enabled` null or absent means that no choice was made."""

    id: Identifier
    enabled: StrictBool | None = None
    metadata: JsonObject | None = None


class PreferenceEntry(ChannelEntry):
    """A preference of API v1, with its own channels."""

    channels: list[ChannelEntry] | None = None


class ValueEntry(_Body):
    """The answer to a preference in API v2: value ids joined by commas."""

    value: StrictStr | None = None
    from_propagation: StrictBool | None = None

    def selection(self) -> tuple[str, ...]:
        """Return the chosen value ids; none for an empty, null or absent `value`."""
        return tuple(part.strip() for part in (self.value or "").split(",") if part.strip())


class PurposeEntry(ChannelEntry):
    """A purpose with the answers below it, in either generation of the API."""

    enabled_li: StrictBool | None = None
    propagation: StrictBool | None = None
    values: dict[str, ValueEntry] | None = None
    preferences: list[PreferenceEntry] | None = None
    channels: list[ChannelEntry] | None = None


class Vendors(_Body):
    """Vendor ids by choice, for consent and for legitimate interest."""

    enabled: list[Identifier] | None = None
    disabled: list[Identifier] | None = None
    enabled_li: list[Identifier] | None = None
    disabled_li: list[Identifier] | None = None


class ConsentsBody(_Body):
    """A partial set of choices."""

    channels: list[ChannelEntry] | None = None
    purposes: list[PurposeEntry] | None = None
    vendors: Vendors | None = None
    tcfcs: StrictStr | None = None


class EventUser(_Body):
    """The person an event is about: by Didomi's id, by the organisation's own id, or new."""

    id: Identifier | None = None
    organization_user_id: Identifier | None = None
    metadata: JsonObject | None = None
    country: StrictStr | None = None
    last_seen_country: StrictStr | None = None


class Delegate(_Body):
    """Who acted for the person."""

    id: Identifier
    name: StrictStr | None = None
    metadata: JsonObject | None = None


class EventBody(_Body):
    """A consent event as sent to `POST /consents/events`."""

    id: Identifier | None = None
    organization_id: Identifier | None = None
    created_at: Moment | None = None
    status: Identifier | None = None
    regulation: Identifier | None = None
    user: EventUser = Field(default_factory=EventUser)
    consents: ConsentsBody = Field(default_factory=ConsentsBody)
    metadata: JsonObject | None = None
    domain: StrictStr | None = None
    delegate: Delegate | None = None
    validation: JsonObject | None = None
    proofs: list[StrictStr] | None = None
    proofs_id: list[StrictStr] | None = None


class EventPatch(_Body):
    """The fields of an event that may change: `PATCH /consents/events/{id}`."""

    status: Identifier | None = None
    consents: ConsentsBody | None = None
    proofs: list[StrictStr] | None = None
    proofs_id: list[StrictStr] | None = None
    delegate: Delegate | None = None


class UserPatch(_Body):
    """The fields of a user that may change: `PATCH /consents/users/{id}`; `consents` is deprecated there."""

    organization_user_id: Identifier | None = None
    version: int | None = None
    metadata: JsonObject | None = None
    country: StrictStr | None = None
    last_seen_country: StrictStr | None = None
    consents: ConsentsBody | None = None


class UserBody(UserPatch):
    """A user as sent to `POST /consents/users`."""

    id: Identifier | None = None
    organization_id: Identifier | None = None
