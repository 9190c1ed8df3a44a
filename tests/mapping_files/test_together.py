"""What two files of a folder may not both claim."""

from pathlib import Path

import pytest

from consent_sync.adapters.mapping_files import Code, FolderReading, read_folder
from consent_sync.adapters.mapping_files.problems import Place
from tests.mapping_files.samples import lines, read

NEWS = "  - {id: News, value: {purpose: news}}\n"
ADS = "  - {id: Ads, value: {purpose: ads}}\n"


def together(path: Path, first: str, second: str, *, table: str = "Customers") -> FolderReading:
    """Read two files of one organisation; the second may be about another table."""
    (path / "a.yaml").write_text(lines(first), encoding="utf-8")
    other = lines(second).replace("brand-a", "brand-b").replace("Customers", table)
    (path / "b.yaml").write_text(other, encoding="utf-8")
    return read_folder(path)


def test_one_subscription_in_two_files_is_refused_in_both(tmp_path: Path) -> None:
    """Two mappings would overwrite each other, so none of them is put in force."""
    found = together(tmp_path, ADS + NEWS, NEWS)

    assert [(one.where, one.code) for one in found.problems] == [
        ("a.yaml:11:10", Code.DUPLICATE_LINE),
        ("b.yaml:10:10", Code.DUPLICATE_LINE),
    ]
    assert "b.yaml:10" in found.problems[0].found
    assert found.in_force == {}


def test_same_name_in_another_table_is_another_subscription(tmp_path: Path) -> None:
    """Tables often have subscriptions of one name."""
    found = together(tmp_path, NEWS, NEWS, table="Members")

    assert (found.problems, found.warnings) == ((), ())


@pytest.mark.parametrize("key", ["entity_id", "account"])
def test_same_table_elsewhere_is_another_table(tmp_path: Path, key: str) -> None:
    """A table belongs to an entity, and an entity to an account."""
    (tmp_path / "a.yaml").write_text(lines(NEWS), encoding="utf-8")
    other = lines(NEWS).replace("brand-a", "brand-b")
    other = other.replace("entity_id: acme", "entity_id: acme2") if key == "entity_id" else other
    other += "account: north\n" if key == "account" else ""
    (tmp_path / "b.yaml").write_text(other, encoding="utf-8")

    assert read_folder(tmp_path).problems == ()


def test_line_that_is_off_claims_nothing(tmp_path: Path) -> None:
    """A line can be moved from one file to another by switching it off first."""
    found = together(tmp_path, NEWS, NEWS.replace("}}", "}, sync: off}"))

    assert found.problems == ()


def test_opposite_meaning_in_one_table_is_refused(tmp_path: Path) -> None:
    """A yes cannot mean subscribed in one file and unsubscribed in another."""
    found = together(tmp_path, NEWS, "  - {id: Mute, value: {purpose: news}, inverted: true}\n")

    assert [(one.where, one.code) for one in found.problems] == [
        ("a.yaml:10:5", Code.OPPOSITE_LINES),
        ("b.yaml:10:50", Code.OPPOSITE_LINES),
    ]


def test_opposite_meaning_in_two_tables_is_only_odd(tmp_path: Path) -> None:
    """Two tables may keep the same choice in opposite words, and somebody should know."""
    opposite = "  - {id: Mute, value: {purpose: news}, inverted: true}\n"
    found = together(tmp_path, NEWS, opposite, table="Members")

    assert found.problems == ()
    assert [one.code for one in found.warnings] == [Code.OPPOSITE_FILES] * 2


def test_copy_of_a_file_is_one_mistake(tmp_path: Path) -> None:
    """Two files of one name are told so, and not that each of their lines stands twice."""
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(lines(NEWS + ADS), encoding="utf-8")

    assert [one.code for one in read_folder(tmp_path).problems] == [Code.DUPLICATE_NAME] * 2


def test_last_good_version_keeps_its_subscriptions(tmp_path: Path) -> None:
    """A file cannot take over what another one holds while that one is broken."""
    before = together(tmp_path, NEWS, ADS)
    (tmp_path / "a.yaml").write_text("name: [", encoding="utf-8")
    second = (tmp_path / "b.yaml").read_text(encoding="utf-8") + NEWS
    (tmp_path / "b.yaml").write_text(second, encoding="utf-8")
    found = read_folder(tmp_path, before.in_force)

    assert [one.code for one in found.problems] == [Code.SYNTAX, Code.DUPLICATE_LINE]
    assert found.in_force == before.in_force


@pytest.mark.parametrize("other", ["two-way", "two-way-strict", "to-didomi"])
def test_two_subscriptions_that_never_agree_on_a_choice_are_refused(other: str) -> None:
    """What is never written back would undo the other line's yes again and again."""
    told = read(
        lines(
            "  - {id: A, value: {purpose: p}, sync: to-didomi}\n"
            f"  - {{id: B, value: {{purpose: p}}, sync: {other}}}\n"
        )
    ).problems

    assert {one.code for one in told} == {Code.NO_REST}
    assert told[0].place == Place(10, 34)


@pytest.mark.parametrize("other", ["to-actito", "off"])
def test_subscription_that_only_follows_disturbs_no_other(other: str) -> None:
    """One subscription may decide, and another one follow."""
    text = lines(
        "  - {id: A, value: {purpose: p}, sync: to-didomi}\n"
        f"  - {{id: B, value: {{purpose: p}}, sync: {other}}}\n"
    )

    assert read(text).problems == ()
