"""What is not certain about the platform, one switch each; the defaults are the best reading of its documentation."""

from difflib import get_close_matches
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson
from pydantic import BaseModel, ConfigDict, Field, field_validator

Status = Annotated[int, Field(ge=400, le=499)]
Milliseconds = Annotated[int, Field(ge=0, le=3_600_000)]
Right = Literal["read_write", "read", "none"]
Module = Literal["entities", "structure", "profiles", "webhooks", "imports"]


class Switches(BaseModel):
    """Every switch of the simulated platform; assignments are checked."""

    model_config = ConfigDict(
        extra="forbid", validate_assignment=True, use_attribute_docstrings=True
    )

    # Paths
    path_style: Literal["prefixed", "unprefixed", "both"] = "prefixed"
    """Whether URLs carry a category before the version, must not, or may; a wrong one gives 404."""
    profiles_prefix: str = "profiles"
    """Category of profile data URLs; not seen in writing, so it may be anything, also empty."""
    structure_prefix: str = "profile-table-structure"
    """Category of table structure URLs."""
    entities_prefix: str = "entities"
    """Category of entity URLs."""
    webhooks_prefix: str = "webhooks"
    """Category of webhook management URLs."""
    imports_prefix: str = "mass-imports"
    """Category of import URLs."""

    # Imports
    imports_per_day: int = Field(default=12, ge=0)
    """Imports into one table a day (UTC); one more gives 429; 0 is no limit."""
    import_seconds: float = Field(default=0, ge=0)
    """How long an import shows as running."""

    # Token and rights
    token_seconds: float = Field(default=900, gt=0)
    """Life of an access token in seconds."""
    expires_in: Literal["text", "number"] = "text"
    """Whether `expiresIn` is the text "900s" or the number 900."""
    new_token_kills_old: bool = False
    """Whether asking for a token ends the ones given before."""
    unauthorized_every: int = Field(default=0, ge=0)
    """Every n-th call with a token gets 401 and all tokens end; 0 is never."""
    rights: dict[Module, Right] = {}
    """Rights of the API key per module; a module that is not named may be read and written."""
    hide_403_as_404: bool = False
    """Whether a missing right is answered with 404 instead of 403."""
    hide_401_as_404: bool = False
    """Whether a missing or expired token is answered with 404 instead of 401."""

    # Profile writes
    post_answer: Literal["200_body", "201_location", "204"] = "200_body"
    """Answer of a V4 POST and of the V5 PUT: 200 with `profileId`, 201 with `Location` only, or 204."""
    put_answer: Literal["200_body", "200_empty", "204"] = "200_body"
    """Answer of a V4 PUT of a known profile."""
    bodiless_answer: Literal["204", "200_empty", "200_text"] = "204"
    """Answer of a deletion and of a single subscribe or unsubscribe."""
    profile_id_type: Literal["number", "text"] = "number"
    """Type of `profileId` in the answer of a write."""
    allow_update_default: bool = True
    """What a V4 POST without `allowUpdate` means."""
    existing_profile_answer: Status = 409
    """Status of a POST with `allowUpdate=false` when the profile exists; the other reading is 400."""
    key_conflict_answer: Status = 409
    """Status when unique values in one body belong to different profiles; the other reading is 400."""
    mandatory_attributes: tuple[str, ...] = ()
    """Attributes that are mandatory besides those that the table says are; missing on creation gives 400."""
    null_clears: bool = True
    """Whether a null value on an update clears the attribute; otherwise it is kept."""
    keys_ignore_case: bool = False
    """Whether unique values match without regard to letter case."""
    require_collection_information: bool = False
    """Whether `dataCollectionInformation` is mandatory in bodies of profile writes."""
    collection_date: Literal["plain", "any"] = "plain"
    """Whether its `date` must look like `yyyy-MM-dd HH:mm:ss`, the only form seen."""
    repeat_subscription: Literal["accepted", "404", "409"] = "accepted"
    """Answer of a single subscribe or unsubscribe that changes nothing."""

    # Profile answers
    never_set_subscriptions: Literal["absent", "false"] = "absent"
    """How a subscription that was never set appears in answers."""
    answer_values: Literal["text", "native"] = "text"
    """Whether attribute values in answers, and ids in webhooks, are texts or native JSON."""
    time_format: Literal["plain", "iso"] = "plain"
    """Moments as `yyyy-MM-dd HH:mm:ss`, or as ISO 8601 with offset."""
    time_zone: str = "Europe/Brussels"
    """Zone of moments in answers, and of moments without a zone in bodies."""
    structure_subscriptions: Literal["objects", "texts", "absent"] = "objects"
    """How the table structure lists subscriptions."""
    error_body: Literal["empty", "json", "html"] = "empty"
    """Body of refusals."""
    check_accept: bool = True
    """Whether an `Accept` header without JSON gives 406."""

    # Limits
    max_concurrent_calls: int = Field(default=5, ge=0)
    """The call beyond this many at one moment gets 429; 0 is no limit."""
    calls_per_minute: int = Field(default=100, ge=0)
    """Calls beyond this many in a minute are slowed; 0 is no limit."""
    over_minute: Literal["slow", "hang"] = "slow"
    """Slow calls down by `slow_step_ms` for each excess call, or by a full minute at once."""
    slow_step_ms: Milliseconds = 50
    """How much slower each excess call gets."""
    slow_max_ms: Milliseconds = 30_000
    """The slowest a call gets."""
    retry_after: int | None = Field(default=None, ge=0)
    """Seconds in a `Retry-After` header of 429 answers; none sends no header."""
    latency_ms: Milliseconds = 0
    """Time that every call takes, at least."""

    # What fires a webhook
    api_writes_fire: Literal["changes", "never", "always"] = "changes"
    """Whether API writes fire webhooks: when something changed, never, or even without a change."""
    creation_fires_subscriptions: bool = True
    """Whether a profile created with subscriptions fires UPDATED_SUBSCRIPTION besides CREATE."""
    subscriptions_fire_update: bool = False
    """Whether a change of subscriptions alone fires UPDATE too."""
    deletion_fires: bool = True
    """Whether DELETE events exist."""

    # What a webhook says
    envelope: Literal["table", "linked", "bare"] = "table"
    """One event: `tableId` and `data`; `id`, `data` and `_links`; or the content of `data` alone."""
    bulk_shape: Literal["array", "data_array"] = "array"
    """Several events: an array of events, or one envelope whose `data` is an array."""
    push_type: Literal["registered", "ONE_BY_ONE", "BULK"] = "registered"
    """Push as each webhook asks, or always in one way as if the field had been ignored."""
    subscription_values: Literal["text", "boolean", "number", "digit_text", "upper_text"] = "text"
    """"true", true, 1, "1" or "TRUE"."""
    payload_unique_attributes: bool = False
    """Whether the row's unique attributes come along."""
    payload_other_changes: bool = False
    """Whether attributes changed in the same operation come along with subscriptions, and the reverse."""
    on_fields: Literal["filter", "filter_and_content"] = "filter"
    """Whether `onFields` only says which operations fire, or also which fields are sent."""
    one_event_per_subscription: bool = False
    """Whether an operation that changes several subscriptions fires one event for each."""

    # How webhooks travel
    webhook_retries: int = Field(default=0, ge=0, le=100)
    """How often a failed delivery is tried again."""
    webhook_retry_delay_ms: Milliseconds = 1000
    """Pause before each retry."""
    webhook_timeout_ms: Annotated[int, Field(ge=1, le=600_000)] = 10_000
    """How long a receiver may take to answer."""
    webhook_duplicate_chance: float = Field(default=0, ge=0, le=1)
    """Probability that a delivery that succeeded is sent once more."""
    webhook_loss_chance: float = Field(default=0, ge=0, le=1)
    """Probability that an event vanishes without a trace."""
    webhook_order: Literal["shuffled", "strict"] = "shuffled"
    """Events of one window in any order, or all in the order of the changes, one at a time."""
    webhook_window_ms: Milliseconds = 20
    """How long events are collected before they leave together."""
    webhook_concurrency: int = Field(default=4, ge=1, le=1000)
    """Deliveries under way at one moment."""
    webhook_hold: bool = False
    """Keep events back until they are flushed by hand."""
    deactivate_after: int = Field(default=0, ge=0)
    """Consecutive failures after which a webhook's `isActive` becomes false; 0 is never."""

    # How webhooks are managed
    webhook_create_answer: Literal[200, 201] = 200
    """Status of a created webhook; the body holds its `id`."""
    webhook_list_shape: Literal["array", "object"] = "array"
    """The list as an array, or as an object with `webhookSubscriptions`."""
    require_https_targets: bool = False
    """Whether a `targetUrl` without HTTPS is refused, as the real platform does."""

    # The simulator itself
    call_log: bool = True
    """Whether calls and deliveries are recorded; off, only counters are kept."""

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"{value!r} is not a known time zone") from error
        return value

    @field_validator("profiles_prefix", "structure_prefix", "entities_prefix", "webhooks_prefix")
    @classmethod
    def _plain_prefix(cls, value: str) -> str:
        return value.strip("/")

    def change(self, changes: dict[str, object]) -> None:
        """Set several switches at once, all or none; raises pydantic's ValidationError or `UnknownSwitchError`."""
        _refuse_unknown(changes)
        fresh = type(self).model_validate({**self.model_dump(), **changes})
        for name in changes:
            setattr(self, name, getattr(fresh, name))

    @classmethod
    def from_words(cls, words: list[str]) -> Self:
        """Read `switch=value` words as a command line gives them; values are JSON or plain text."""
        values = {}
        for word in words:
            name, equals, text = word.partition("=")
            if not equals:
                raise UnknownSwitchError(f"found {word!r}, expected switch=value")
            values[name] = _read(text)
        _refuse_unknown(values)
        return cls.model_validate(values)


class UnknownSwitchError(ValueError):
    """A switch that does not exist; the message names the nearest one that does."""


def _refuse_unknown(names: dict[str, object]) -> None:
    for name in names:
        if name not in Switches.model_fields:
            near = get_close_matches(name, Switches.model_fields, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise UnknownSwitchError(f"there is no switch {name!r}{hint}")


def _read(text: str) -> object:
    """Read JSON, and what is no JSON as text, so that `envelope=linked` needs no quotes."""
    try:
        value: object = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    return value
