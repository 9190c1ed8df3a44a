"""The tree of a mapping file: every key and value knows the place where it stands."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from consent_sync.adapters.mapping_files.problems import Place, shown


class Kind(StrEnum):
    """What YAML reads a single value as."""

    TEXT = "text"
    TRUTH = "truth"
    NUMBER = "number"
    DATE = "date"
    NOTHING = "nothing"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value as it was written; REFUSED marks one that was already complained about.

    `plain` says that it stands there without quotes.
    """

    place: Place
    kind: Kind
    text: str = ""
    plain: bool = False


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    place: Place
    items: list["Tree"] = field(default_factory=list)


class Entry(NamedTuple):
    """A key's own place, and its value."""

    place: Place
    value: "Tree"


@dataclass(frozen=True, slots=True)
class Keys:
    """A block of keys."""

    place: Place
    entries: dict[str, Entry] = field(default_factory=dict)


Tree = Scalar | Items | Keys


def line_text(lines: list[str], place: Place) -> str:
    """Return the line at that place as it is shown; empty for the file as a whole."""
    return shown(lines[place.line - 1]) if 0 < place.line <= len(lines) else ""


def in_words(tree: Tree) -> str:
    """Say what a value is, as the person who wrote it sees it."""
    if isinstance(tree, Items):
        return "a list"
    if isinstance(tree, Keys):
        return "a block of keys"
    if tree.kind is Kind.NOTHING:
        return "nothing"
    if tree.kind is Kind.TRUTH:
        return f"`{tree.text}`"
    return f"the {tree.kind} `{shown(tree.text)}`"
