"""What a platform lacks that a line names, and what it has that no mapping names."""

import pytest

from consent_sync.domain.consent import Node
from consent_sync.domain.identity import Side
from consent_sync.domain.inventory import Inventory, Newcomers, lacks, newcomers
from consent_sync.domain.mapping import SyncMode
from consent_sync.domain.profile import TableStructure
from tests.doubles.mappings import EMAIL, MARKETING, SPORT, a_line, a_mapping

FULL = Inventory(
    tables=frozenset({"Customers"}),
    table=TableStructure("21", "Customers", {}, frozenset({"Newsletter", "Other"})),
    purposes=frozenset({"marketing", "ads"}),
    preferences={"topics": frozenset({"sport", "news"}), "deals": frozenset()},
)
EMPTY = Inventory(
    table=TableStructure("21", "Customers", {}, frozenset()),
    purposes=frozenset(),
    preferences={},
)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (a_line(), []),
        (a_line("Newsleter"), [(Side.ACTITO, "id", "Newsleter")]),
        (a_line(node=Node("marketng")), [(Side.DIDOMI, "purpose", "marketng")]),
        (a_line(node=Node("ads", "topic", "x")), [(Side.DIDOMI, "preference", "topic")]),
        (a_line(node=Node("ads", "topics", "x")), [(Side.DIDOMI, "option", "x")]),
        (a_line(node=Node("ads", "deals", "x")), []),
        (a_line(node=Node(channel="smoke")), []),
        (
            a_line("X", Node("y", "z")),
            [(Side.ACTITO, "id", "X"), (Side.DIDOMI, "purpose", "y"), (Side.DIDOMI, "preference", "z")],
        ),
    ],
)  # fmt: skip
def test_what_a_line_names_and_nobody_has(line: object, expected: list[object]) -> None:
    """Each part is looked for on its own; channels are listed nowhere."""
    found = lacks(line, FULL)  # type: ignore[arg-type]  # the table holds lines

    assert [(one.side, one.part, one.name) for one in found] == expected


@pytest.mark.parametrize("inventory", [Inventory(), EMPTY])
def test_silence_and_empty_lists_say_nothing(inventory: Inventory) -> None:
    """A key without rights sees nothing, and nothing has vanished for it."""
    assert list(lacks(a_line("X", Node("y", "z", "o")), inventory)) == []
    assert newcomers([a_mapping()], {"brand-a": inventory}) == {"brand-a": Newcomers()}


def test_what_is_in_no_mapping_is_new() -> None:
    """Subscriptions, purposes, and values below the purpose that a mapping puts them under."""
    mapping = a_mapping(a_line("Newsletter", SPORT))
    found = newcomers([mapping], {"brand-a": FULL})["brand-a"]

    assert found.subscriptions == ("Other",)
    assert found.places == (Node("", "deals"), Node("ads"), Node("marketing", "topics", "news"))


def test_line_that_is_off_is_mapped() -> None:
    """Somebody has decided about it."""
    mapping = a_mapping(a_line("Other", Node("ads"), SyncMode.OFF), a_line("Newsletter", MARKETING))
    found = newcomers([mapping], {"brand-a": FULL})["brand-a"]

    assert found.subscriptions == ()
    assert Node("ads") not in found.places


def test_newcomer_is_told_to_one_mapping_only() -> None:
    """Two mappings of one table or organisation share what they map, and one of them hears of it."""
    first = a_mapping(a_line("Newsletter", EMAIL), name="a")
    second = a_mapping(a_line("Other", MARKETING), name="b", table="Members")
    found = newcomers([second, first], {"a": FULL, "b": FULL})
    told, silent = found["a"], found["b"]

    assert told.subscriptions == ("Other",)
    assert Node("marketing") not in told.places
    assert Node("ads") in told.places
    assert silent.places == ()
    assert silent.subscriptions == ("Newsletter",)
