"""Looking at a set pace, so that what is in a hurry finds room."""

import asyncio
from collections.abc import Callable
from typing import Final

from consent_sync.domain.events import ProfileMissing, ProfileReading
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.moments import MINUTE, SECOND, Micros
from consent_sync.ports.clock import Clock
from consent_sync.ports.lists import ProfileSource

EXTRA_CALLS: Final = 3
"""What it costs beyond the first call to be sure that a profile is missing."""


class PacedProfiles:
    """Profiles read one after the other, at most so many calls a minute; 0 = as fast as it goes."""

    def __init__(
        self, profiles: ProfileSource, clock: Clock, per_minute: Callable[[Mapping], float]
    ) -> None:
        self._profiles = profiles
        self._clock = clock
        self._per_minute = per_minute
        self._lock = asyncio.Lock()
        self._next: Micros = 0

    async def read_by_key(self, mapping: Mapping, key: str) -> ProfileReading | ProfileMissing:
        """Return one profile when its turn has come."""
        calls = self._per_minute(mapping)
        if not calls:
            return await self._profiles.read_by_key(mapping, key)
        async with self._lock:
            now = self._clock.now()
            span = round(MINUTE / calls)
            # A clock that was set back must not make it wait for hours.
            wait = min(self._next - now, (1 + EXTRA_CALLS) * span)
            if wait > 0:
                await self._clock.sleep(wait / SECOND)
            seen = await self._profiles.read_by_key(mapping, key)
            cost = 1 + (EXTRA_CALLS if isinstance(seen, ProfileMissing) else 0)
            self._next = max(self._next, now) + cost * span
            return seen
