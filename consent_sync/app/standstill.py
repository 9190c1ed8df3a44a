"""What stands still: platforms that are not called, and what an operator has paused.

It is told in the log and the metrics, and whoever waited for it is called when it goes on.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import structlog

from consent_sync.adapters.metrics import Metrics
from consent_sync.domain.alerts import Trouble
from consent_sync.domain.errors import StoreError
from consent_sync.domain.identity import Side
from consent_sync.domain.moments import MINUTE, SECOND, Micros
from consent_sync.ports.clock import Clock
from consent_sync.ports.store import Store
from consent_sync.services.alert_conditions import Condition, Facts
from consent_sync.services.circuits import Break, BreakChange, Cause
from consent_sync.services.pauses import Pause, Pauses

LOOK_SECONDS: Final = 2.0
"""After so long, at the latest, a replica knows what another one or a command has paused."""

SURE_AFTER: Final[Micros] = 15 * MINUTE
"""So long after a start it is known that a platform is called again: not just not yet in trouble."""

_WHAT: Final = {
    Cause.TROUBLE: "it is in trouble and left in peace; it is tried now and then",
    Cause.CREDENTIALS: "it refuses our credentials or lacks rights; it is tried now and then",
}

_AT_ONCE: Final = 2_000
"""How many turns are called in one transaction: others want to write meanwhile."""

_log = structlog.get_logger(__name__)


class Standstill:
    """Tells what stands still, and calls whoever waited. `begin` once, then `run` until cancelled."""

    def __init__(self, store: Store, pauses: Pauses, metrics: Metrics, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._seen_at: Micros = 0
        self._metrics = metrics
        self._bell = asyncio.Event()
        self._told: frozenset[Pause] = frozenset()
        self.pauses = pauses
        self.breaks: Callable[[], tuple[Break, ...]] = tuple

    def told(self, change: BreakChange) -> None:
        """Take note of a platform that is not called from now on, or is called again."""
        one = change.broken
        words = {"side": one.side.value, "account": one.account, "mapping": one.mapping}
        cause = one.cause.value
        self._metrics.not_called(one.side, one.account, one.mapping, cause, over=change.over)
        if change.over:
            _log.info("platform_called_again", **words, cause=cause)
            self._bell.set()
        elif one.cause is Cause.CREDENTIALS:
            _log.error("credentials_refused", **words, writes_only=one.writes_only, why=one.why)
        else:
            _log.warning("platform_not_called", **words, why=one.why)

    def conditions(self, *, calls: bool, started_at: Micros) -> dict[str, Condition]:
        """Return what is worth an alert; a process that makes no calls cannot tell."""

        def found(cause: Cause, facts: Facts) -> list[Trouble] | None:
            breaks = [one for one in self.breaks() if one.cause is cause]
            if not calls or (not breaks and facts.now - started_at < SURE_AFTER):
                return None
            return [Trouble(_where(one), _WHAT[cause]) for one in breaks]

        return {
            "breaker_open": lambda facts: found(Cause.TROUBLE, facts),
            "credentials_refused": lambda facts: found(Cause.CREDENTIALS, facts),
            "writing_paused": self._paused,
        }

    async def begin(self) -> None:
        """Learn what is paused, before anything is written; raise StoreError."""
        await self.look()
        # A start may bring other settings, and looks at both platforms anew.
        self._bell.set()

    async def pause(self, sides: tuple[Side, ...], mapping: str, by: str) -> None:
        """Pause writing to these sides; durable on return. Raises StoreError."""
        await self.pauses.pause(sides, mapping, by)
        self._tell()

    async def resume(self, sides: tuple[Side, ...], mapping: str) -> int:
        """End these pauses and call whoever waited; return how many. Raises StoreError."""
        ended = await self.pauses.resume(sides, mapping)
        self._tell()
        return ended

    async def look(self) -> None:
        """Learn what others have paused or resumed; raise StoreError."""
        await self.pauses.refresh()
        self._tell()

    async def run(self) -> None:
        """Call those who waited when something goes on, until cancelled."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._bell.wait()
            self._watch_clock()
            try:
                await self._go_on()
            except StoreError:
                # What could not be read or written now is tried again after a pause.
                await asyncio.sleep(LOOK_SECONDS)
                self._bell.set()

    def _watch_clock(self) -> None:
        """Call whoever waits when the clock was set back: their moments are too far away now."""
        before, self._seen_at = self._seen_at, self._clock.now()
        if self._seen_at < before - SECOND:
            _log.warning("clock_set_back", seconds=(before - self._seen_at) // SECOND)
            self._bell.set()

    async def _go_on(self) -> None:
        await self.look()
        if self._bell.is_set():
            # Before the work: what begins to go on meanwhile calls once more.
            self._bell.clear()
            while await self._store.hurry(_AT_ONCE) >= _AT_ONCE:
                pass

    def _paused(self, _facts: Facts) -> list[Trouble]:
        told = "writing is paused by an operator; refusals wait, too"
        return [
            Trouble(" ".join(filter(None, (one.side.value, one.mapping))), told)
            for one in self.pauses.current
        ]

    def _tell(self) -> None:
        now = frozenset(self.pauses.current)
        for one in now - self._told:
            _log.warning("paused", side=one.side.value, mapping=one.mapping, by=one.by)
        for one in self._told - now:
            _log.info("resumed", side=one.side.value, mapping=one.mapping)
            self._bell.set()
        self._told = now
        self._metrics.paused({(one.side, one.mapping) for one in now})


def _where(one: Break) -> str:
    return " ".join(part for part in (one.side.value, one.account, one.mapping) if part)
