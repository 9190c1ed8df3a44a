"""`consent-sync plan`: what edited files would change, and whose consent."""

import asyncio
import csv
import stat
from pathlib import Path

import orjson
import pytest

from consent_sync.adapters.mapping_files import MappingFolder
from consent_sync.app.activation import Activation
from consent_sync.app.trials import TrialGate
from consent_sync.domain.rules import Rules
from tests.app.village import HEAD, LINES, Village
from tests.cli.installation import Installation

SMS = LINES + "  - {id: Sms, value: {channel: sms}}\n"
TURNED = LINES.replace("email}\n", "email}\n    inverted: true\n")
PEOPLE = ("ada@example.com", "ben@example.com", "+32470000000")


async def _live(place: Installation) -> None:
    village = Village(place.database)
    await village.store.open()
    folder = MappingFolder(place.folder / "mappings", village.clock)
    await Activation(folder, village.store, village.clock, TrialGate(Rules())).start()
    for number, person in enumerate(PEOPLE):
        village.profiles.profile(person)
        await village.chooses(person, email=number != 1, sms=number != 1)
    await village.store.close()


@pytest.fixture
def lived(place: Installation) -> Installation:
    """An installation in which three people made their choices."""
    (place.folder / "mappings" / "brand-a.yaml").write_text(HEAD + LINES)
    asyncio.run(_live(place))
    return place


def draft(place: Installation, lines: str, head: str = HEAD) -> Path:
    """Write an edited file beside the folder, not into it."""
    path = place.folder / "draft.yaml"
    path.write_text(head + lines)
    return path


def test_what_differs_in_the_files(lived: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines and keys that come, change and go, without a look at anybody."""
    path = draft(lived, SMS.replace("    sync: two-way-strict\n", ""))
    shown = lived.run(monkeypatch, "plan", str(path))
    told = lived.json(monkeypatch, "plan", str(path))

    assert shown.exit_code == 0
    assert shown.stdout.splitlines()[1:] == [
        "  ~ line DailyDeals: {purpose: marketing}, two-way-strict -> {purpose: marketing}, two-way",
        "  + line Sms: {channel: sms}, two-way",
    ]
    assert [one["name"] for one in told["mappings"][0]["difference"]] == ["DailyDeals", "Sms"]
    assert (told["since"], told["persons"], told["lines"]) == (None, [], [])


def test_whose_consent_would_change(lived: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Persons, lines and totals; a raise ends with 1."""
    path = draft(lived, SMS)
    shown = lived.run(monkeypatch, "plan", str(path), "--since", "2026-01-01")
    told = lived.json(monkeypatch, "plan", str(path), "--since", "2026-01-01")

    assert shown.exit_code == 1
    assert "3 events stored since 2026-01-01 00:00:00 UTC, taken once more" in shown.stdout
    assert "ada@example.com" in shown.stdout
    assert shown.stdout.splitlines()[-1] == (
        "3 persons: 2 raised, 1 lowered, 0 held for review, 0 left alone"
    )
    assert told["totals"] == {"persons": 3, "raised": 2, "lowered": 1, "held": 0, "unchanged": 0}
    assert {"mapping": "brand-a", "line": "Sms", "raised": 2, "lowered": 1, "held": 0, "unchanged": 0} in told["lines"]  # fmt: skip
    assert sorted(one["person"] for one in told["persons"]) == sorted(PEOPLE)
    assert told["persons"][0]["line"] == "Sms"


def test_a_slip_that_would_opt_somebody_in_is_told(
    lived: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line turned round is told with whom it would subscribe, before it was ever saved."""
    result = lived.run(monkeypatch, "plan", str(draft(lived, TURNED)), "--since", "2026-01-01")

    assert result.exit_code == 78
    assert "mapping-turned-round" in result.stdout
    assert "not subscribed -> subscribed" in result.stdout


def test_everybody_stands_in_the_table(
    lived: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table has every line of every person, is readable by its owner alone, and has no formulas."""
    file = lived.folder / "persons.csv"
    file.write_text("an older and longer table" * 100)
    words = ("plan", str(draft(lived, SMS)), "--since", "2026-01-01", "--csv", str(file))
    lived.run(monkeypatch, *words, "--limit", "0")
    rows = list(csv.DictReader(file.read_text().splitlines()))

    assert len(rows) == 9
    assert {row["person"] for row in rows} == {
        "ada@example.com",
        "ben@example.com",
        "'+32470000000",
    }
    assert {row["effect"] for row in rows if row["line"] == "Newsletter"} == {"unchanged"}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_nothing_that_changes_concerns_nobody(
    lived: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files as they are in force change nothing."""
    result = lived.run(monkeypatch, "plan", "--since", "2026-01-01")

    assert result.exit_code == 0
    assert "brand-a (brand-a.yaml) stays as it is" in result.stdout
    assert "nobody was heard of on a mapping that changes" in result.stdout


def test_a_folder_without_a_file_ends_its_mapping(
    lived: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder stands for all mappings, one file for itself only."""
    other = lived.folder / "other"
    other.mkdir()
    (other / "b.yaml").write_text((HEAD + LINES).replace("brand-a", "brand-b"))

    assert "brand-a (brand-a.yaml) ends" in lived.run(monkeypatch, "plan", str(other)).stdout
    told = lived.json(monkeypatch, "plan", str(other / "b.yaml"))
    assert [(one["mapping"], one["change"]) for one in told["mappings"]] == [("brand-b", "added")]


def test_a_bad_file_is_told_and_ends_nothing(
    lived: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be used changes nothing; the exit code is 78."""
    other = lived.folder / "other"
    other.mkdir()
    (other / "brand-a.yaml").write_text("name: [")
    result = lived.run(monkeypatch, "plan", str(other))

    assert result.exit_code == 78
    assert "ends" not in result.stdout
    assert "mapping-syntax" in result.stdout


def test_failed_tests_are_told_beside_the_plan(
    lived: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tests that would stop the change are named, and the change is shown all the same."""
    path = draft(lived, TURNED)
    path.with_name("draft.tests.yaml").write_text(
        "tests:\n  - name: a\n    given: {events: [{didomi: {Newsletter: granted}}]}\n"
        "    expect: {subscriptions: {Newsletter: true}}\n"
    )
    result = lived.run(monkeypatch, "plan", str(path))

    assert result.exit_code == 78
    assert "mapping-test-failed" in result.stdout
    assert "~ line Newsletter" in result.stdout


def test_before_the_first_start_everything_is_new(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a database there is nothing in force, and nobody to ask about."""
    told = place.json(monkeypatch, "plan")

    assert [one["change"] for one in told["mappings"]] == ["added"]
    assert place.run(monkeypatch, "plan", "--since", "7d").exit_code == 78


@pytest.mark.parametrize("since", ["soon", "7 moons", "2026-13-01", ""])
def test_since_is_a_span_or_a_date(
    place: Installation, monkeypatch: pytest.MonkeyPatch, since: str
) -> None:
    """Anything else is wrong usage, with both forms named."""
    result = place.run(monkeypatch, "plan", "--since", since)

    assert result.exit_code == 2
    assert "7d" in result.stderr


def test_a_table_needs_persons_and_a_place(
    lived: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without --since there are no persons; a file that cannot be written is a sentence."""
    file = lived.folder / "gone" / "persons.csv"

    assert lived.run(monkeypatch, "plan", "--csv", str(file)).exit_code == 2
    result = lived.run(monkeypatch, "plan", "--since", "2026-01-01", "--csv", str(file))
    assert result.exit_code == 1
    assert "cannot be written" in result.stderr


def test_json_is_one_document_whatever_is_found(
    lived: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is written in pieces, and is whole in the end."""
    for words in (("--since", "2026-01-01"), (), ("--since", "1s")):
        path = str(draft(lived, SMS))
        document = lived.run(monkeypatch, "plan", path, "--json", *words).stdout
        assert orjson.loads(document)["mappings"]
