"""How fast and how many at once: the limits of one Actito account (page "Limitations")."""

import asyncio
from collections import deque
from contextlib import AbstractAsyncContextManager

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
        self._slots = _Slots(max(1, max_concurrency))
        self._debt = 0
        self._paused_at: Micros = 0
        self._paused_until: Micros = 0

    def pause(self, seconds: float) -> None:
        """Let no further call of this account start for that long, urgent ones excepted."""
        self._paused_at = self._clock.now()
        until = self._paused_at + round(seconds * SECOND)
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

    def slot(self, *, urgent: bool) -> AbstractAsyncContextManager[None]:
        """Hold one of the places for calls at the same time; urgent calls come first."""
        return _Slot(self._slots, urgent)

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
        # A clock that was set back ends the pause instead of making it longer.
        while self._paused_at <= (now := self._clock.now()) < self._paused_until:
            await self._clock.sleep((self._paused_until - now) / SECOND)


class _Slots:
    """A semaphore with two queues; a slot is handed over directly, so that none can get lost."""

    def __init__(self, free: int) -> None:
        self._free = free
        self._urgent: deque[asyncio.Future[None]] = deque()
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def take(self, *, urgent: bool) -> None:
        if self._free:
            self._free -= 1
            return
        queue = self._urgent if urgent else self._waiting
        place = asyncio.get_running_loop().create_future()
        queue.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if not place.cancelled():
                self.give_back()
            elif place in queue:
                queue.remove(place)
            raise

    def give_back(self) -> None:
        for queue in (self._urgent, self._waiting):
            while queue:
                place = queue.popleft()
                if not place.done():
                    place.set_result(None)
                    return
        self._free += 1


class _Slot(AbstractAsyncContextManager[None]):
    """One place, from the moment it is free until the call has ended."""

    def __init__(self, slots: _Slots, urgent: bool) -> None:
        self._slots = slots
        self._urgent = urgent

    async def __aenter__(self) -> None:
        await self._slots.take(urgent=self._urgent)

    async def __aexit__(self, *_: object) -> None:
        self._slots.give_back()


def _limiter(calls_per_minute: int) -> AsyncLimiter | None:
    if calls_per_minute <= 0:
        return None
    # A full bucket comes on top of the rate: a tenth of it keeps the first minute below the limit.
    burst = max(1.0, calls_per_minute / 10)
    return AsyncLimiter(burst, 60 * burst / calls_per_minute)
