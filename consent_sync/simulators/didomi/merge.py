"""How events become a status: choices merged by id, an absent or null choice never turned into false."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from consent_sync.simulators.didomi.wire import (
    ChannelEntry,
    ConsentsBody,
    JsonObject,
    PreferenceEntry,
    PurposeEntry,
    ValueEntry,
    Vendors,
)


@dataclass(slots=True)
class Choice:
    """What is held on one node: true, false, or none for "no choice made"."""

    enabled: bool | None = None
    metadata: JsonObject = field(default_factory=dict)


@dataclass(slots=True)
class PreferenceChoice(Choice):
    """A preference of API v1."""

    channels: dict[str, Choice] = field(default_factory=dict)


@dataclass(slots=True)
class Selection:
    """The chosen values of a preference; an empty selection is not the absence of one."""

    values: tuple[str, ...] = ()
    from_propagation: bool = False


@dataclass(slots=True)
class PurposeChoice(Choice):
    """A purpose and everything below it."""

    enabled_li: bool | None = None
    values: dict[str, Selection] = field(default_factory=dict)
    preferences: dict[str, PreferenceChoice] = field(default_factory=dict)
    channels: dict[str, Choice] = field(default_factory=dict)


@dataclass(slots=True)
class Consents:
    """The status of one user under one regulation."""

    channels: dict[str, Choice] = field(default_factory=dict)
    purposes: dict[str, PurposeChoice] = field(default_factory=dict)
    vendors: dict[str, bool] = field(default_factory=dict)
    vendors_li: dict[str, bool] = field(default_factory=dict)
    tcfcs: str | None = None


@dataclass(frozen=True, slots=True)
class Merger:
    """Merges partial choices into a status; `null_clears` makes an explicit null take a choice back."""

    null_clears: bool = False

    def fold(self, bodies: Iterable[ConsentsBody]) -> Consents:
        """Return the status that the bodies give, applied in their order."""
        held = Consents()
        for body in bodies:
            self.apply(held, body)
        return held

    def apply(self, held: Consents, body: ConsentsBody) -> None:
        """Merge one body into a status; what the body does not mention is left alone."""
        self._channels(held.channels, body.channels)
        for entry in body.purposes or ():
            self._purpose(held.purposes.setdefault(entry.id, PurposeChoice()), entry)
        if body.vendors is not None:
            _vendors(held, body.vendors)
        if body.tcfcs is not None:
            held.tcfcs = body.tcfcs

    def _choice(self, held: Choice, entry: ChannelEntry) -> None:
        held.enabled = self._decided(held.enabled, entry.enabled, entry, "enabled")
        held.metadata = {**held.metadata, **(entry.metadata or {})}

    def _decided(
        self, old: bool | None, new: bool | None, entry: ChannelEntry, name: str
    ) -> bool | None:
        explicit_null = self.null_clears and name in entry.model_fields_set
        return new if new is not None or explicit_null else old

    def _channels(self, held: dict[str, Choice], entries: list[ChannelEntry] | None) -> None:
        for entry in entries or ():
            self._choice(held.setdefault(entry.id, Choice()), entry)

    def _purpose(self, held: PurposeChoice, entry: PurposeEntry) -> None:
        self._choice(held, entry)
        held.enabled_li = self._decided(held.enabled_li, entry.enabled_li, entry, "enabled_li")
        for preference_id, value in (entry.values or {}).items():
            held.values[preference_id] = _selection(value)
        for preference in entry.preferences or ():
            self._preference(
                held.preferences.setdefault(preference.id, PreferenceChoice()), preference
            )
        self._channels(held.channels, entry.channels)

    def _preference(self, held: PreferenceChoice, entry: PreferenceEntry) -> None:
        self._choice(held, entry)
        self._channels(held.channels, entry.channels)


def _selection(entry: ValueEntry) -> Selection:
    return Selection(entry.selection(), bool(entry.from_propagation))


def _vendors(held: Consents, vendors: Vendors) -> None:
    for target, ids, enabled in (
        (held.vendors, vendors.enabled, True),
        (held.vendors, vendors.disabled, False),
        (held.vendors_li, vendors.enabled_li, True),
        (held.vendors_li, vendors.disabled_li, False),
    ):
        target.update(dict.fromkeys(ids or (), enabled))
