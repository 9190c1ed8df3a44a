"""The command edge: what people and scripts can rely on of every command."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from consent_sync.cli.main import app
from tests.cli.installation import Installation


def commands() -> Iterator[tuple[str, Any]]:
    """Yield every command, also those of groups, with its name."""

    def below(prefix: str, group: Any) -> Iterator[tuple[str, Any]]:
        for name, one in group.commands.items():
            if hasattr(one, "commands"):
                yield from below(f"{prefix}{name} ", one)
            else:
                yield f"{prefix}{name}", one

    yield from below("", typer.main.get_command(app))


EVERY = dict(commands())


@pytest.mark.parametrize("name", EVERY)
def test_every_command_speaks_json(name: str) -> None:
    """Each command can be read by a program."""
    options = {option for one in EVERY[name].params for option in one.opts}

    assert "--json" in options


@pytest.mark.parametrize("name", EVERY)
def test_every_command_says_what_it_does(name: str) -> None:
    """The help of each command answers, and begins with a sentence."""
    result = CliRunner().invoke(app, [*name.split(), "--help"])

    assert result.exit_code == 0
    assert EVERY[name].help


def test_an_unknown_command_is_wrong_usage() -> None:
    """A slip of the hand exits 2 and names the nearest command."""
    result = CliRunner().invoke(app, ["serv"])

    assert result.exit_code == 2
    assert "serve" in result.stderr


def test_wrong_settings_exit_78(place: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a supervisor need not try again has an exit code of its own, and says what is wrong."""
    place.configure(LISTEN="nowhere")
    result = place.run(monkeypatch, "serve")

    assert result.exit_code == 78
    assert "CONSENT_SYNC_LISTEN" in result.stderr
    assert result.stdout == ""


def test_an_unforeseen_error_tells_only_where(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message that nobody wrote on purpose may quote a person, so it is not shown."""

    def fails(*_: object) -> None:
        raise ZeroDivisionError("ada@example.com")

    monkeypatch.setattr("consent_sync.cli.surroundings.reader_of", fails)
    result = place.run(monkeypatch, "status")

    assert result.exit_code == 1
    assert "ZeroDivisionError at test_edge.py:" in result.stderr
    assert "example.com" not in result.output


def test_a_database_that_does_not_answer_is_said(
    place: Installation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It ends in a sentence, in every command, and trying again may help."""
    place.configure(DATABASE_URL=f"postgresql:///consent?host={tmp_path}")

    for command in (["status"], ["tail"], ["migrate"], ["serve"]):
        result = place.run(monkeypatch, *command)
        assert "the database cannot be reached" in result.stderr
        assert result.exit_code == 1


def test_one_process_alone_does_everything(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file has one owner, so its owner cannot leave half of the work to others."""
    half = place.run(monkeypatch, "serve", "--intake-only")
    nothing = place.run(monkeypatch, "serve", "--intake-only", "--turns-only")

    assert (half.exit_code, "roles need PostgreSQL" in half.stderr) == (2, True)
    assert (nothing.exit_code, "exclude each other" in nothing.stderr) == (2, True)


def test_a_database_is_migrated_once(place: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second time there is nothing to do."""
    first = place.run(monkeypatch, "migrate", "--json")
    second = place.run(monkeypatch, "migrate")

    assert json.loads(first.stdout)["steps"][0] == 1
    assert "Nothing to do" in second.stdout


def test_a_move_that_broke_off_says_how_to_go_on(
    place: Installation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whoever sees it fail must not think that everything is lost, or has to begin anew."""
    place.run(monkeypatch, "migrate")
    target = f"postgresql:///consent?host={tmp_path}"
    broken = place.run(
        monkeypatch, "migrate", "--from", f"sqlite:///{place.database}", "--to", target
    )

    assert broken.exit_code == 1
    assert "the same command goes on from here" in broken.stderr


def test_a_reader_that_leaves_early_is_no_error() -> None:
    """A pipe that is closed, as `head` does, ends the command without a traceback."""
    words = ("simulate", "actito", "--list-switches")
    with subprocess.Popen(
        [sys.executable, "-m", "consent_sync", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        errors = process.stderr.read()

    assert b"Traceback" not in errors
    assert b"unforeseen" not in errors


def test_the_version_is_told() -> None:
    """`--version` names the program and its version."""
    result = CliRunner().invoke(app, ["--version"])

    assert result.stdout.startswith("consent-sync ")
