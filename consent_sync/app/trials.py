"""Runs the tests of the privacy team: the real rules and services, invented people, no network."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from consent_sync.adapters.mapping_files.problems import Code, Problem
from consent_sync.adapters.mapping_files.tree import line_text
from consent_sync.adapters.trial_files import (
    Trial,
    TrialFile,
    read_trials,
    trials_path,
)
from consent_sync.app.trial_play import Mismatch, Play
from consent_sync.domain.errors import ConsentSyncError, RefusedError
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.rules import Rules

_UNFORESEEN: Final = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ConsentSyncError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True, slots=True)
class TrialResult:
    """How one test ended; it failed when something does not hold or a payload was refused."""

    trial: Trial
    mismatches: tuple[Mismatch, ...] = ()
    refused: str = ""

    @property
    def passed(self) -> bool:
        """Say whether everything held."""
        return not self.mismatches and not self.refused


async def run_trial(mapping: Mapping, trial: Trial, rules: Rules) -> TrialResult:
    """Run one test under a mapping."""
    try:
        play = Play(mapping, trial, rules)
        await play.run()
        return TrialResult(trial, tuple(await play.mismatches()))
    except RefusedError as error:
        where = f" at {error.where}" if error.where else ""
        return TrialResult(trial, refused=f"a payload was refused{where}: {error}")
    except _UNFORESEEN as error:
        # A fault of ours, met by a test that is run inside of the service, must not end that.
        what = type(error).__name__
        return TrialResult(trial, refused=f"the program could not play it ({what}); report it")


async def run_trials(mapping: Mapping, trials: Sequence[Trial], rules: Rules) -> list[TrialResult]:
    """Run tests one after the other."""
    return [await run_trial(mapping, trial, rules) for trial in trials]


class Judged(NamedTuple):
    """What the tests beside a mapping say: what is wrong, and which subscriptions they look at."""

    problems: tuple[Problem, ...] = ()
    covered: frozenset[str] = frozenset()


class TrialGate:
    """Says what stands against a mapping because of the tests beside its file.

    What was said about the same mapping and the same tests is remembered.
    """

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._said: dict[str, tuple[tuple[str, bytes], Judged]] = {}

    def judge(self, mapping_file: Path, mapping: Mapping) -> Judged:
        """Return what is wrong with the tests, or which of them fail; for a thread of its own.

        Touches the disk.
        """
        path = trials_path(mapping_file)
        if path is None:
            self._said.pop(mapping_file.name, None)
            return Judged()
        file = read_trials(path, mapping)
        key = (mapping.version, file.digest)
        known = self._said.get(mapping_file.name)
        if known is None or known[0] != key:
            problems = file.problems or self._failures(file, mapping)
            known = key, Judged(problems, _covered(file))
            self._said[mapping_file.name] = known
        return known[1]

    def _failures(self, file: TrialFile, mapping: Mapping) -> tuple[Problem, ...]:
        results = asyncio.run(run_trials(mapping, file.trials, self._rules))
        return tuple(problem for result in results for problem in failures(file, result))


def _covered(file: TrialFile) -> frozenset[str]:
    expected = (one for trial in file.trials for one in trial.expected)
    return frozenset(one.name for one in expected if one.part == "subscriptions")


def failures(file: TrialFile, result: TrialResult) -> Iterator[Problem]:
    """Yield a failed test as problems of its file, one for each expectation that does not hold."""
    name, lines = result.trial.name, list(file.lines)
    if result.refused:
        text = line_text(lines, result.trial.place)
        expected = "a body that the platform could have sent"
        found = f"{result.refused} (test `{name}`)"
        yield Problem(Code.TEST_FAILED, file.file, result.trial.place, found, expected, text=text)
    for one in result.mismatches:
        place = one.expected.place
        found = f"{one.what} = {one.found} (test `{name}`)"
        text = line_text(lines, place)
        yield Problem(Code.TEST_FAILED, file.file, place, found, one.expected.wanted, text=text)
