"""How much is measured: a quick look while developing, or enough to write down."""

import sys
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Effort:
    """Rounds per comparison, seconds per stretch of load, and how many people a drain has."""

    rounds: int
    seconds: int
    people: int
    quick: bool

    def say(self, line: str) -> None:
        """Tell on stderr how far it is; the results alone go to stdout."""
        print(line, file=sys.stderr, flush=True)


def effort(*, quick: bool, rounds: int | None) -> Effort:
    """Return the effort of a quick or a full run, with another number of rounds if given."""
    if quick:
        return Effort(rounds or 1, 1, 2_000, quick)
    return Effort(rounds or 5, 3, 8_000, quick)
