"""`consent-sync validate`, as people and other programs use it."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from consent_sync.cli import validate
from tests.mapping_files.samples import HEAD, LINES, lines

app = typer.Typer()
app.command()(validate.command)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CONSENT_SYNC_MAPPINGS_DIR", raising=False)
    (tmp_path / "mappings").mkdir()


def write(name: str, text: str) -> None:
    Path("mappings", name).write_text(text, encoding="utf-8")


def test_valid_folder_is_told_in_one_line_per_file() -> None:
    """All is well: exit code 0, with what each file holds."""
    write("a.yaml", HEAD + LINES)
    result = run()

    assert result.exit_code == 0
    assert result.output.splitlines()[0].startswith("valid    a.yaml: brand-a, 1 line, version ")
    assert result.output.splitlines()[-1] == "1 file, 0 problems, 0 warnings"


def test_problems_are_shown_with_their_lines() -> None:
    """A mistake is shown where it stands, with the way out, and the exit code is 78."""
    write("a.yaml", (HEAD + LINES).replace("contact", "contcat"))
    result = run()

    assert result.exit_code == 78
    assert result.output.splitlines()[:6] == [
        "problem  mappings/a.yaml:2:1  mapping-unknown-key",
        "  found the unknown key `contcat`",
        "  expected only name, contact, didomi, actito, mappings, account, upsert_mode, "
        "create_for, create_in_didomi, enable_webhooks, identity, attributes at the top level",
        "  did you mean contact?",
        "  2 | contcat: privacy@example.com",
        "      ^",
    ]


def test_one_bad_file_does_not_hide_the_others() -> None:
    """Every file is judged, and the good ones are named."""
    write("a.yaml", "name: [")
    write("b.yaml", HEAD + LINES)
    result = run()

    assert result.exit_code == 78
    assert "valid    b.yaml" in result.output
    assert result.output.splitlines()[-1] == "2 files, 1 problem, 0 warnings"


def test_warnings_alone_are_no_failure() -> None:
    """What is only odd is told and leaves the exit code at 0."""
    write("a.yaml", lines("  - {id: A, value: {purpose: p, preference: t}}\n"))
    result = run()

    assert result.exit_code == 0
    assert result.output.startswith("warning  mappings/a.yaml:10:13  mapping-preference-alone")


def test_warnings_can_be_denied() -> None:
    """Where a change is taken in by a machine, nothing odd may pass unseen."""
    write("a.yaml", lines("  - {id: A, value: {purpose: p, preference: t}}\n"))

    assert run("--deny-warnings").exit_code == 78
    assert run("--deny-warnings").output == run().output


def test_nothing_odd_passes_when_warnings_are_denied() -> None:
    """A file without oddities is fine by the stricter measure, too."""
    write("a.yaml", HEAD + LINES)

    assert run("--deny-warnings").exit_code == 0


def test_json_holds_everything() -> None:
    """Other programs get the same in a fixed form."""
    write("a.yaml", (HEAD + LINES).replace("contact", "contcat"))
    write("b.yaml", (HEAD + LINES).replace("brand-a", "brand-b").replace("Customers", "Members"))
    result = run("--json")
    told = json.loads(result.output)

    assert result.exit_code == 78
    assert told["valid"] is False
    assert [(one["file"], one["name"], one["lines"]) for one in told["files"]] == [
        ("a.yaml", None, None),
        ("b.yaml", "brand-b", 1),
    ]
    assert told["warnings"] == []
    assert told["problems"] == [
        {
            "code": "mapping-unknown-key",
            "file": "a.yaml",
            "line": 2,
            "column": 1,
            "found": "the unknown key `contcat`",
            "expected": told["problems"][0]["expected"],
            "nearest": "contact",
            "text": "contcat: privacy@example.com",
        }
    ]


def test_two_files_with_one_name_are_both_told() -> None:
    """A clash that only the folder shows is found too."""
    write("a.yaml", HEAD + LINES)
    write("b.yaml", HEAD + LINES)
    told = json.loads(run("--json").output)

    assert [one["code"] for one in told["problems"]] == ["mapping-duplicate-name"] * 2


def test_single_file_can_be_checked() -> None:
    """A file that is not in the folder yet can be checked alone."""
    Path("draft.yaml").write_text(HEAD, encoding="utf-8")
    Path("good.yaml").write_text(HEAD + LINES, encoding="utf-8")

    assert run("good.yaml").exit_code == 0
    assert run("draft.yaml").exit_code == 78
    assert "draft.yaml:1:1" in run("draft.yaml").output


@pytest.mark.parametrize("source", ["argument", "environment", ".env"])
def test_folder_is_found_where_it_is_named(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An argument, the variable and the `.env` file can each name the folder."""
    Path("other").mkdir()
    Path("other", "a.yaml").write_text(HEAD + LINES, encoding="utf-8")
    if source == "environment":
        monkeypatch.setenv("CONSENT_SYNC_MAPPINGS_DIR", "other")
    if source == ".env":
        Path(".env").write_text("CONSENT_SYNC_MAPPINGS_DIR=other\n", encoding="utf-8")
    result = run("other") if source == "argument" else run()

    assert "a.yaml: brand-a" in result.output


def test_missing_folder_is_wrong_configuration() -> None:
    """A path that leads nowhere is told once, as it was given."""
    result = run("nowhere")

    assert result.exit_code == 78
    assert result.output.splitlines()[0] == "problem  nowhere  mapping-folder"


def test_empty_folder_only_warns() -> None:
    """No files is odd, and nothing is wrong with them."""
    result = run()

    assert result.exit_code == 0
    assert result.output.splitlines()[0] == "warning  mappings  mapping-no-files"
