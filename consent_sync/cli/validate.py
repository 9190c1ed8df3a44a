"""`consent-sync validate`: everything that is wrong with the mapping files, in one run."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from consent_sync.adapters.mapping_files import FolderReading, Problem, read_file, read_folder
from consent_sync.app.settings import one_setting
from consent_sync.cli.dotenv import dotenv_here
from consent_sync.cli.exits import WRONG_CONFIGURATION


def command(
    path: Annotated[
        Path | None,
        typer.Argument(help="A mapping file or a folder; else CONSENT_SYNC_MAPPINGS_DIR."),
    ] = None,
    online: Annotated[
        bool,
        typer.Option(
            "--online/--offline", help="Ask both platforms, too, whether all of it exists."
        ),
    ] = False,
    deny_warnings: Annotated[
        bool, typer.Option("--deny-warnings", help="Warnings count like problems.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check the mapping files; the exit code is 0 when all can be used, else 78."""
    path = mappings_path(path)
    reading = check(path)
    if online:
        from consent_sync.cli.online import asked

        reading = asked(reading)
    if as_json:
        typer.echo(json.dumps(report(reading), indent=2, ensure_ascii=False))
    else:
        _print(reading, path if path.is_dir() else path.parent)
    if reading.problems or (deny_warnings and reading.warnings):
        raise typer.Exit(WRONG_CONFIGURATION)


def mappings_path(given: Path | None) -> Path:
    """Return the file or folder that a command was given, else the folder of the settings."""
    return given or Path(one_setting("MAPPINGS_DIR", os.environ, dotenv_here()))


def check(path: Path) -> FolderReading:
    """Read one mapping file, or all of a folder."""
    if not path.is_file():
        return read_folder(path)
    one = read_file(path)
    in_force = {one.file: one.mapping} if one.mapping is not None else {}
    return FolderReading((one,), one.problems, one.warnings, in_force)


def report(reading: FolderReading) -> dict[str, object]:
    """Return what was found as plain data; a name and a version are null in a refused file."""
    return {
        "valid": not reading.problems,
        "files": [
            {
                "file": one.file,
                "name": one.mapping.name if one.mapping is not None else None,
                "version": one.mapping.version if one.mapping is not None else None,
                "lines": len(one.mapping.lines) if one.mapping is not None else None,
            }
            for one in reading.files
        ],
        "problems": [plain_problem(problem) for problem in reading.problems],
        "warnings": [plain_problem(warning) for warning in reading.warnings],
    }


def plain_problem(problem: Problem) -> dict[str, object]:
    """Return a problem as plain data."""
    return {
        "code": problem.code.value,
        "file": problem.file,
        "line": problem.place.line or None,
        "column": problem.place.column or None,
        "found": problem.found,
        "expected": problem.expected,
        "nearest": problem.nearest or None,
        "text": problem.text or None,
    }


def show_problem(problem: Problem, folder: Path) -> None:
    """Print a problem of a file in this folder, with its line where it has one."""
    _console().print(_block(problem, folder))


def _console() -> Console:
    return Console(highlight=False, soft_wrap=True)


def _print(reading: FolderReading, folder: Path) -> None:
    console = _console()
    for problem in (*reading.warnings, *reading.problems):
        console.print(_block(problem, folder))
    wrong = {problem.file for problem in reading.problems}
    for one in reading.files:
        if one.mapping is not None and one.file not in wrong:
            lines = _count(len(one.mapping.lines), "line")
            words = f"{one.file}: {one.mapping.name}, {lines}, version {one.mapping.version}"
            console.print(Text("valid    ", "green").append(words, "default"))
    console.print(
        ", ".join(
            (
                _count(len(reading.files), "file"),
                _count(len(reading.problems), "problem"),
                _count(len(reading.warnings), "warning"),
            )
        )
    )


def _block(problem: Problem, folder: Path) -> Text:
    word, colour = ("warning  ", "yellow") if problem.warning else ("problem  ", "red")
    # A problem of the folder itself carries its path already.
    where = problem.where if problem.file == str(folder) else str(folder / problem.where)
    block = Text(word, colour).append(where, "bold").append(f"  {problem.code}\n", "dim")
    block.append(f"  found {problem.found}\n  expected {problem.expected}\n", "default")
    if problem.nearest:
        block.append(f"  did you mean {problem.nearest}?\n", "green")
    if problem.text:
        number = f"  {problem.place.line} | "
        block.append(f"{number}{problem.text}\n", "dim")
        block.append(" " * (len(number) + problem.place.column - 1) + "^\n", colour)
    return block


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
