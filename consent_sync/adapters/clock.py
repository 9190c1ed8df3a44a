"""The real clock and real chance: the only place that asks the machine for either."""

import asyncio
import random
import time
from typing import Final

from consent_sync.domain.moments import Micros

# Counts on while the machine sleeps, where there is one that does.
_STEADY: Final[int] = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def elapsed_seconds() -> float:
    """Return seconds since some moment; they pass evenly, whatever happens to the wall clock."""
    return time.clock_gettime(_STEADY)


class SystemClock:
    """The machine's wall clock."""

    def now(self) -> Micros:
        """Return the present moment."""
        return time.time_ns() // 1_000

    async def sleep(self, seconds: float) -> None:
        """Wait that many seconds."""
        await asyncio.sleep(seconds)


class SystemChance:
    """The machine's randomness, for spread and not for secrecy."""

    def fraction(self) -> float:
        """Return a number from 0 up to but not including 1."""
        return random.random()
