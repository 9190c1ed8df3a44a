"""Quotas of the page "Limitations": a sixth concurrent call gives 429; beyond 100 calls a minute answers get slower."""

from collections import deque
from collections.abc import Callable

from consent_sync.simulators.actito.refusal import RefusalError
from consent_sync.simulators.actito.switches import Switches

_MINUTE = 60.0


class Limits:
    """Counts calls of the licence; moments are seconds since 1970."""

    def __init__(self, switches: Switches, now: Callable[[], float]) -> None:
        self._switches = switches
        self._now = now
        self._recent: deque[float] = deque()
        self.under_way = 0
        self.most = 0
        """The greatest number of calls at one moment so far."""

    def enter(self) -> float:
        """Let a call in and return the seconds it must wait; raises RefusalError 429, and then `leave` is not due."""
        allowed = self._switches.max_concurrent_calls
        if allowed and self.under_way >= allowed:
            after = self._switches.retry_after
            raise RefusalError(429, f"more than {allowed} concurrent calls", retry_after=after)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        return self._switches.latency_ms / 1000 + self._slowness()

    def leave(self) -> None:
        """Note that a call has ended."""
        self.under_way -= 1

    def clear(self) -> None:
        """Forget the calls of the last minute."""
        self._recent.clear()
        self.most = self.under_way

    def _slowness(self) -> float:
        quota = self._switches.calls_per_minute
        if not quota:
            return 0.0
        now = self._now()
        self._recent.append(now)
        while self._recent[0] <= now - _MINUTE:
            self._recent.popleft()
        excess = len(self._recent) - quota
        if excess <= 0:
            return 0.0
        if self._switches.over_minute == "hang":
            return _MINUTE
        return min(excess * self._switches.slow_step_ms, self._switches.slow_max_ms) / 1000
