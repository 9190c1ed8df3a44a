"""The worker: claims turns, takes them side by side within a bound, and stops cleanly."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final, Protocol

from consent_sync.domain.errors import StoreError
from consent_sync.domain.identity import Subject
from consent_sync.ports.observer import TurnObserver
from consent_sync.ports.store import Turn, Turns
from consent_sync.services.synchronise import Synchroniser

_IDLE_SECONDS: Final = 0.5
_AFTER_TROUBLE_SECONDS: Final = 0.5
_LONGEST_PAUSE_SECONDS: Final = 300.0
_RELEASE_SECONDS: Final = 5.0
_REMEMBERED_FAILURES: Final = 1_000
_TOGETHER_AT_ONCE: Final = 32
"""How many opt-outs that may be written together are on their way there at the same time.

Few, because one that turns out to be written alone stands in the line for a call before others.
"""

_TOGETHER_SECONDS: Final = 0.02
"""How soon it is looked how many of them have got there."""


class Together(Protocol):
    """Where opt-outs wait for others, to be written with them."""

    def room(self) -> int:
        """Return how many more may wait there."""
        ...

    def waiting(self) -> int:
        """Return how many do."""
        ...


class Worker:
    """Takes turns until it is stopped, at most `concurrency` at a time.

    `room` tells how many make sense at the pace of the platforms, None for any number: who has to
    wait for a call waits in the store, where more urgent turns come first and what arrives joins.
    Opt-outs that are written `together` with others are not at work while they wait for them.
    """

    def __init__(
        self,
        turns: Turns,
        synchroniser: Synchroniser,
        concurrency: int,
        observer: TurnObserver,
        room: Callable[[], int | None] = lambda: None,
        together: Together | None = None,
    ) -> None:
        self._turns = turns
        self._synchroniser = synchroniser
        self._concurrency = concurrency
        self._observer = observer
        self._pace = room
        self._writing = together
        self._running: set[asyncio.Task[None]] = set()
        # Those that were taken to be written together, and whether there may be more such.
        self._extra: set[asyncio.Task[None]] = set()
        self._eager = False
        self._resting: set[asyncio.Task[None]] = set()
        self._failures: dict[Subject, int] = {}
        self._room = asyncio.Event()
        self._stopping = asyncio.Event()
        self.alive = False

    async def run(self) -> None:
        """Claim and take turns until `stop`; a turn that fails unexpectedly is given back."""
        self.alive = True
        try:
            while not self._stopping.is_set():
                free = self._free()
                turns = await self._claim(free) if free > 0 else ()
                self._begin(turns)
                more = self._more()
                others = await self._claim(more, hurried=True) if more > 0 else ()
                if more > 0:
                    self._eager = len(others) == more
                self._begin(others, extra=True)
                # Who got less than they asked for has all that is due.
                if len(turns) < max(free, 1) and not others:
                    await self._rest(full=free <= 0)
        finally:
            self.alive = False

    async def stop(self, timeout_seconds: float) -> None:
        """Claim nothing more and wait for the turns under way, at most that long.

        A turn that is cut off comes back at the next start; what it announced is looked at then.
        """
        self._stopping.set()
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=timeout_seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        for task in self._resting:
            task.cancel()

    def _free(self) -> int:
        room = self._pace()
        most = self._concurrency if room is None else min(self._concurrency, room)
        return most - self._at_work() + self._on_their_way()

    def _more(self) -> int:
        """Return how many more opt-outs may be taken because they are written together."""
        room = 0 if self._writing is None else self._writing.room()
        return min(room, _TOGETHER_AT_ONCE) - self._on_their_way()

    def _at_work(self) -> int:
        waiting = 0 if self._writing is None else self._writing.waiting()
        return len(self._running) - waiting

    def _on_their_way(self) -> int:
        """Return how many that were taken to be written together do not wait there, at least.

        They take nobody's place among those that the pace has work for, so all get their share.
        """
        waiting = 0 if self._writing is None else self._writing.waiting()
        return max(0, len(self._extra) - waiting)

    def _begin(self, turns: Iterable[Turn], *, extra: bool = False) -> None:
        for turn in turns:
            task = asyncio.create_task(self._take(turn))
            self._running.add(task)
            if extra:
                self._extra.add(task)
            task.add_done_callback(self._ended)

    async def _claim(self, free: int, *, hurried: bool = False) -> tuple[Turn, ...]:
        try:
            return tuple(await self._turns.claim(free, hurried=hurried))
        except StoreError:
            await asyncio.sleep(_AFTER_TROUBLE_SECONDS)
            return ()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._extra.discard(task)
        self._room.set()

    async def _rest(self, *, full: bool) -> None:
        if full:
            # Not by waiting for each of the tasks: with hundreds under way that costs more.
            self._room.clear()
            eager = self._eager and self._on_their_way() > 0
            with suppress(TimeoutError):
                async with asyncio.timeout(_TOGETHER_SECONDS if eager else _IDLE_SECONDS):
                    await self._room.wait()
            return
        try:
            await self._turns.wait(_IDLE_SECONDS)
        except StoreError:
            await asyncio.sleep(_AFTER_TROUBLE_SECONDS)

    async def _take(self, turn: Turn) -> None:
        try:
            await self._synchroniser.take(turn)
        except Exception as error:
            # One of the few broad handlers: no turn may end the worker or stay claimed for ever.
            self._observer.trouble(turn.subject, "turn", error)
            self._rest_before_next(turn)
        else:
            self._failures.pop(turn.subject, None)

    def _rest_before_next(self, turn: Turn) -> None:
        """Give the turn back after a pause that doubles, so that one bad turn blocks nobody."""
        if len(self._failures) >= _REMEMBERED_FAILURES:
            self._failures.pop(next(iter(self._failures)))
        failures = self._failures.pop(turn.subject, 0) + 1
        self._failures[turn.subject] = failures
        pause = min(_AFTER_TROUBLE_SECONDS * 2 ** min(failures - 1, 16), _LONGEST_PAUSE_SECONDS)
        task = asyncio.create_task(self._give_back(turn, pause))
        self._resting.add(task)
        task.add_done_callback(self._resting.discard)

    async def _give_back(self, turn: Turn, pause_seconds: float) -> None:
        await asyncio.sleep(pause_seconds)
        try:
            async with asyncio.timeout(_RELEASE_SECONDS):
                await self._turns.release(turn.subject)
        except (StoreError, TimeoutError) as error:
            self._observer.trouble(turn.subject, "release", error)
