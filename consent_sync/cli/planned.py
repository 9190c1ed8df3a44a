"""What `plan` prints and writes, person by person as they come, so that memory stays flat."""

import dataclasses
import sys
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Final

import orjson

from consent_sync.adapters.mapping_files import Problem
from consent_sync.app.planning import Change
from consent_sync.app.whatif import Effect, Row
from consent_sync.cli.mappings import show_differences
from consent_sync.cli.output import counted, moment, say, show_table
from consent_sync.cli.persons_csv import persons_table
from consent_sync.domain.moments import Micros
from consent_sync.domain.versions import Step
from consent_sync.services.lookup import iso

_WORDS: Final = {
    Step.ADDED: "is new",
    Step.CHANGED: "changes",
    Step.REMOVED: "ends",
    None: "stays as it is",
}
_PROGRESS: Final = 1_000
"""After how many persons a terminal is told how far it is."""

_STYLES: Final = {Effect.RAISED.value: "red", Effect.LOWERED.value: "yellow"}


class Planned:
    """Counts and tells what a plan finds."""

    def __init__(self, *, as_json: bool, limit: int, since: Micros | None) -> None:
        self.since = since
        self.problems: Sequence[Problem] = ()
        self.events = 0
        self._json = as_json
        self._limit = limit
        self._lines: defaultdict[tuple[str, str], Counter[Effect]] = defaultdict(Counter)
        self._persons: Counter[Effect] = Counter()
        self._shown: list[Row] = []
        self._first = True
        self._heard = 0

    @property
    def raised(self) -> int:
        """Return how many persons' consent would be raised on some line."""
        return self._persons[Effect.RAISED]

    def begin(
        self, changes: Sequence[Change], problems: Sequence[Problem], warnings: Sequence[Problem]
    ) -> None:
        """Tell what differs in the files."""
        self.problems = problems
        if self._json:
            head = {
                "mappings": [_plain(one) for one in changes],
                "problems": [str(problem) for problem in problems],
                "warnings": [str(warning) for warning in warnings],
                "since": iso(self.since) if self.since is not None else None,
            }
            sys.stdout.write(orjson.dumps(head).decode()[:-1] + ',"persons":[')
            return
        for problem in problems:
            say(str(problem), "red")
        for warning in warnings:
            say(str(warning), "yellow")
        for one in changes:
            version = f", version {one.new.version}" if one.new is not None and one.step else ""
            say(f"{one.mapping} ({one.file}) {_WORDS[one.step]}{version}")
            if one.difference:
                show_differences(one.difference)

    async def persons(self, rows: AsyncIterator[Row], csv_file: Path | None) -> None:
        """Take in what would become of every person, as it comes."""
        with persons_table(csv_file) as write:
            person: tuple[str, str] | None = None
            effects: set[Effect] = set()
            async for row in rows:
                if (row.mapping, row.person) != person:
                    self._count(effects)
                    person, effects = (row.mapping, row.person), set()
                effects.add(row.effect)
                self._lines[row.mapping, row.line][row.effect] += 1
                write(row)
                if row.effect is not Effect.UNCHANGED:
                    self._show(row)
            self._count(effects)

    def _count(self, effects: set[Effect]) -> None:
        """Count a person under every effect that some line has, else as left alone."""
        changed = effects - {Effect.UNCHANGED}
        for effect in changed or effects:
            self._persons[effect] += 1
        if effects:
            self._heard += 1
            if not self._heard % _PROGRESS and sys.stderr.isatty():
                print(f"{self._heard} persons", end="\r", file=sys.stderr)

    def _show(self, row: Row) -> None:
        if self._json:
            comma = "" if self._first else ","
            sys.stdout.write(comma + orjson.dumps(dataclasses.asdict(row)).decode())
            self._first = False
        elif len(self._shown) < self._limit:
            self._shown.append(row)

    def end(self) -> None:
        """Tell the totals."""
        totals = {effect.value: self._persons[effect] for effect in Effect}
        if self._json:
            lines = [
                {"mapping": mapping, "line": line, **{one.value: counts[one] for one in Effect}}
                for (mapping, line), counts in sorted(self._lines.items())
            ]
            tail = {
                "lines": lines,
                "events": self.events,
                "totals": {"persons": self._heard, **totals},
            }
            sys.stdout.write("]," + orjson.dumps(tail).decode()[1:] + "\n")
        elif self.since is not None:
            self._end_in_words(totals)

    def _end_in_words(self, totals: dict[str, int]) -> None:
        say()
        say(
            f"{counted(self.events, 'event')} stored since {moment(self.since or 0)} UTC, taken once more"
        )
        if not self._lines:
            say("nobody was heard of on a mapping that changes")
            return
        if self._shown:
            show_table(
                ("person", "line", "effect", "Didomi", "Actito", "because"),
                [_cells(row) for row in self._shown],
                styles=_STYLES,
                unbroken=3,
            )
        changed = sum(counts[one] for counts in self._lines.values() for one in _CHANGED)
        if changed > len(self._shown):
            say(f"and {changed - len(self._shown)} more; --csv FILE writes them all")
        show_table(
            ("mapping", "line", "raised", "lowered", "held", "left alone"),
            [
                (mapping, line, *(str(counts[effect]) for effect in Effect))
                for (mapping, line), counts in sorted(self._lines.items())
            ],
        )
        words = ", ".join(f"{number} {_TOTALS.get(word, word)}" for word, number in totals.items())
        say(f"{counted(self._heard, 'person')}: {words}", "red" if self.raised else "")


_CHANGED: Final = (Effect.RAISED, Effect.LOWERED, Effect.HELD)
_TOTALS: Final = {"held": "held for review", "unchanged": "left alone"}


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.person,
        f"{row.mapping} {row.line}",
        row.effect.value,
        _step(row.didomi_before, row.didomi_after),
        _step(row.actito_before, row.actito_after),
        row.reason,
    )


def _step(before: str, after: str) -> str:
    return before if before == after else f"{before} -> {after}"


def _plain(change: Change) -> dict[str, Any]:
    return {
        "mapping": change.mapping,
        "file": change.file,
        "change": change.step.value if change.step is not None else None,
        "old": change.old.version if change.old is not None else None,
        "new": change.new.version if change.new is not None else None,
        "difference": [dataclasses.asdict(one) for one in change.difference],
    }
