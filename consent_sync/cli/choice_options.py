"""What `backfill --from csv` asks about its file, and what it tells of the rows that were no good."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from consent_sync.cli.exits import WRONG_USAGE, CommandError
from consent_sync.cli.output import counted, printable, say

if TYPE_CHECKING:
    from datetime import tzinfo

    from consent_sync.adapters.choice_file import CsvChoices
    from consent_sync.domain.mapping import Mapping

MOST_BAD: Final = 1_000
"""How many bad rows are told one by one; all are counted."""

_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class ChoiceOptions:
    """A file of choices, and how it is written; empty = found out."""

    path: Path | None
    encoding: str
    person_column: str
    time_column: str
    time_zone: str
    yes_words: tuple[str, ...]
    no_words: tuple[str, ...]

    async def read(self, mapping: "Mapping") -> "CsvChoices | None":
        """Return the file, None where there is none; raise RefusedError or CommandError."""
        if self.path is None:
            return None
        from consent_sync.adapters.choice_file import Reading, read_choices
        from consent_sync.adapters.choice_words import DENIED, GRANTED
        from consent_sync.adapters.clock import SystemClock

        yes, no = self.words()
        how = Reading(
            now=SystemClock().now(),
            encoding=self.encoding,
            person_column=self.person_column,
            time_column=self.time_column,
            zone=self.zone(),
            granted=(GRANTED - no) | yes,
            denied=(DENIED - yes) | no,
        )
        found = await read_choices(self.path, mapping, how)
        if found.ignored:
            names = ", ".join(found.ignored)
            typer.echo(printable(f"columns that mean nothing here: {names}"), err=True)
        return found

    def words(self) -> tuple[frozenset[str], frozenset[str]]:
        """Return the further words for yes and no; raise CommandError when one is both."""
        yes = frozenset(word.strip().lower() for word in self.yes_words)
        no = frozenset(word.strip().lower() for word in self.no_words)
        if yes & no:
            raise CommandError("a word means yes or no, not both", WRONG_USAGE)
        return yes, no

    def zone(self) -> "tzinfo | None":
        """Return the time zone, None where none was named; raise CommandError."""
        from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

        if not self.time_zone:
            return None
        try:
            return ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise CommandError(
                f"no time zone is called {self.time_zone}; expected a name like Europe/Brussels",
                WRONG_USAGE,
            ) from None


def show_bad(count: int, bad: Sequence[str]) -> None:
    """Tell which rows were left out, the first of them one by one."""
    if not count:
        return
    say(f"{counted(count, 'row')} left out because they cannot be read:", "yellow")
    for text in bad[:_SHOWN]:
        say(f"  {text}")
    if count > _SHOWN:
        say(f"  and {count - _SHOWN} more; --json lists them")
