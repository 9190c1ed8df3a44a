"""What differs between two versions of a mapping."""

from consent_sync.domain.consent import Node
from consent_sync.domain.mapping import AttributeRules, SyncMode
from consent_sync.domain.versions import Difference, Step, differences, line_text
from tests.doubles.mappings import EMAIL, MARKETING, SPORT, a_line, a_mapping


def test_a_line_in_words() -> None:
    """A line reads as it stands in a file."""
    line = a_line("S", SPORT, SyncMode.TO_ACTITO, inverted=True)

    assert line_text(line) == (
        "{purpose: marketing, preference: topics, option: sport}, to-actito, inverted"
    )


def test_lines_that_come_change_and_go() -> None:
    """Each line that differs is told once, by its subscription, with both readings."""
    old = a_mapping(a_line("A", EMAIL, number=14), a_line("B", MARKETING, number=16))
    new = a_mapping(
        a_line("B", MARKETING, SyncMode.OFF, number=14), a_line("C", SPORT, inverted=True)
    )

    found = differences(old, new)
    assert [(one.step, one.name) for one in found] == [
        (Step.CHANGED, "B"),
        (Step.ADDED, "C"),
        (Step.REMOVED, "A"),
    ]
    assert found[0] == Difference(
        Step.CHANGED, "B", "{purpose: marketing}, two-way", "{purpose: marketing}, off", 14
    )
    assert all(one.is_line for one in found)


def test_a_line_that_only_moved_does_not_differ() -> None:
    """Where a line stands is part of the version, but not of what it does."""
    assert differences(a_mapping(a_line(number=14)), a_mapping(a_line(number=20))) == ()


def test_keys_that_differ() -> None:
    """A changed key is told with its old and new value."""
    old = a_mapping(attributes=AttributeRules(deny=frozenset({"city"})))
    new = a_mapping(
        upsert_mode=True,
        account="b",
        attributes=AttributeRules(frozenset({"a"}), rename={"a": "x"}),
    )

    found = {one.name: (one.step, one.before, one.after) for one in differences(old, new)}
    assert found == {
        "account": (Step.ADDED, "", "b"),
        "upsert_mode": (Step.CHANGED, "false", "true"),
        "attributes": (Step.CHANGED, "all but city", "a; a as x"),
    }
    assert not any(one.is_line for one in differences(old, new))


def test_a_mapping_that_begins_and_one_that_ends() -> None:
    """Everything that says something is added, or removed."""
    mapping = a_mapping(a_line("A", Node(channel="email")))

    assert {one.step for one in differences(None, mapping)} == {Step.ADDED}
    assert {one.step for one in differences(mapping, None)} == {Step.REMOVED}
    assert differences(None, None) == ()
