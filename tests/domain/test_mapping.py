"""A line of a mapping file: when it is another line, and when only its place has changed."""

from consent_sync.domain.mapping import AttributeRules, SyncMode
from tests.doubles.mappings import EMAIL, MARKETING, a_line, a_mapping


def test_a_line_turned_round_or_paired_anew_is_another_one() -> None:
    """What was learnt under the old meaning must not be read under the new one."""
    shapes = {a_line(), a_line(inverted=True), a_line(node=MARKETING)}

    assert len({line.shape for line in shapes}) == 3


def test_a_line_that_moved_or_flows_another_way_is_the_same_one() -> None:
    """What is known of its persons stays known."""
    line = a_line(node=EMAIL, number=14)

    assert line.shape == a_line(node=EMAIL, sync=SyncMode.OFF, number=99).shape


def test_a_mapping_is_careful_where_its_file_says_nothing() -> None:
    """It creates nobody on either side, and passes every attribute on."""
    mapping = a_mapping()

    assert not mapping.upsert_mode
    assert not mapping.create_in_didomi
    assert mapping.attributes == AttributeRules(allow=None)
