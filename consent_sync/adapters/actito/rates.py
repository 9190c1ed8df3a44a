"""Calls a minute: counted in this process, or drawn from what all replicas share."""

import asyncio
import dataclasses
import math
from typing import Final, Protocol

from aiolimiter import AsyncLimiter

from consent_sync.domain.errors import StoreError
from consent_sync.domain.moments import SECOND, Micros
from consent_sync.ports.clock import Clock
from consent_sync.ports.quota import Ask, Permits, Quota

_BURST_SHARE: Final = 10
_BATCH_SECONDS: Final = 2
_PERMIT_SECONDS: Final = 5
_AFTER_TROUBLE_SECONDS: Final = 1.0
_LONGEST_PAUSE_SECONDS: Final = 1.0


class Rate(Protocol):
    """How fast calls may start."""

    at_once: int
    """How many calls of this process may be under way."""

    async def acquire(self) -> None:
        """Return when one more call may start."""
        ...

    async def charge(self) -> None:
        """Count a call that started without waiting; those after it wait for it."""
        ...

    def free(self) -> int:
        """Return how many calls could start now without waiting, at least about."""
        ...


class Unlimited:
    """No rate at all."""

    def __init__(self, at_once: int) -> None:
        self.at_once = at_once

    async def acquire(self) -> None:
        """Return at once."""

    async def charge(self) -> None:
        """Nothing is counted."""

    def free(self) -> int:
        """Return more than anybody asks for."""
        return 1_000_000


class OwnRate:
    """The rate of an account that nobody else uses."""

    def __init__(self, calls_per_minute: int, at_once: int) -> None:
        self.at_once = at_once
        # A full bucket comes on top of the rate: a tenth of it keeps the first minute below it.
        self._burst = max(1.0, calls_per_minute / _BURST_SHARE)
        self._limiter = AsyncLimiter(self._burst, 60 * self._burst / calls_per_minute)
        self._debt = 0

    async def acquire(self) -> None:
        """Return when one more call may start."""
        while self._debt:
            self._debt -= 1
            await self._limiter.acquire()
        await self._limiter.acquire()

    async def charge(self) -> None:
        """Count a call that started without waiting."""
        if self._limiter.has_capacity():
            await self._limiter.acquire()
        else:
            self._debt += 1

    def free(self) -> int:
        """Return how many calls could start now, or up to half too few."""
        calls = int(self._burst)
        while calls and not self._limiter.has_capacity(calls):
            calls //= 2
        return calls


class SharedRate:
    """A share of an account's rate: permits are drawn some at a time, never one by one."""

    def __init__(
        self, quota: Quota, account: bytes, calls_per_minute: int, at_once: int, clock: Clock
    ) -> None:
        self.at_once = max(1, at_once)
        self._quota = quota
        self._clock = clock
        batch = math.ceil(calls_per_minute * _BATCH_SECONDS / 60)
        self._ask = Ask(account, batch, 0, calls_per_minute, at_once)
        # As long as one more call takes to be allowed; asking more often brings nothing.
        self._pause = min(60 / calls_per_minute, _LONGEST_PAUSE_SECONDS)
        self._drawing = asyncio.Lock()
        self._left = 0
        self._debt = 0
        self._drawn_at: Micros = 0

    async def acquire(self) -> None:
        """Return when one more call may start; while the store is away nobody starts."""
        while not self.free():
            async with self._drawing:
                if not self.free():
                    await self._draw()
        self._left -= 1

    async def charge(self) -> None:
        """Count a call that started without waiting."""
        if self.free():
            self._left -= 1
        else:
            self._debt += 1

    def free(self) -> int:
        """Return how many permits are left; one that was not used for five seconds has ended."""
        if not 0 <= self._clock.now() - self._drawn_at < _PERMIT_SECONDS * SECOND:
            return 0
        return self._left

    async def _draw(self) -> None:
        permits, pause = await self._permits()
        self._left, self._drawn_at = permits.calls, self._clock.now()
        self.at_once = max(1, permits.at_once)
        if not permits.calls:
            await self._clock.sleep(pause)

    async def _permits(self) -> tuple[Permits, float]:
        beyond = self._debt
        try:
            permits = await self._quota.draw(dataclasses.replace(self._ask, beyond=beyond))
        except StoreError:
            return Permits(0, self.at_once), _AFTER_TROUBLE_SECONDS
        self._debt -= beyond
        return permits, self._pause
