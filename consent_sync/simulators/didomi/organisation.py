"""The organisation that is simulated: its keys, channels, regulations, purposes and preference library."""

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Preference(_Part):
    """A question of the preference library and its possible answers."""

    id: str
    type: Literal["single", "multi"] = "multi"
    values: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    """Channels below the preference, which only API v1 knows."""


class Purpose(_Part):
    """A purpose and the preferences attached to it."""

    id: str
    name: str = ""
    preferences: tuple[str, ...] = ()
    regulations: tuple[str, ...] = ()
    """Regulations the purpose belongs to; empty means all of the organisation's."""
    propagation: bool = False
    """One-click consent: toggling the purpose also sets its multi-choice preferences."""
    retired: bool = False
    """No longer offered, but still accepted in events, as the page "Consent event schema" promises."""


class Organisation(_Part):
    """A whole organisation; build it from a plain dict with `Organisation.model_validate`."""

    id: str = "acme"
    api_keys: dict[str, str] = Field(
        default_factory=lambda: {"fake-key-id": "fake-secret-do-not-use"}
    )
    channels: tuple[str, ...] = ("email", "sms")
    regulations: tuple[str, ...] = ("gdpr", "cpra")
    purposes: tuple[Purpose, ...] = (
        Purpose(id="marketing", preferences=("topics", "deals")),
        Purpose(id="newsletter"),
        Purpose(id="partners"),
        Purpose(id="analytics"),
    )
    preferences: tuple[Preference, ...] = (
        Preference(id="topics", values=("sport", "news", "culture")),
        Preference(id="deals", channels=("email", "sms")),
    )

    @model_validator(mode="after")
    def _attached_preferences_exist(self) -> Self:
        for purpose in self.purposes:
            for preference in purpose.preferences:
                if self.preference(preference) is None:
                    known = ", ".join(item.id for item in self.preferences) or "none"
                    raise ValueError(
                        f"purpose {purpose.id!r} names preference {preference!r}; known are: {known}"
                    )
        return self

    def purpose(self, purpose_id: str) -> Purpose | None:
        """Return the purpose of this id, or none."""
        return next((item for item in self.purposes if item.id == purpose_id), None)

    def preference(self, preference_id: str) -> Preference | None:
        """Return the preference of this id from the library, or none."""
        return next((item for item in self.preferences if item.id == preference_id), None)


def organisation_from(source: Organisation | Mapping[str, object] | None) -> Organisation:
    """Return an organisation as it is, from a plain dict, or the default `acme`; raises ValidationError."""
    return source if isinstance(source, Organisation) else Organisation.model_validate(source or {})
