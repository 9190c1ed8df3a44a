"""Every behaviour that the platform's documentation leaves open, as a switch that may be turned while running."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from consent_sync.simulators.didomi.dates import Precision

Shape = Literal["v1", "v2", "full_tree"]
EmptySelection = Literal["empty_string", "absent", "null"]


def _number(value: object) -> object:
    return int(value) if isinstance(value, str) and value.isdecimal() else value


# A command line has only text.
_FROM_TEXT = BeforeValidator(_number)


class Switches(BaseModel):
    """The behaviour of the simulator; unknown names and impossible values raise ValidationError."""

    model_config = ConfigDict(
        extra="forbid", validate_assignment=True, use_attribute_docstrings=True
    )

    # The API

    duplicate_event: Annotated[Literal[409, 400, 200], _FROM_TEXT] = 409
    """Answer to an event id that exists: a refusal of that status, or 200 with the existing event."""
    unknown_ids: Literal["reject", "accept"] = "reject"
    """Unknown purposes, preferences and values: refused with 400, or accepted as for older organisations."""
    batch_error: Literal["whole", "partial"] = "whole"
    """A bad item in an array: the whole array is refused, or the answer lists errors in place of the bad items."""
    wrong_credentials_status: Annotated[Literal[400, 401], _FROM_TEXT] = 400
    """Status of `POST /sessions` with a wrong key or secret."""
    session_life_seconds: float = Field(default=3600, gt=0)
    """Life of a session token; calls with an expired one get 401."""
    records_per_ouid: Literal["one", "several", "zero"] = "one"
    """Records behind one organisation user id: exactly one; one per device and one for the API; or none listed.

    Turning it from `several` to `one` while running merges the records, as the platform's change of 2026 does."""
    cursor: Literal["stable", "expires", "repeats"] = "stable"
    """User cursors: always good; refused with 400 after `cursor_life_seconds`; or each page repeats a user."""
    cursor_life_seconds: float = Field(default=30, ge=0)
    """Life of a cursor when `cursor` is `expires`."""
    page_size: int = Field(default=100, ge=1, le=100)
    """Users per page."""
    api_generation: Shape = "v2"
    """Shape of consents: flat `values`; nested `preferences`; or the full tree on every read and webhook."""
    disable_preferences_in_consents: bool = True
    """Whether an organisation that is not on v1 refuses v1 `preferences` with 400."""
    empty_selection: EmptySelection = "empty_string"
    """How "nothing chosen" is written in v2: `{"value": ""}`, `{}` or `{"value": null}`."""
    null_choice: Literal["keeps", "clears"] = "keeps"
    """An explicit `enabled: null` in an event: leaves the choice held, or takes it back to "no choice"."""
    order_events_by: Literal["created_at", "updated_at"] = "created_at"
    """Date that orders events when the status is computed; equal dates go by event id."""
    date_precision: Precision = "millisecond"
    """What is stored and shown of a date."""
    patch_metadata: Literal["merge", "replace"] = "merge"
    """What `PATCH /consents/users/{id}` does with `metadata`."""
    stale_version_status: Annotated[Literal[409, 400], _FROM_TEXT] = 409
    """Status of a user update whose `version` is not the current one."""
    user_deletion_erases_events: bool = True
    """Whether deleting a user deletes the user's events too."""
    rate_limits: bool = True
    """Whether routes outside `/consents/*` are limited, as the page "Rate limiting" says."""
    rate_limit_calls: int = Field(default=100, ge=1)
    """Calls allowed per window and organisation."""
    rate_limit_window_seconds: float = Field(default=15, gt=0)
    """Length of the window."""
    redirect_to_https: bool = False
    """Whether every call is answered with 301 to the same address on HTTPS, as plain HTTP calls are."""
    latency_ms: float = Field(default=0, ge=0)
    """Time every API call takes at least, in milliseconds."""

    # Webhooks

    webhook_guests: bool = False
    """Whether users without an organisation user id appear in webhooks."""
    webhook_fan_out: Literal["event_then_user", "user_then_event", "event_only", "user_only"] = (
        "event_then_user"
    )
    """Which webhooks one action yields, and in which order."""
    webhook_order: Literal["in_order", "shuffled", "delayed"] = "in_order"
    """First attempts: as they happened; in chance order within a window; or hours later, as from storage."""
    webhook_shuffle_window_seconds: float = Field(default=5, gt=0)
    """Window of `shuffled`, in simulated seconds."""
    webhook_delay_seconds: float = Field(default=7200, gt=0)
    """Delay of `delayed`, in simulated seconds."""
    webhook_duplicates: Literal["none", "every_retry"] = "none"
    """Whether all attempts of the schedule are made even after a success."""
    webhook_retry_schedule: Literal["five_in_five_minutes", "every_five_minutes", "one_try"] = (
        "five_in_five_minutes"
    )
    """Attempts: five within five minutes; five, five minutes apart; or one. Then the delivery is stored."""
    webhook_retry_client_errors: bool = True
    """Whether an answer of 4xx is tried again."""
    webhook_timeout_seconds: float = Field(default=10, gt=0)
    """How long the receiver may take to answer, in real seconds."""
    webhook_concurrency: int = Field(default=1, ge=1, le=64)
    """Deliveries under way at once; more than one gives up the strict order."""
    webhook_auth: Literal["none", "static_header", "oauth"] = "static_header"
    """What a delivery carries: nothing; the static headers; or these and a bearer token of the receiver."""
    oauth_client_auth: Literal["form", "basic"] = "form"
    """How the client credentials reach the receiver's token address: form body, or Basic."""
    oauth_token: Literal["cached", "per_call"] = "cached"
    """Whether a token is kept for its life or fetched for every delivery."""
    disable_integrations_silences_webhooks: bool = True
    """Whether `$disable_integrations=true` on a call keeps its webhooks from being sent."""
    envelope_regulation: bool = True
    """Whether webhooks name the regulation."""
    user_regulation: bool = False
    """Whether user entities carry a `regulation` of their own."""
    multi_regulation: bool = False
    """Whether webhooks are sent for other regulations than `gdpr`."""
    flatten: bool = False
    """Whether the entity is sent as flat keys joined by a double underscore."""
    event_deleted_body: Literal["sparse", "full"] = "sparse"
    """Whether `event.deleted` carries only `id` and `created_at`, or the whole event."""
    patch_event_webhooks: bool = True
    """Whether changing an event through the API yields webhooks."""
    time_scale: float = Field(default=1, gt=0)
    """Real seconds per simulated second of webhook delays and retries."""

    @classmethod
    def from_words(cls, words: Sequence[str]) -> Self:
        """Read `switch=value` words as a command line gives them; raises UnknownSwitchError and ValidationError."""
        values: dict[str, object] = {}
        for word in words:
            name, equals, text = word.partition("=")
            if not equals:
                raise UnknownSwitchError(f"found {word!r}, expected switch=value")
            values[name] = text
        _refuse_unknown(values)
        return cls.model_validate_strings(values)

    @classmethod
    def from_mapping(cls, values: Mapping[str, object]) -> Self:
        """Build switches from names and values; raises UnknownSwitchError and ValidationError."""
        _refuse_unknown(values)
        return cls.model_validate(values)

    def change(self, changes: Mapping[str, object]) -> None:
        """Turn several switches at once, all or none; raises UnknownSwitchError and ValidationError."""
        _refuse_unknown(changes)
        checked = type(self).model_validate({**self.model_dump(), **changes})
        for name in changes:
            setattr(self, name, getattr(checked, name))


class UnknownSwitchError(ValueError):
    """A switch that does not exist; the message names the nearest one that does."""


def _refuse_unknown(names: Mapping[str, object]) -> None:
    for name in names:
        if name not in Switches.model_fields:
            near = get_close_matches(name, Switches.model_fields, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise UnknownSwitchError(f"there is no switch {name!r}{hint}")
