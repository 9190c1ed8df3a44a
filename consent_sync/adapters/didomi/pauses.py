"""Remembers how long Didomi asked us to be quiet, for all callers together.

Page: "Rate limiting". `/consents/*` has no limit of its own, so it waits on its own lane and is not
held up by the limit of the other routes.
"""

import re
from collections.abc import Mapping
from enum import StrEnum

from consent_sync.adapters.http import MAX_RETRY_AFTER_SECONDS, retry_after
from consent_sync.domain.errors import NotNowError
from consent_sync.domain.moments import SECOND, Micros
from consent_sync.ports.clock import Clock

MAX_WAIT_SECONDS = 15.0
"""One window of Didomi's limit; a caller that would wait longer tries again later instead."""

_REMAINING = re.compile(r"(?:\bremaining|;\s*r)\s*=\s*(\d{1,9})")


class Lane(StrEnum):
    """Routes that share one limit."""

    CONSENTS = "consents"
    OTHER = "other"


class Pauses:
    """Holds calls back until the moment Didomi named."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: dict[Lane, Micros] = {}

    async def wait(self, lane: Lane) -> None:
        """Return when calls may go out; raise NotNowError when that takes more than 15 seconds."""
        patience = MAX_WAIT_SECONDS
        while (rest := (self._until.get(lane, 0) - self._clock.now()) / SECOND) > 0:
            if rest > MAX_RETRY_AFTER_SECONDS:
                # Nobody is held for longer than that: the clock was set back.
                del self._until[lane]
                return
            if rest > patience:
                raise NotNowError("Didomi asked us to wait", retry_after=rest)
            patience -= rest
            await self._clock.sleep(rest)

    def hold(self, lane: Lane, seconds: float) -> None:
        """Hold everybody on this lane back that long."""
        until = self._clock.now() + round(seconds * SECOND)
        self._until[lane] = max(until, self._until.get(lane, 0))

    def heed(self, lane: Lane, headers: Mapping[str, str]) -> None:
        """Hold everybody back when an answer says that no call is left in its window."""
        told = _REMAINING.search(headers.get("RateLimit", ""))
        left = told[1] if told else headers.get("RateLimit-Remaining", "").strip()
        if left.isdigit() and int(left) == 0:
            self.hold(lane, retry_after(headers) or 1.0)
