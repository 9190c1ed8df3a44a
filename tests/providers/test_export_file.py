"""An export of Actito's profiles as a file: what is read, and what is refused with its place."""

import gzip
from pathlib import Path

import pytest

from consent_sync.adapters.export_file import read_export
from consent_sync.domain.errors import RefusedError
from consent_sync.domain.events import ProfileMissing, ProfileReading
from tests.doubles.mappings import MARKETING, a_line, a_mapping

MAPPING = a_mapping(a_line(), a_line("DailyDeals", MARKETING))
TEXT = """\
profileId;customerId;subscriptions#Newsletter;DailyDeals
1;"ann@example.com";true;false
2;Ben@Example.com;Y;
3;;true;true

4;cem@example.com;0;1
"""


def a_file(folder: Path, text: str = TEXT, name: str = "export.csv") -> Path:
    path = folder / name
    data = text.encode()
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


async def held(path: Path, key: str) -> dict[str, bool] | None:
    export = await read_export(path, MAPPING)
    seen = await export.read_by_key(MAPPING, key)
    export.close()
    return dict(seen.subscriptions) if isinstance(seen, ProfileReading) else None


@pytest.mark.parametrize("name", ["export.csv", "export.csv.gz"])
async def test_profiles_are_found_by_their_key(name: str, tmp_path: Path) -> None:
    """Plain or compressed; in any letter case; an empty cell is no choice."""
    path = a_file(tmp_path, name=name)

    assert await held(path, "ann@example.com") == {"Newsletter": True, "DailyDeals": False}
    assert await held(path, "ben@example.com") == {"Newsletter": True}
    assert await held(path, "CEM@example.com") == {"Newsletter": False, "DailyDeals": True}
    assert await held(path, "dan@example.com") is None


async def test_commas_and_a_mark_at_the_beginning_do_no_harm(tmp_path: Path) -> None:
    """Files that went through a spreadsheet are read as well."""
    path = a_file(tmp_path, "\ufeff" + TEXT.replace(";", ","))

    assert await held(path, "ann@example.com") == {"Newsletter": True, "DailyDeals": False}


async def test_keys_come_in_pages_as_they_are_spelled(tmp_path: Path) -> None:
    """In a fixed order, whoever has no key left out."""
    export = await read_export(a_file(tmp_path), MAPPING)
    first = await export.keys("", 2)
    rest = await export.keys(first[-1], 2)
    missing = await export.read_by_key(MAPPING, "nobody")
    export.close()

    assert [*first, *rest] == ["ann@example.com", "Ben@Example.com", "cem@example.com"]
    assert export.rows == 3
    assert isinstance(missing, ProfileMissing)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "a column named customerId"),
        ("email;Newsletter;DailyDeals\n", "a column named customerId"),
        ("customerId;Newsletter\n", "missing: DailyDeals"),
        ("customerId;Newsletter;DailyDeals\nann;true\n", "line 2: found 2 columns"),
        ("customerId;Newsletter;DailyDeals\nann;true;maybe\n", "in the column DailyDeals"),
        ("customerId;Newsletter;DailyDeals\nann;true;\ud800\n", ""),
    ],
)
async def test_what_does_not_fit_is_refused(text: str, says: str, tmp_path: Path) -> None:
    """The place is told, the cell is not: it may be about a person."""
    path = tmp_path / "export.csv"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))

    with pytest.raises(RefusedError) as error:
        await read_export(path, MAPPING)
    assert says in str(error.value)
    assert error.value.code == "bad-export"
    assert "maybe" not in str(error.value)


async def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """The reason is the system's."""
    with pytest.raises(RefusedError, match="No such file"):
        await read_export(tmp_path / "none.csv", MAPPING)
