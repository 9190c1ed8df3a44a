"""`consent-sync test`: the privacy team's own tests, run offline through the real rules."""

import asyncio
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from consent_sync.cli.dotenv import dotenv_here
from consent_sync.cli.exits import FOUND_SOMETHING, WRONG_CONFIGURATION
from consent_sync.cli.output import AS_JSON, counted, print_json, say, show_table

if TYPE_CHECKING:
    from consent_sync.adapters.mapping_files import FileReading, Problem
    from consent_sync.adapters.trial_files import TrialFile
    from consent_sync.app.trials import TrialResult
    from consent_sync.domain.rules import Rules


def command(
    path: Annotated[
        Path | None,
        typer.Argument(
            help="A mapping file, its tests, or a folder; else CONSENT_SYNC_MAPPINGS_DIR."
        ),
    ] = None,
    as_json: Annotated[bool, AS_JSON] = False,
) -> None:
    """Run the tests beside the mapping files; the exit code is 1 when one fails, 78 for a bad file."""
    from consent_sync.app.settings import one_setting

    if path is None:
        path = Path(one_setting("MAPPINGS_DIR", os.environ, dotenv_here()))
    tested = [_test(*one) for one in _files(path)]
    if as_json:
        print_json(_report(tested))
    else:
        _show(tested)
    if any(one.problems for one in tested):
        raise typer.Exit(WRONG_CONFIGURATION)
    if any(not result.passed for one in tested for result in one.results):
        raise typer.Exit(FOUND_SOMETHING)


@dataclass(frozen=True, slots=True)
class Tested:
    """One mapping file and its tests: what is wrong with either, or how each test ended."""

    mapping_file: str
    tests: "TrialFile | None"
    problems: "tuple[Problem, ...]"
    results: "tuple[TrialResult, ...]" = ()


def _files(path: Path) -> "Iterator[tuple[Path, FileReading]]":
    """Yield the mapping files that are meant, read and checked."""
    from consent_sync.adapters.mapping_files import read_file, read_folder

    for ending in (".tests.yaml", ".tests.yml"):
        if path.name.endswith(ending):
            stem = path.name.removesuffix(ending)
            names = [path.with_name(f"{stem}{end}") for end in (".yaml", ".yml")]
            path = next((one for one in names if one.exists()), names[0])
    if path.is_dir():
        reading = read_folder(path)
        if reading.problems and not reading.files:
            yield path, _refused_folder(path, reading.problems)
        for one in reading.files:
            yield path / one.file, one
    else:
        yield path, read_file(path)


def _refused_folder(path: Path, problems: "tuple[Problem, ...]") -> "FileReading":
    from consent_sync.adapters.mapping_files import FileReading

    return FileReading(str(path), "", None, problems, ())


def _test(path: Path, reading: "FileReading") -> Tested:
    from consent_sync.adapters.trial_files import read_trials, trials_path
    from consent_sync.app.trials import run_trials

    if reading.mapping is None:
        return Tested(reading.file, None, reading.problems)
    found = trials_path(path)
    if found is None:
        return Tested(reading.file, None, ())
    tests = read_trials(found, reading.mapping)
    results = asyncio.run(run_trials(reading.mapping, tests.trials, _rules()))
    return Tested(reading.file, tests, tests.problems, tuple(results))


def _rules() -> "Rules":
    """Return the times of the rules as the settings here say."""
    from consent_sync.app.policies import rules_of
    from consent_sync.app.settings import SettingsError
    from consent_sync.cli.surroundings import settings_here
    from consent_sync.domain.rules import Rules

    try:
        return rules_of(settings_here())
    except SettingsError:
        # Who only writes tests has no settings for the platforms.
        return Rules()


def _report(tested: list[Tested]) -> dict[str, object]:
    results = [result for one in tested for result in one.results]
    return {
        "passed": sum(result.passed for result in results),
        "failed": sum(not result.passed for result in results),
        "files": [
            {
                "mapping_file": one.mapping_file,
                "tests_file": one.tests.file if one.tests is not None else None,
                "problems": [str(problem) for problem in one.problems],
                "tests": [_plain(result) for result in one.results],
            }
            for one in tested
        ],
    }


def _plain(result: "TrialResult") -> dict[str, object]:
    return {
        "name": result.trial.name,
        "line": result.trial.place.line,
        "passed": result.passed,
        "refused": result.refused or None,
        "differences": [
            {
                "what": one.what,
                "line": one.expected.place.line,
                "expected": one.expected.wanted,
                "found": one.found,
                "reason": one.reason,
            }
            for one in result.mismatches
        ],
    }


def _show(tested: list[Tested]) -> None:
    for one in tested:
        for problem in one.problems:
            say(f"problem  {problem}", "red")
        if one.tests is None and not one.problems:
            say(f"{one.mapping_file}: no tests", "yellow")
        for result in one.results:
            _show_result(result, one.tests.file if one.tests is not None else "")
    results = [result for one in tested for result in one.results]
    failed = sum(not result.passed for result in results)
    say(f"{counted(len(results), 'test')}, {failed} failed", "red" if failed else "green")


def _show_result(result: "TrialResult", file: str) -> None:
    if result.passed:
        say(f"passed   {result.trial.name}", "green")
        return
    say(f"FAILED   {result.trial.name}  ({file}:{result.trial.place.line})", "red")
    if result.refused:
        say(f"  {result.refused}")
        return
    show_table(
        ("  line", "what", "expected", "found", "because"),
        [
            (f"  {one.expected.place.line}", one.what, one.expected.wanted, one.found, one.reason)
            for one in result.mismatches
        ],
        unbroken=4,
    )
