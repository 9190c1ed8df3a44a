"""Rate limits of the page "Rate limiting": calls per organisation in a fixed window, told in `RateLimit` headers."""

import math
from datetime import datetime, timedelta

from consent_sync.simulators.didomi import dates
from consent_sync.simulators.didomi.switches import Switches


class Limiter:
    """Counts the calls of each organisation in the current window."""

    def __init__(self, switches: Switches, clock: dates.Clock) -> None:
        self._switches = switches
        self._clock = clock
        self._windows: dict[str, tuple[datetime, int]] = {}

    def count(self, organisation_id: str) -> tuple[bool, dict[str, str]]:
        """Count one call; tell whether it is allowed, and with which headers it is answered."""
        switches, now = self._switches, self._clock()
        length = timedelta(seconds=switches.rate_limit_window_seconds)
        start, used = self._windows.get(organisation_id, (now, 0))
        if now - start >= length:
            start, used = now, 0
        allowed = used < switches.rate_limit_calls
        self._windows[organisation_id] = (start, used + 1)
        reset = max(1, math.ceil((start + length - now).total_seconds()))
        left = max(0, switches.rate_limit_calls - used - 1)
        headers = {
            "RateLimit": f"limit={switches.rate_limit_calls}, remaining={left}, reset={reset}",
            "RateLimit-Policy": f"{switches.rate_limit_calls};w={math.ceil(length.total_seconds())}",
        }
        if not allowed:
            headers["Retry-After"] = str(reset)
        return allowed, headers

    def reset(self) -> None:
        """Forget what was counted."""
        self._windows.clear()
