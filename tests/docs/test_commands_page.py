"""The page of commands forgets no command and no option, and makes none up."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from consent_sync.cli.main import app
from tests.docs.pages import ROOT

PAGE = (ROOT / "docs/reference/commands.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"(?ms)^## `([a-z -]+)`\n(.*?)(?=^## |\Z)", PAGE))


def commands() -> Iterator[tuple[str, Any]]:
    """Yield every command with its name, those of groups too."""

    def below(prefix: str, group: Any) -> Iterator[tuple[str, Any]]:
        for name, one in group.commands.items():
            if hasattr(one, "commands"):
                yield from below(f"{prefix}{name} ", one)
            else:
                yield f"{prefix}{name}", one

    yield from below("", typer.main.get_command(app))


EVERY = dict(commands())


def test_every_command_has_its_section_and_no_other() -> None:
    """The headings are the commands."""
    assert set(SECTIONS) == set(EVERY)


@pytest.mark.parametrize("name", EVERY)
def test_every_option_has_its_row(name: str) -> None:
    """Each option of a command stands in its table, and none that does not exist."""
    told = re.findall(r"(?m)^\| ((?:`-[^`]+`(?:, )?)+) \|", SECTIONS[name])
    named = {option for row in told for option in re.findall(r"`(-[^`]+)`", row)}
    real = {
        option
        for one in EVERY[name].params
        for option in (*one.opts, *one.secondary_opts)
        if option.startswith("-") and option != "--help"
    }

    assert named == real


@pytest.mark.parametrize("name", EVERY)
def test_every_argument_is_told(name: str) -> None:
    """A command that wants an argument shows how it is called."""
    wanted = [one for one in EVERY[name].params if one.param_type_name == "argument"]

    assert not wanted or f"`{name} " in SECTIONS[name]
