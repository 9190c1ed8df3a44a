"""Metadata as attributes: what passes, how the table types it, and what is left out and why."""

import pytest

from consent_sync.domain.attributes import attributes_from, fit, missing_mandatory
from consent_sync.domain.mapping import AttributeRules
from consent_sync.domain.profile import Scalar, TableAttribute, TableStructure


def table(*attributes: TableAttribute) -> TableStructure:
    return TableStructure("21", "Customers", {one.name: one for one in attributes})


@pytest.mark.parametrize(
    ("rules", "passes"),
    [
        (AttributeRules(), {"tier": "gold", "shoe": 43, "vip": True}),
        (AttributeRules(allow=frozenset({"tier"})), {"tier": "gold"}),
        (AttributeRules(deny=frozenset({"shoe"})), {"tier": "gold", "vip": True}),
        (
            AttributeRules(rename={"tier": "loyaltyTier"}),
            {"loyaltyTier": "gold", "shoe": 43, "vip": True},
        ),
        (AttributeRules(rename={"tier": "profileId"}), {"shoe": 43, "vip": True}),
    ],
)
def test_the_file_says_what_passes(rules: AttributeRules, passes: dict[str, Scalar]) -> None:
    """Allowed, denied and renamed as written; blank, the key and system attributes never pass."""
    metadata: dict[str, Scalar] = {
        "tier": "gold",
        "shoe": 43,
        "vip": True,
        "blank": "  ",
        "customerId": "X",
    }

    assert attributes_from(metadata, rules, "customerId") == passes


@pytest.mark.parametrize(
    ("value_type", "value", "typed"),
    [
        ("STRING", 43, "43"),
        ("STRING", True, "true"),
        ("INTEGER", "43", 43),
        ("INTEGER", "4.3", None),
        ("LONG", "x", None),
        ("NUMBER", "4.5", 4.5),
        ("NUMBER", "4,5", None),
        ("BOOLEAN", "TRUE", True),
        ("BOOLEAN", 0, False),
        ("BOOLEAN", "maybe", None),
        ("DATE", "2026-01-15T10:00:00", "2026-01-15"),
        ("DATE", "15/01/2026", None),
        ("TIMESTAMP", "2026-01-15T10:00:00Z", "2026-01-15 10:00:00"),
        ("TIMESTAMP", "soon", None),
    ],
)
def test_the_table_types_a_value(value_type: str, value: Scalar, typed: Scalar | None) -> None:
    """A value is sent as the table types it, or not at all."""
    fitted = fit({"x": value}, table(TableAttribute("x", value_type)))

    assert fitted.values.get("x") == typed
    assert ("x" in fitted.dropped) is (typed is None)


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        (TableAttribute("x", max_length=3), "abcd"),
        (TableAttribute("x", min_length=3), "ab"),
        (TableAttribute("x", accepted_values=frozenset({"a"})), "b"),
        (TableAttribute("x"), "a" * 256),
        (TableAttribute("x", multi_valued=True), "a"),
        (TableAttribute("y"), "a"),
    ],
)
def test_what_does_not_fit_is_left_out_with_a_reason(attribute: TableAttribute, value: str) -> None:
    """Length, accepted values, lists and unknown names: left out, with a reason without the value."""
    fitted = fit({"x": value}, table(attribute))

    assert fitted.values == {}
    assert value not in fitted.dropped["x"].split()


def test_a_new_profile_needs_every_mandatory_attribute() -> None:
    """What nobody has told is named; what Actito makes itself is not asked for."""
    structure = table(
        TableAttribute("profileId", mandatory=True),
        TableAttribute("lastName", mandatory=True),
        TableAttribute("customerId", mandatory=True),
    )

    assert missing_mandatory(structure, frozenset({"customerId"})) == ("lastName",)
