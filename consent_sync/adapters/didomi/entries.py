"""Writes choices as Didomi's `consents`, each purpose, preference and channel as one entry.

Pages: "Create consent event", "Consent event schema".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from consent_sync.domain.consent import Choice, Node, Pick

Json = dict[str, object]


@dataclass(slots=True)
class _Entry:
    """A purpose or preference while its parts are gathered; without a choice it has no `enabled`."""

    enabled: bool | None = None
    channels: dict[str, bool] = field(default_factory=dict)
    preferences: dict[str, "_Entry"] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)

    def json(self, name: str) -> Json:
        entry: Json = {"id": name}
        if self.enabled is not None:
            entry["enabled"] = self.enabled
        if self.values:
            entry["values"] = {key: {"value": value} for key, value in self.values.items()}
        if self.preferences:
            entry["preferences"] = [part.json(key) for key, part in self.preferences.items()]
        if self.channels:
            entry["channels"] = _channels(self.channels)
        return entry


def consents_json(
    nodes: Mapping[Node, Choice], picks: Mapping[Pick, tuple[str, ...]]
) -> dict[str, list[Json]]:
    """Return the `consents` object; a choice NONE is never written, vendors are left out.

    Options travel in whole lists (`picks`); raise ValueError for one without its list.
    """
    root = _Entry()
    purposes: dict[str, _Entry] = {}
    for node, choice in nodes.items():
        if node.option:
            if Pick(node.purpose, node.preference) not in picks:
                raise ValueError("an option is written with the whole list of its preference")
        elif choice is not Choice.NONE:
            _set(root, purposes, node, choice is Choice.GRANTED)
    for pick, options in picks.items():
        entry = purposes.setdefault(pick.purpose, _Entry())
        entry.values[pick.preference] = ",".join(options)
    found = {
        "channels": _channels(root.channels),
        "purposes": [entry.json(name) for name, entry in purposes.items()],
    }
    return {name: entries for name, entries in found.items() if entries}


def _set(root: _Entry, purposes: dict[str, _Entry], node: Node, granted: bool) -> None:
    entry = purposes.setdefault(node.purpose, _Entry()) if node.purpose else root
    if node.preference:
        entry = entry.preferences.setdefault(node.preference, _Entry())
    if node.channel:
        entry.channels[node.channel] = granted
    else:
        entry.enabled = granted


def _channels(channels: dict[str, bool]) -> list[Json]:
    return [{"id": name, "enabled": enabled} for name, enabled in channels.items()]
