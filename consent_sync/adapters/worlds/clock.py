"""A clock that is moved by hand, and chance without surprise."""

from consent_sync.domain.moments import SECOND, Micros


class HandClock:
    """Stands still until it is moved; sleeping moves it."""

    def __init__(self, now: Micros) -> None:
        self._now = now

    def now(self) -> Micros:
        """Return the moment it stands at."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Move on by that many seconds, at once."""
        self._now += int(seconds * SECOND)

    def move_to(self, moment: Micros) -> None:
        """Stand at that moment from now on; never earlier than before."""
        self._now = max(self._now, moment)


class EvenChance:
    """Always the middle."""

    def fraction(self) -> float:
        """Return one half."""
        return 0.5
