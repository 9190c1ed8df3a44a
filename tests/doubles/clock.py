"""A clock that ticks as it is told, and chance without surprise."""

from consent_sync.domain.moments import SECOND, Micros

NOON: Micros = 1_767_268_800 * SECOND
"""2026-01-01T12:00:00Z, where invented histories begin."""


class SettableClock:
    """Stands still until it is moved; sleeping moves it."""

    def __init__(self, now: Micros = NOON) -> None:
        self.time = now

    def now(self) -> Micros:
        """Return the moment it stands at."""
        return self.time

    async def sleep(self, seconds: float) -> None:
        """Move on by that many seconds, at once."""
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Move on by that many seconds."""
        self.time += int(seconds * SECOND)


class EvenChance:
    """Always the middle."""

    def fraction(self) -> float:
        """Return one half."""
        return 0.5
