"""How fast and how many at once: the limits of one Actito account (page "Limitations")."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiolimiter import AsyncLimiter

from consent_sync.domain.moments import SECOND, Micros
from consent_sync.ports.clock import Clock


class Pacing:
    """Calls per minute, calls at once, and pauses that the platform asked for.

    An urgent call waits for neither rate nor pause and takes the next free slot; what it uses up
    is charged to the calls after it.
    """

    def __init__(self, calls_per_minute: int, max_concurrency: int, clock: Clock) -> None:
        self._clock = clock
        self._limiter = _limiter(calls_per_minute)
        self._slots = asyncio.Condition()
        self._free = max(1, max_concurrency)
        self._urgent_waiting = 0
        self._debt = 0
        self._paused_until: Micros = 0

    def pause(self, seconds: float) -> None:
        """Let no further call of this account start for that long, urgent ones excepted."""
        until = self._clock.now() + round(seconds * SECOND)
        self._paused_until = max(self._paused_until, until)

    async def wait(self, *, urgent: bool) -> None:
        """Return when one more call may start by rate and pause."""
        if urgent:
            await self._charge_without_waiting()
            return
        await self._sit_out_pause()
        while self._debt:
            self._debt -= 1
            await self._acquire()
        await self._acquire()
        # A pause may have been asked for while this call waited for its rate.
        await self._sit_out_pause()

    @asynccontextmanager
    async def slot(self, *, urgent: bool) -> AsyncIterator[None]:
        """Hold one of the places for calls at the same time; urgent calls come first."""
        await self._take(urgent=urgent)
        try:
            yield
        finally:
            async with self._slots:
                self._free += 1
                self._slots.notify_all()

    async def _take(self, *, urgent: bool) -> None:
        async with self._slots:
            self._urgent_waiting += urgent
            try:
                await self._slots.wait_for(
                    lambda: self._free > 0 and (urgent or not self._urgent_waiting)
                )
                self._free -= 1
            finally:
                self._urgent_waiting -= urgent
                self._slots.notify_all()

    async def _acquire(self) -> None:
        if self._limiter is not None:
            await self._limiter.acquire()

    async def _charge_without_waiting(self) -> None:
        if self._limiter is None:
            return
        if self._limiter.has_capacity():
            await self._limiter.acquire()
        else:
            self._debt += 1

    async def _sit_out_pause(self) -> None:
        while (left := self._paused_until - self._clock.now()) > 0:
            await self._clock.sleep(left / SECOND)


def _limiter(calls_per_minute: int) -> AsyncLimiter | None:
    if calls_per_minute <= 0:
        return None
    # A full bucket comes on top of the rate: a tenth of it keeps the first minute below the limit.
    burst = max(1.0, calls_per_minute / 10)
    return AsyncLimiter(burst, 60 * burst / calls_per_minute)
