"""`consent-sync describe`, and the examples that it can read to people."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from consent_sync.adapters.mapping_files import read_folder
from consent_sync.cli.main import app
from tests.mapping_files.samples import HEAD, LINES

EXAMPLES = Path(__file__).resolve().parents[2] / "mappings" / "examples"
README = (EXAMPLES.parent / "README.md").read_text(encoding="utf-8")


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["describe", *words])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONSENT_SYNC_MAPPINGS_DIR", str(tmp_path))
    (tmp_path / "a.yaml").write_text(HEAD + LINES, encoding="utf-8")
    return tmp_path


def test_mappings_of_the_settings_are_read_aloud(folder: Path) -> None:
    """Sentences first, then the table with the lines of the file."""
    result = run()

    assert result.exit_code == 0
    assert "\nprivacy@example.com answers for this mapping.\n" in result.output
    assert "- When someone agrees to email in Didomi, they are subscribed to" in result.output
    assert ["10", "email", "<->", "Newsletter", "subscribed", "two-way"] in [
        line.split() for line in result.output.splitlines()
    ]


def test_file_with_problems_is_named_and_stops_no_other(folder: Path) -> None:
    """What cannot be described is said, and the exit code tells it too."""
    (folder / "b.yaml").write_text("name: [", encoding="utf-8")
    result = run()

    assert result.exit_code == 78
    assert "brand-a (a.yaml" in result.output
    assert "b.yaml is not described: it has 1 problem" in result.output


def test_one_file_can_be_described(folder: Path) -> None:
    """A draft outside of the folder is read, too."""
    (folder / "draft.txt").write_text((HEAD + LINES).replace("brand-a", "draft"), encoding="utf-8")

    assert "draft (draft.txt, version" in run("draft.txt").output


def test_json_holds_the_sentences(folder: Path) -> None:
    """Other programs can show them where people look."""
    (told,) = json.loads(run("--json").output)["mappings"]

    assert told["mapping"] == "brand-a"
    assert told["lines"][0]["line"] == 10
    assert told["lines"][0]["didomi"] == {"channel": "email"}
    assert told["lines"][0]["sentence"].startswith("When someone agrees to email")


def test_examples_are_right_without_a_warning() -> None:
    """Whatever somebody copies is valid, also beside all the others."""
    reading = read_folder(EXAMPLES)

    assert len(reading.files) >= 8
    assert (reading.problems, reading.warnings) == ((), ())


@pytest.mark.parametrize("path", sorted(EXAMPLES.iterdir()), ids=lambda path: path.name)
def test_every_example_stands_in_the_table(path: Path) -> None:
    """An example that nobody can find helps nobody."""
    assert f"(examples/{path.name})" in README
    assert path.read_text(encoding="utf-8").startswith(
        "# yaml-language-server: $schema=../mapping.schema.json\n"
    )
