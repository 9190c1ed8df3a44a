"""How fast and how many at once: the limits of one Actito account (page "Limitations")."""

import asyncio
from collections import deque
from contextlib import AbstractAsyncContextManager
from typing import Final, NamedTuple

from consent_sync.adapters.actito.rates import OwnRate, Rate, SharedRate, Unlimited
from consent_sync.domain.moments import SECOND, Micros
from consent_sync.ports.clock import Clock
from consent_sync.ports.quota import Quota

# How many seconds' worth of calls are prepared by turns that were claimed.
_AT_WORK_SECONDS: Final = 2
_BESIDE: Final = 2


class SharedAs(NamedTuple):
    """Where an account's permits are drawn, and by which name it is known there."""

    quota: Quota
    account: bytes


class Pacing:
    """Calls per minute, calls at once, and pauses that the platform asked for.

    An urgent call waits for neither rate nor pause and takes the next free slot; what it uses up
    is charged to the calls after it.
    """

    def __init__(
        self,
        calls_per_minute: int,
        max_concurrency: int,
        clock: Clock,
        shared: SharedAs | None = None,
    ) -> None:
        self._clock = clock
        self._per_minute = max(0, calls_per_minute)
        self._rate = _rate(self._per_minute, max(1, max_concurrency), clock, shared)
        self._slots = _Slots(self._rate)
        self.waiting = 0
        self._paused_at: Micros = 0
        self._paused_until: Micros = 0

    def room(self) -> int | None:
        """Return how many turns at once make sense at this rate, None for any number.

        More would only stand in line for a call, where nothing new joins them and nothing more
        urgent overtakes them.
        """
        if not self._per_minute:
            return None
        return self._at_work() + self._rate.free()

    def room_beside(self) -> int | None:
        """Return how many turns more make sense that may need no call, None for any number.

        While the line is short nothing speaks against it; where it has become long they did need
        one, and only as many may stand in it as keep it that long.
        """
        if self.waiting <= self._at_work():
            return None
        return max(0, 2 * self._at_work() + _BESIDE - self.waiting)

    def _at_work(self) -> int:
        return max(self._rate.at_once, self._per_minute * _AT_WORK_SECONDS // 60)

    def pause(self, seconds: float) -> None:
        """Let no further call of this account start for that long, urgent ones excepted."""
        self._paused_at = self._clock.now()
        until = self._paused_at + round(seconds * SECOND)
        self._paused_until = max(self._paused_until, until)

    async def wait(self, *, urgent: bool) -> None:
        """Return when one more call may start by rate and pause."""
        if urgent:
            await self._rate.charge()
            return
        self.waiting += 1
        try:
            await self._sit_out_pause()
            await self._rate.acquire()
            # A pause may have been asked for while this call waited for its rate.
            await self._sit_out_pause()
        finally:
            self.waiting -= 1

    def slot(self, *, urgent: bool) -> AbstractAsyncContextManager[None]:
        """Hold one of the places for calls at the same time; urgent calls come first."""
        return _Slot(self._slots, urgent)

    async def _sit_out_pause(self) -> None:
        # A clock that was set back ends the pause instead of making it longer.
        while self._paused_at <= (now := self._clock.now()) < self._paused_until:
            await self._clock.sleep((self._paused_until - now) / SECOND)


class _Slots:
    """A semaphore with two queues; a slot is handed over directly, so that none can get lost.

    How many there are may change: a rate that is shared tells what our share is.
    """

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._used = 0
        self._urgent: deque[asyncio.Future[None]] = deque()
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def take(self, *, urgent: bool) -> None:
        if self._used < self._rate.at_once:
            self._used += 1
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
        self._used -= 1
        for queue in (self._urgent, self._waiting):
            while queue and self._used < self._rate.at_once:
                place = queue.popleft()
                if not place.done():
                    self._used += 1
                    place.set_result(None)


class _Slot(AbstractAsyncContextManager[None]):
    """One place, from the moment it is free until the call has ended."""

    def __init__(self, slots: _Slots, urgent: bool) -> None:
        self._slots = slots
        self._urgent = urgent

    async def __aenter__(self) -> None:
        await self._slots.take(urgent=self._urgent)

    async def __aexit__(self, *_: object) -> None:
        self._slots.give_back()


def _rate(per_minute: int, at_once: int, clock: Clock, shared: SharedAs | None) -> Rate:
    if not per_minute:
        return Unlimited(at_once)
    if shared is None:
        return OwnRate(per_minute, at_once)
    return SharedRate(shared.quota, shared.account, per_minute, at_once, clock)
