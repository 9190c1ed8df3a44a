"""How consents are shown: flat `values` (v2), nested `preferences` (v1), or the full configuration tree.

The full tree's exact shape is not published; here every configured node appears, with null where no choice was made.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from consent_sync.simulators.didomi.merge import (
    Choice,
    Consents,
    Merger,
    PreferenceChoice,
    PurposeChoice,
    Selection,
)
from consent_sync.simulators.didomi.organisation import Organisation, Preference, Purpose
from consent_sync.simulators.didomi.switches import EmptySelection, Shape
from consent_sync.simulators.didomi.wire import ConsentsBody, JsonObject, ValueEntry


@dataclass(frozen=True, slots=True)
class Rendering:
    """How to show consents of one organisation."""

    organisation: Organisation
    shape: Shape = "v2"
    empty_selection: EmptySelection = "empty_string"
    preferences_in_v2: bool = False
    """Whether v1 preferences that a v2 organisation accepted are shown beside the values."""

    def status(self, held: Consents) -> JsonObject:
        """Show a user's status; marks of propagation never appear here."""
        tree = self.shape == "full_tree"
        return {
            "channels": self._all_channels(held) if tree else _channels(held.channels),
            "purposes": self._tree(held) if tree else self._flat(held),
            "vendors": _vendors(held),
            "tcfcs": held.tcfcs,
        }

    def event(self, body: ConsentsBody) -> JsonObject:
        """Show an event's choices: only what was sent, except in the full tree."""
        if self.shape == "full_tree":
            return self.status(Merger().fold([body]))
        shown: JsonObject = body.model_dump(mode="json", exclude_unset=True)
        for entry, purpose in zip(
            _objects(shown.get("purposes")), body.purposes or (), strict=True
        ):
            if purpose.values is not None:
                entry["values"] = {
                    key: self._sent_value(value) for key, value in purpose.values.items()
                }
        return shown

    def _sent_value(self, entry: ValueEntry) -> JsonValue:
        shown = self._value(Selection(entry.selection()))
        if entry.from_propagation is not None:
            shown["from_propagation"] = entry.from_propagation
        return shown

    def _value(self, selection: Selection) -> JsonObject:
        if selection.values:
            return {"value": ",".join(selection.values)}
        empty: dict[EmptySelection, JsonObject] = {
            "empty_string": {"value": ""},
            "absent": {},
            "null": {"value": None},
        }
        return empty[self.empty_selection]

    def _values(self, held: PurposeChoice) -> JsonObject:
        return {key: self._value(selection) for key, selection in held.values.items()}

    def _flat(self, held: Consents) -> list[JsonValue]:
        return [self._flat_purpose(key, purpose) for key, purpose in held.purposes.items()]

    def _flat_purpose(self, purpose_id: str, held: PurposeChoice) -> JsonObject:
        shown = _choice(purpose_id, held)
        if held.enabled_li is not None:
            shown["enabled_li"] = held.enabled_li
        if self.shape == "v2" and held.values:
            shown["values"] = self._values(held)
        if held.preferences and (self.shape == "v1" or self.preferences_in_v2):
            shown["preferences"] = [_preference(*item) for item in held.preferences.items()]
        if held.channels:
            shown["channels"] = _channels(held.channels)
        return shown

    def _all_channels(self, held: Consents) -> list[JsonValue]:
        return _channels(_with_missing(held.channels, self.organisation.channels))

    def _tree(self, held: Consents) -> list[JsonValue]:
        configured = {item.id: item for item in self.organisation.purposes if not item.retired}
        unknown = [key for key in held.purposes if key not in configured]
        return [
            self._tree_purpose(key, configured.get(key), held.purposes.get(key, PurposeChoice()))
            for key in [*configured, *unknown]
        ]

    def _tree_purpose(
        self, purpose_id: str, configured: Purpose | None, held: PurposeChoice
    ) -> JsonObject:
        ids = dict.fromkeys(configured.preferences if configured else ())
        ids.update(dict.fromkeys([*held.preferences, *held.values]))
        preferences: list[JsonValue] = [
            _tree_preference(key, self.organisation.preference(key), held) for key in ids
        ]
        return {
            **_choice(purpose_id, held),
            "enabled_li": held.enabled_li,
            "values": self._values(held),
            "preferences": preferences,
            "channels": _channels(held.channels),
        }


def _tree_preference(
    preference_id: str, configured: Preference | None, purpose: PurposeChoice
) -> JsonObject:
    held = purpose.preferences.get(preference_id, PreferenceChoice())
    selection = purpose.values.get(preference_id)
    chosen = selection.values if selection else ()
    known = dict.fromkeys([*(configured.values if configured else ()), *chosen])
    values: list[JsonValue] = [
        {"id": key, "enabled": None if selection is None else key in chosen} for key in known
    ]
    channels = _with_missing(held.channels, configured.channels if configured else ())
    return {
        **_choice(preference_id, held),
        "values": values,
        "channels": _channels(channels),
    }


def _choice(node_id: str, held: Choice) -> JsonObject:
    shown: JsonObject = {"id": node_id, "enabled": held.enabled}
    if held.metadata:
        shown["metadata"] = held.metadata
    return shown


def _channels(held: Mapping[str, Choice]) -> list[JsonValue]:
    return [_choice(key, channel) for key, channel in held.items()]


def _preference(preference_id: str, held: PreferenceChoice) -> JsonObject:
    shown = _choice(preference_id, held)
    if held.channels:
        shown["channels"] = _channels(held.channels)
    return shown


def _with_missing(held: Mapping[str, Choice], configured: Iterable[str]) -> dict[str, Choice]:
    return {**{key: Choice() for key in configured}, **held}


def _vendors(held: Consents) -> JsonObject:
    shown: JsonObject = {
        "enabled": _with_choice(held.vendors, True),
        "disabled": _with_choice(held.vendors, False),
    }
    if held.vendors_li:
        shown["enabled_li"] = _with_choice(held.vendors_li, True)
        shown["disabled_li"] = _with_choice(held.vendors_li, False)
    return shown


def _with_choice(vendors: Mapping[str, bool], wanted: bool) -> list[JsonValue]:
    return [key for key, enabled in vendors.items() if enabled is wanted]


def _objects(value: JsonValue) -> list[JsonObject]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
