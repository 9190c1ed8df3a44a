"""A mapping: which Didomi node pairs with which Actito subscription, and what may flow."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

from consent_sync.domain.consent import Node
from consent_sync.domain.identity import Normalise


class SyncMode(StrEnum):
    """Which way a line flows; each word is explained in docs/reference/mapping-file.md."""

    TWO_WAY = "two-way"
    TWO_WAY_STRICT = "two-way-strict"
    TO_ACTITO = "to-actito"
    TO_DIDOMI = "to-didomi"
    OFF = "off"


class CreateFor(StrEnum):
    """Which choices may create an Actito profile when upsert mode is on."""

    ANY = "any"
    GRANTED = "granted"


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a mapping: a Didomi node paired with one Actito subscription.

    `inverted` means: agreeing in Didomi is *not* being subscribed in Actito.
    `line_number` is where it stands in its file, counted from 1. `shape` is what the line pairs
    with its subscription: a line of another shape starts from nothing known. Otherwise turning
    `inverted` round in the file would read as everybody changing their mind.
    """

    id: str
    node: Node
    sync: SyncMode = SyncMode.TWO_WAY
    inverted: bool = False
    line_number: int = 0
    shape: str = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        shape = ("-" if self.inverted else "+") + "/".join(self.node)
        object.__setattr__(self, "shape", shape)


@dataclass(frozen=True, slots=True)
class AttributeRules:
    """Which keys of the Didomi user's metadata become profile attributes, and under which names.

    `allow` None lets every key pass that `deny` does not name.
    """

    allow: frozenset[str] | None = None
    deny: frozenset[str] = frozenset()
    rename: dict[str, str] = field(default_factory=dict)


class Place(NamedTuple):
    """Where the people of a mapping are on each side; empty = not known."""

    didomi: str = ""
    actito: str = ""


NOWHERE: Final = Place()
"""The place of a person about whom nothing is known yet."""


@dataclass(frozen=True, slots=True)
class Mapping:
    """One mapping file, valid and resolved. `version` is the hash of its content."""

    name: str
    version: str
    file: str
    contact: str
    organization_id: str
    regulations: tuple[str, ...]
    entity: str
    table: str
    key_attribute: str
    lines: tuple[Line, ...]
    upsert_mode: bool = False
    enable_webhooks: bool = True
    create_for: CreateFor = CreateFor.ANY
    create_in_didomi: bool = False
    normalise: Normalise = Normalise.NONE
    attributes: AttributeRules = field(default_factory=AttributeRules)
    account: str = ""
    place: Place = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        actito = "/".join((self.entity, self.table, self.key_attribute))
        object.__setattr__(self, "place", Place(self.organization_id, actito))
