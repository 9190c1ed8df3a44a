"""How far long work is: one line that is written over on a terminal, else a line now and then."""

import sys
from typing import Final

from consent_sync.domain.moments import SECOND
from consent_sync.ports.clock import Clock

QUIET: Final = 30 * SECOND
"""Where nobody watches, how long nothing is said between two lines."""


class ProgressLine:
    """Tells on stderr, so that what a command prints stays clean."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._watched = sys.stderr.isatty()
        self._shown = False
        self._next = clock.now() + QUIET

    def show(self, text: str) -> None:
        """Say how far it is."""
        if self._watched:
            # Whatever was longer before is wiped out.
            sys.stderr.write(f"\r{text}\x1b[K")
            self._shown = True
        elif (now := self._clock.now()) >= self._next:
            self._next = now + QUIET
            sys.stderr.write(f"{text}\n")
        sys.stderr.flush()

    def end(self) -> None:
        """Leave the line as it is and go on below it."""
        if self._shown:
            sys.stderr.write("\n")
            self._shown = False
