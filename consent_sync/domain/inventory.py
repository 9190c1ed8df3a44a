"""What exists on the two platforms beside what a mapping names: what is lacking, what is new."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from collections.abc import Mapping as MappingView
from dataclasses import dataclass, replace
from typing import NamedTuple

from consent_sync.domain.consent import Node
from consent_sync.domain.identity import Side
from consent_sync.domain.mapping import Line, Mapping
from consent_sync.domain.profile import TableStructure


@dataclass(frozen=True, slots=True)
class Inventory:
    """What both platforms list for one mapping; None where a platform does not say.

    `tables` are the names of all profile tables, `table` is the mapping's own, None when it is not
    among them. `preferences` maps each to its values. `unasked` says per side why it could not be
    asked at all.
    """

    tables: frozenset[str] | None = None
    table: TableStructure | None = None
    purposes: frozenset[str] | None = None
    preferences: MappingView[str, frozenset[str]] | None = None
    regulations: frozenset[str] | None = None
    unasked: tuple[tuple[Side, str], ...] = ()

    @property
    def subscriptions(self) -> frozenset[str] | None:
        """The table's subscriptions; None where they are not listed."""
        return self.table.subscriptions if self.table is not None else None


class Lack(NamedTuple):
    """Something that a line names and a platform does not have; `part` is the key that names it."""

    side: Side
    part: str
    name: str
    known: frozenset[str]

    @property
    def words(self) -> str:
        """Say what is lacking, as part of a sentence."""
        what = {"id": "subscription", "option": "value"}.get(self.part, self.part)
        where = "Actito" if self.side is Side.ACTITO else "Didomi"
        return f"the {what} `{self.name}`, which {where} does not have"


@dataclass(frozen=True, slots=True)
class Newcomers:
    """What exists and is in no mapping."""

    subscriptions: tuple[str, ...] = ()
    places: tuple[Node, ...] = ()

    def __len__(self) -> int:
        return len(self.subscriptions) + len(self.places)


def lacks(line: Line, inventory: Inventory) -> Iterator[Lack]:
    """Yield what the line names and does not exist, as far as the platforms say.

    An empty list says nothing: it is what a key without rights sees.
    """
    node = line.node
    if inventory.subscriptions and line.id not in inventory.subscriptions:
        yield Lack(Side.ACTITO, "id", line.id, inventory.subscriptions)
    if inventory.purposes and node.purpose and node.purpose not in inventory.purposes:
        yield Lack(Side.DIDOMI, "purpose", node.purpose, inventory.purposes)
    preferences = inventory.preferences
    if not preferences or not node.preference:
        return
    if node.preference not in preferences:
        yield Lack(Side.DIDOMI, "preference", node.preference, frozenset(preferences))
    elif node.option and (values := preferences[node.preference]) and node.option not in values:
        yield Lack(Side.DIDOMI, "option", node.option, values)


def table_of(mapping: Mapping) -> tuple[str, str, str]:
    """Return what makes two mappings speak of the same profile table."""
    return mapping.account.casefold(), mapping.entity, mapping.table


def organization_of(mapping: Mapping) -> tuple[str, str]:
    """Return what makes two mappings speak of the same Didomi organisation."""
    return mapping.account.casefold(), mapping.organization_id


def newcomers(
    mappings: Iterable[Mapping], found: MappingView[str, Inventory]
) -> dict[str, Newcomers]:
    """Return what no mapping names, by the mapping it is told to: the first by name.

    Subscriptions are told to a mapping of their table, places to one of their organisation. A
    preference belongs to the purpose that a mapping puts it under; one that is nowhere yet is told
    value by value, without a purpose.
    """
    tables: defaultdict[tuple[str, str, str], list[Mapping]] = defaultdict(list)
    homes: defaultdict[tuple[str, str], list[Mapping]] = defaultdict(list)
    told: dict[str, Newcomers] = {}
    for mapping in sorted(mappings, key=lambda one: one.name):
        tables[table_of(mapping)].append(mapping)
        homes[organization_of(mapping)].append(mapping)
        told[mapping.name] = Newcomers()
    for table in tables.values():
        first = table[0].name
        mapped = {line.id for one in table for line in one.lines}
        new = {*(found[first].subscriptions or ())} - mapped
        told[first] = replace(told[first], subscriptions=tuple(sorted(new)))
    for home in homes.values():
        first = home[0].name
        nodes = {line.node for one in home for line in one.lines}
        places = sorted(set(_places(nodes, found[first])))
        told[first] = replace(told[first], places=tuple(places))
    return told


def _places(mapped: set[Node], inventory: Inventory) -> Iterator[Node]:
    purposes = {node.purpose for node in mapped}
    yield from (Node(name) for name in {*(inventory.purposes or ())} - purposes)
    homes = {node.preference: node.purpose for node in mapped if node.preference}
    options = {(node.preference, node.option) for node in mapped if node.option}
    for preference, values in (inventory.preferences or {}).items():
        home = homes.get(preference, "")
        if not values and preference not in homes:
            yield Node(home, preference)
        if home and not any(name == preference for name, _ in options):
            continue  # mapped as a whole, as older organisations have it
        yield from (
            Node(home, preference, value) for value in values if (preference, value) not in options
        )
