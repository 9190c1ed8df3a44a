"""Time and chance, as the program needs them from the world."""

from typing import Protocol

from consent_sync.domain.moments import Micros


class Clock(Protocol):
    """The present moment, and waiting."""

    def now(self) -> Micros:
        """Return the present moment."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait that many seconds."""
        ...


class Chance(Protocol):
    """Randomness for spreading retries."""

    def fraction(self) -> float:
        """Return a number from 0 up to but not including 1."""
        ...
