"""What a person does in the preference centre, as the event that its widget would send."""

from collections.abc import Mapping
from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator

from consent_sync.simulators.didomi.merge import Consents, PurposeChoice
from consent_sync.simulators.didomi.organisation import Organisation
from consent_sync.simulators.didomi.wire import (
    ChannelEntry,
    ConsentsBody,
    EventBody,
    EventUser,
    JsonObject,
    Moment,
    PreferenceEntry,
    PurposeEntry,
    ValueEntry,
    Vendors,
)

Answer = bool | None


class Choices(BaseModel):
    """The choices saved with one click; `None` says "no choice". Raises ValidationError for unknown parts.

    `values` holds the whole selection of a preference (API v2), `preferences` a choice or the choices per channel
    (API v1), both by purpose and preference id.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    channels: dict[str, Answer] = {}
    purposes: dict[str, Answer] = {}
    values: dict[str, dict[str, list[str]]] = {}
    preferences: dict[str, dict[str, Answer | dict[str, Answer]]] = {}
    purpose_channels: dict[str, dict[str, Answer]] = {}
    legitimate_interests: dict[str, Answer] = {}
    vendors: dict[str, bool] = {}

    @model_validator(mode="after")
    def _something_is_chosen(self) -> Self:
        if not self.model_fields_set:
            raise ValueError(
                f"a click chooses something: give one of {list(type(self).model_fields)}"
            )
        return self


ChoicesLike = Choices | Mapping[str, object]


def choices_from(source: ChoicesLike) -> Choices:
    """Return choices as they are or from a plain mapping; raises ValidationError."""
    return source if isinstance(source, Choices) else Choices.model_validate(dict(source))


class Click(BaseModel):
    """One click as the control API takes it; all but the choices may be left out."""

    model_config = ConfigDict(extra="forbid")

    ouid: str | None = None
    """The person; none for a guest."""
    choices: Choices
    at: Moment | None = None
    metadata: JsonObject | None = None
    user_metadata: JsonObject | None = None
    regulation: str | None = None
    status: str | None = None
    country: str | None = None
    device: str | None = None
    """Didomi user id of the device, which the SDK sends along."""
    event_id: str | None = None

    def event(self, organisation: Organisation, held: Consents | None) -> EventBody:
        """Return the event for this click; `held` is the status that the person was shown."""
        return EventBody(
            id=self.event_id,
            created_at=self.at,
            status=self.status,
            regulation=self.regulation,
            user=EventUser(
                id=self.device,
                organization_user_id=self.ouid,
                metadata=self.user_metadata,
                last_seen_country=self.country,
            ),
            consents=_consents(self.choices, organisation, held or Consents()),
            metadata=self.metadata,
            domain="preferences.example.com",
        )


def _consents(choices: Choices, organisation: Organisation, held: Consents) -> ConsentsBody:
    body = ConsentsBody()
    if choices.channels:
        body.channels = _channels(choices.channels)
    parts = (
        choices.purposes,
        choices.values,
        choices.preferences,
        choices.purpose_channels,
        choices.legitimate_interests,
    )
    ids = dict.fromkeys(key for part in parts for key in part)
    if ids:
        body.purposes = [_purpose(key, choices, organisation, held) for key in ids]
    if choices.vendors:
        body.vendors = Vendors(
            enabled=[key for key, enabled in choices.vendors.items() if enabled],
            disabled=[key for key, enabled in choices.vendors.items() if not enabled],
        )
    return body


def _purpose(
    purpose_id: str, choices: Choices, organisation: Organisation, held: Consents
) -> PurposeEntry:
    entry = PurposeEntry(id=purpose_id)
    if purpose_id in choices.purposes:
        entry.enabled = choices.purposes[purpose_id]
    if purpose_id in choices.legitimate_interests:
        entry.enabled_li = choices.legitimate_interests[purpose_id]
    values = {
        key: ValueEntry(value=",".join(chosen))
        for key, chosen in choices.values.get(purpose_id, {}).items()
    }
    propagated = _propagated(entry, organisation, held.purposes.get(purpose_id), values)
    if propagated:
        entry.propagation = True
    if values or propagated:
        entry.values = {**propagated, **values}
    if purpose_id in choices.preferences:
        entry.preferences = [
            _preference(key, answer) for key, answer in choices.preferences[purpose_id].items()
        ]
    if purpose_id in choices.purpose_channels:
        entry.channels = _channels(choices.purpose_channels[purpose_id])
    return entry


def _propagated(
    entry: PurposeEntry,
    organisation: Organisation,
    held: PurposeChoice | None,
    by_hand: dict[str, ValueEntry],
) -> dict[str, ValueEntry]:
    """Page "One-click consent": the toggle answers multi-choice preferences, except those answered by hand."""
    purpose = organisation.purpose(entry.id)
    if purpose is None or not purpose.propagation or entry.enabled is None:
        return {}
    manual = {
        key for key, chosen in (held.values if held else {}).items() if not chosen.from_propagation
    }
    library = {item.id: item for item in organisation.preferences if item.type == "multi"}
    return {
        key: ValueEntry(
            value=",".join(library[key].values) if entry.enabled else "", from_propagation=True
        )
        for key in purpose.preferences
        if key in library and library[key].values and key not in manual and key not in by_hand
    }


def _preference(preference_id: str, answer: Answer | dict[str, Answer]) -> PreferenceEntry:
    if isinstance(answer, dict):
        return PreferenceEntry(id=preference_id, channels=_channels(answer))
    return PreferenceEntry(id=preference_id, enabled=answer)


def _channels(answers: dict[str, Answer]) -> list[ChannelEntry]:
    return [ChannelEntry(id=key, enabled=answer) for key, answer in answers.items()]
