"""Reads Didomi's `consents`, in all its shapes, as one tree of choices.

Pages: "Consent event schema", "Users schema" (v1, v2 and `$include_full_tree`).
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from consent_sync.adapters.didomi.models import Channel, Consents, Preference, Purpose
from consent_sync.domain.consent import Choice, ConsentTree, Node, Pick
from consent_sync.domain.moments import OPEN, Micros

Nodes = dict[Node, Choice]
Picks = dict[Pick, frozenset[str]]

_NONE: Final[frozenset[str]] = frozenset()
_SHORT: Final = 200


def consent_tree(consents: Consents | None) -> ConsentTree:
    """Return the choices that `consents` makes; a place named twice with different words is denied."""
    nodes: Nodes = {}
    picks: Picks = {}
    if consents is not None:
        _read_channels(nodes, consents.channels, Node())
        for purpose in consents.purposes or ():
            # Without its id a purpose's channel would read as a channel of its own.
            if purpose["id"]:
                _read_purpose(nodes, picks, purpose)
    return ConsentTree(nodes, picks)


def merged(trees: Iterable[tuple[Micros | None, ConsentTree]]) -> ConsentTree:
    """Return one tree of several dated ones: per place the newest word, of equally new ones the no.

    Of equally new lists only what all of them hold counts. A tree without a date is the oldest.
    """
    nodes: dict[Node, tuple[Micros, Choice]] = {}
    picks: dict[Pick, tuple[Micros, frozenset[str]]] = {}
    for dated, tree in trees:
        date = OPEN if dated is None else dated
        for node, choice in tree.nodes.items():
            at, held = nodes.get(node, (date, choice))
            nodes[node] = (date, choice) if date > at else (at, held)
            if date == at and choice is Choice.DENIED:
                nodes[node] = (date, choice)
        for pick, options in tree.picks.items():
            at, whole = picks.get(pick, (date, options))
            if date >= at:
                picks[pick] = (date, options if date > at else whole & options)
    return ConsentTree(
        {node: choice for node, (_, choice) in nodes.items()},
        {pick: options for pick, (_, options) in picks.items()},
    )


def options_in(text: str) -> frozenset[str]:
    """Return the ids in a comma-separated text."""
    return _few_options(text) if len(text) <= _SHORT else _split(text)


def _split(text: str) -> frozenset[str]:
    return frozenset([part for piece in text.split(",") if (part := piece.strip())])


# The same few lists come with every event.
_few_options: Final = lru_cache(maxsize=1_000)(_split)


def _read_purpose(nodes: Nodes, picks: Picks, purpose: Purpose) -> None:
    name = purpose["id"]
    _put(nodes, Node(name), purpose.get("enabled"))
    if channels := purpose.get("channels"):
        _read_channels(nodes, channels, Node(name))
    for preference in purpose.get("preferences") or ():
        if preference["id"]:
            _read_preference(nodes, picks, name, preference)
    if values := purpose.get("values"):
        for key, chosen in values.items():
            if key:
                # A list that is there but empty or null was sent empty; see ConsentTree.
                text = chosen.get("value") if chosen else None
                _pick(picks, Pick(name, key), options_in(text) if text else _NONE)


def _read_preference(nodes: Nodes, picks: Picks, purpose: str, preference: Preference) -> None:
    here = Node(purpose, preference["id"])
    _put(nodes, here, preference.get("enabled"))
    _read_channels(nodes, preference.get("channels"), here)
    # A full tree lists every preference, so null here means that nothing was chosen yet.
    options = _options(preference.get("value"))
    if options is None:
        options = _options(preference.get("values"))
    if options is not None:
        _pick(picks, Pick(purpose, preference["id"]), options)


def _read_channels(nodes: Nodes, channels: Sequence[Channel] | None, above: Node) -> None:
    for channel in channels or ():
        if channel["id"]:
            node = Node(above.purpose, above.preference, channel=channel["id"])
            _put(nodes, node, channel.get("enabled"))


def _put(nodes: Nodes, node: Node, enabled: bool | None) -> None:
    if enabled is not None and nodes.get(node) is not Choice.DENIED:
        nodes[node] = Choice.GRANTED if enabled else Choice.DENIED


def _pick(picks: Picks, pick: Pick, options: frozenset[str]) -> None:
    held = picks.get(pick)
    picks[pick] = options if held is None else held & options


def _options(raw: object) -> frozenset[str] | None:
    """Return what a full tree's `value` or `values` chooses, None when it makes no choice.

    A text lists ids. An array holds ids, or objects with `id` and `enabled`. An object is
    `{"value": text}`.
    """
    if isinstance(raw, str):
        return options_in(raw)
    if isinstance(raw, dict):
        return _options(raw.get("value"))
    if not isinstance(raw, list):
        return None
    told = [item for item in raw if isinstance(item, str) or _has_choice(item)]
    if not told:
        return None
    chosen = (item if isinstance(item, str) else item["id"] for item in told if _chosen(item))
    return frozenset(name for name in chosen if isinstance(name, str) and name)


def _has_choice(item: object) -> bool:
    return isinstance(item, dict) and isinstance(item.get("enabled"), bool) and "id" in item


def _chosen(item: object) -> bool:
    return item["enabled"] is True if isinstance(item, dict) else True
