"""Didomi's JSON as typed models: strict where a choice stands, lenient everywhere else.

Didomi may add properties at any time and asks clients to ignore unknown ones, so every model does.
Pages: "Webhooks", "Consent event schema", "Users schema", "Preferences Library".
"""

from typing import Annotated, Required

from pydantic import BaseModel, ConfigDict, Field, StrictBool
from typing_extensions import TypedDict

KNOWN_TYPES = frozenset(
    {
        "event.created",
        "event.updated",
        "event.deleted",
        "user.created",
        "user.updated",
        "user.deleted",
    }
)
"""The six webhook types of the page "Webhooks"."""

# An organisation user id is the customer's own; a CRM number may arrive as a JSON number.
UserName = Annotated[str, Field(coerce_numbers_to_str=True)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore")


# Below `consents` come plain dicts, of which an event has dozens: as objects they would take four
# times as long to build.


class Channel(TypedDict, total=False):
    """A channel, at the top of the consents or (v1) under a purpose or a preference."""

    id: Required[str]
    # Strict: "yes" or 1 would otherwise become a choice that nobody made in those words.
    enabled: StrictBool | None


class PreferenceValue(TypedDict, total=False):
    """What was chosen of a v2 preference: ids of values in one comma-separated text."""

    value: str | None


class Preference(TypedDict, total=False):
    """A preference under its purpose: v1 with channels, or a node of the full tree.

    The shape of a full tree's `value` and `values` is not published, so they are kept as they are.
    """

    id: Required[str]
    enabled: StrictBool | None
    channels: list[Channel] | None
    value: object
    values: object


class Purpose(TypedDict, total=False):
    """A purpose with whatever is said below it."""

    id: Required[str]
    enabled: StrictBool | None
    values: dict[str, PreferenceValue | None] | None
    preferences: list[Preference] | None
    channels: list[Channel] | None


class Consents(_Model):
    """The `consents` object that events and users share; vendors are none of our business."""

    channels: list[Channel] | None = None
    purposes: list[Purpose] | None = None


class EventUser(_Model):
    """The user inside a consent event."""

    organization_user_id: UserName | None = None
    metadata: object = None


class Entity(_Model):
    """A consent event or a consent user: the fields of both, none of them certain to be there."""

    id: str | None = None
    created_at: str | None = None
    updated_at: str | None = None
    status: str | None = None
    regulation: str | None = None
    organization_user_id: UserName | None = None
    user: EventUser | None = None
    consents: Consents | None = None
    metadata: object = None

    def ouid(self) -> str:
        """Return the organisation user id of the user or of the event's user; empty for a guest."""
        user = self.user
        return self.organization_user_id or (user and user.organization_user_id) or ""


class Parameters(_Model):
    """What a webhook is about: `entity`, or for updates the entity before and after."""

    entity: Entity | None = None
    source: Entity | None = None
    old_entity: Entity | None = None
    new_entity: Entity | None = None


class Envelope(_Model):
    """One webhook call."""

    type: str
    regulation: str | None = None
    parameters: Parameters

    def subject(self) -> Entity | None:
        """Return the entity as it is now, None when the webhook does not show it."""
        return self.parameters.new_entity or self.parameters.entity

    def ouid(self) -> str:
        """Return the organisation user id the webhook is about; empty for a guest."""
        subject, old = self.subject(), self.parameters.old_entity
        return (subject and subject.ouid()) or (old and old.ouid()) or ""


class UserPage(_Model):
    """One page of `GET /consents/users`."""

    data: list[Entity]
    cursor: str | None = None
