"""A CSV of choices: what is read, in which encoding and shape, and which rows are told apart."""

import gzip
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from consent_sync.adapters.choice_file import CsvChoices, Reading, read_choices
from consent_sync.adapters.choice_words import choice_of, span_of
from consent_sync.domain.consent import Choice
from consent_sync.domain.errors import RefusedError
from consent_sync.domain.moments import SECOND
from consent_sync.ports.lists import BadRow, ChoiceRow
from tests.doubles.mappings import MARKETING, a_line, a_mapping

YES, NO = Choice.GRANTED, Choice.DENIED
MAPPING = a_mapping(a_line(), a_line("DailyDeals", MARKETING))


def at(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND


NOW = at("2026-01-01T00:00:00")


async def opened(
    folder: Path, text: str, encoding: str = "utf-8", name: str = "choices.csv", **how: Any
) -> CsvChoices:
    data = text.encode(encoding)
    path = folder / name
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return await read_choices(path, MAPPING, Reading(NOW, **how))


async def rows_of(folder: Path, text: str, *more: str, **how: Any) -> list[ChoiceRow | BadRow]:
    return list(await (await opened(folder, text, *more, **how)).rows(0, 1_000))


def good(rows: list[ChoiceRow | BadRow]) -> dict[str, dict[str, Choice]]:
    return {row.person: dict(row.choices) for row in rows if isinstance(row, ChoiceRow)}


def bad(rows: list[ChoiceRow | BadRow]) -> list[tuple[int, str]]:
    return [(row.number, row.column) for row in rows if isinstance(row, BadRow)]


WIDE = """\
customerId;Newsletter;dailydeals;time;notes
ann@example.com;yes;;2025-03-01T10:00:00Z;x
ben@example.com;NO;opt-in;;

"cem@example.com";0;1;2025-03-01;"two
lines"
"""


@pytest.mark.parametrize("name", ["choices.csv", "choices.csv.gz"])
async def test_a_column_per_line_is_read(name: str, tmp_path: Path) -> None:
    """Words in any letter case, empty cells are no choice, and a column may mean nothing."""
    file = await opened(tmp_path, WIDE, name=name)
    rows = list(await file.rows(0, 1_000))

    assert good(rows) == {
        "ann@example.com": {"Newsletter": YES},
        "ben@example.com": {"Newsletter": NO, "DailyDeals": YES},
        "cem@example.com": {"Newsletter": NO, "DailyDeals": YES},
    }
    assert [row.number for row in rows] == [2, 3, 5]
    assert file.ignored == ("notes",)


async def test_a_row_per_line_is_read(tmp_path: Path) -> None:
    """The long form has the name of the line beside the choice."""
    text = "person,line,choice,at\nann@example.com,Newsletter,no,\nann@example.com,DailyDeals,y,\n"

    rows = await rows_of(tmp_path, text)

    assert [dict(row.choices) for row in rows if isinstance(row, ChoiceRow)] == [
        {"Newsletter": NO},
        {"DailyDeals": YES},
    ]


@pytest.mark.parametrize(
    ("separator", "encoding", "named"),
    [
        (";", "utf-8-sig", ""),
        (",", "utf-16", ""),
        ("\t", "cp1252", "cp1252"),
        ("|", "utf-8", ""),
    ],
)
async def test_separators_and_encodings(
    separator: str, encoding: str, named: str, tmp_path: Path
) -> None:
    """A byte order mark is understood; another encoding is named."""
    text = "person;Newsletter\nhélène@example.com;no\n".replace(";", separator)

    path = tmp_path / "choices.csv"
    path.write_bytes(text.encode(encoding))
    file = await read_choices(path, MAPPING, Reading(NOW, encoding=named))

    assert good(list(await file.rows(0, 10))) == {"hélène@example.com": {"Newsletter": NO}}


async def test_bad_rows_are_told_apart(tmp_path: Path) -> None:
    """Each with its line and column, and the rows after it are read."""
    text = (
        "person;Newsletter;time\n"
        "ann@example.com;perhaps;\n"
        ";no;\n"
        "ben@example.com;no;01/02/2025\n"
        "cem@example.com;no;2031-01-01\n"
        "dan@example.com;no\n"
        "eve@example.com;no;\n"
    )
    rows = await rows_of(tmp_path, text)

    assert bad(rows) == [(2, "Newsletter"), (3, "person"), (4, "time"), (5, "time"), (6, "")]
    assert list(good(rows)) == ["eve@example.com"]


async def test_a_line_that_is_not_mapped_is_a_bad_row(tmp_path: Path) -> None:
    """In the long form a wrong name concerns its own row."""
    text = "person,line,choice\nann@example.com,Letters,no\nben@example.com,Newsletter,no\n"
    rows = await rows_of(tmp_path, text)

    assert bad(rows) == [(2, "line")]
    assert list(good(rows)) == ["ben@example.com"]


async def test_bytes_of_another_encoding_spoil_their_own_row(tmp_path: Path) -> None:
    """The rest of the file is read, and the row says what may help."""
    text = "person;Newsletter\nhélène@example.com;no\nann@example.com;no\n"
    rows = await rows_of(tmp_path, text, "cp1252")

    assert bad(rows) == [(2, "person")]
    assert list(good(rows)) == ["ann@example.com"]


async def test_a_cell_without_end_spoils_its_own_row(tmp_path: Path) -> None:
    """What follows a monstrous cell is read."""
    text = f"person;Newsletter\n{'x' * 140_000};no\nann@example.com;no\n"
    rows = await rows_of(tmp_path, text)

    assert bad(rows) == [(2, "")]
    assert list(good(rows)) == ["ann@example.com"]


async def test_words_of_ones_own(tmp_path: Path) -> None:
    """Other words for yes and no are named."""
    how: dict[str, Any] = {"granted": frozenset({"ja"}), "denied": frozenset({"nein"})}
    text = (
        "mail;Newsletter;said\nann@example.com;Ja;\nben@example.com;nein;\ncem@example.com;yes;\n"
    )
    rows = await rows_of(tmp_path, text, person_column="mail", time_column="said", **how)

    assert good(rows) == {
        "ann@example.com": {"Newsletter": YES},
        "ben@example.com": {"Newsletter": NO},
    }


async def test_reading_goes_on_behind_a_line(tmp_path: Path) -> None:
    """A page goes on where the one before ended, also in a file opened anew."""
    text = "person;Newsletter\n" + "".join(f"p{n}@example.com;no\n" for n in range(5))
    file = await opened(tmp_path, text)
    first, second = await file.rows(0, 2), await file.rows(3, 2)
    again = await read_choices(tmp_path / "choices.csv", MAPPING, Reading(NOW))

    assert [row.number for row in (*first, *second)] == [2, 3, 4, 5]
    assert [row.number for row in await again.rows(3, 2)] == [4, 5]
    assert await again.rows(6, 2) == []
    assert file.mark == again.mark != (await opened(tmp_path, text + "\n")).mark


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "an empty line"),
        ("name;Newsletter\n", "a column named customerId"),
        ("person;Letters\n", "columns named like the lines (Newsletter, DailyDeals)"),
        ("person;Newsletter;NEWSLETTER\n", "each column named once"),
    ],
)
async def test_a_file_of_another_shape_is_refused(text: str, says: str, tmp_path: Path) -> None:
    """With what was found and what was expected."""
    with pytest.raises(RefusedError) as caught:
        await opened(tmp_path, text)

    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"time_column": "when"}, "a column named when"),
        ({"encoding": "klingon"}, "the name of an encoding"),
        ({"name": "choices.gz"}, "a CSV file, plain or .gz"),
    ],
)
async def test_what_was_named_must_be_there(how: dict[str, Any], says: str, tmp_path: Path) -> None:
    """A column, an encoding, a compressed file."""
    name = how.pop("name", "choices.csv")
    path = tmp_path / name
    path.write_text("person;Newsletter\n", encoding="utf-8")

    with pytest.raises(RefusedError) as caught:
        await read_choices(path, MAPPING, Reading(NOW, **how))

    assert says in str(caught.value)


async def test_a_file_that_breaks_off_is_refused(tmp_path: Path) -> None:
    """A compressed file that was not copied whole cannot be read to its end."""
    text = "person;Newsletter\n" + "".join(f"p{n}@example.com;no\n" for n in range(50_000))
    file = await opened(tmp_path, text, name="choices.csv.gz")
    path = tmp_path / "choices.csv.gz"
    path.write_bytes(path.read_bytes()[:-2_000])

    with pytest.raises(RefusedError, match="read to its end"):
        await file.rows(0, 100_000)


@pytest.mark.parametrize(
    ("cell", "zone", "first", "last"),
    [
        ("2025-03-01T10:00:00Z", None, "2025-03-01T10:00:00", "2025-03-01T10:00:00"),
        ("2025-03-01 10:00:00+01:00", None, "2025-03-01T09:00:00", "2025-03-01T09:00:00"),
        ("2025-03-01T10:00Z", None, "2025-03-01T10:00:00", "2025-03-01T10:00:59"),
        ("2025-03-01", "Europe/Brussels", "2025-02-28T23:00:00", "2025-03-01T22:59:59"),
        ("2025-10-26 02:30:00", "Europe/Brussels", "2025-10-26T00:30:00", "2025-10-26T01:30:00"),
        ("2025-03-01 12:00:00", None, "2025-02-28T22:00:00", "2025-03-02T00:00:00"),
    ],
)
def test_a_time_is_a_span(cell: str, zone: str | None, first: str, last: str) -> None:
    """As long as what it names, and as wide as what is not known of its zone."""
    span = span_of(cell, ZoneInfo(zone) if zone else None)

    assert span == (at(first), at(last) + SECOND - 1)


def test_what_is_no_time_or_no_word() -> None:
    """It is not guessed at."""
    assert span_of("yesterday") is None
    assert choice_of("maybe") is None
    assert choice_of("  ") is Choice.NONE
