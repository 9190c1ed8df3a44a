"""At a start: what Didomi tried to tell while nobody listened is pulled, in the background."""

import asyncio
from dataclasses import dataclass
from typing import Final

import structlog

from consent_sync.adapters.notebook import SqliteNotebook
from consent_sync.domain.errors import ConsentSyncError, TemporaryError
from consent_sync.domain.identity import Side
from consent_sync.domain.moments import Micros
from consent_sync.ports.clock import Clock
from consent_sync.ports.mappings import MappingSource
from consent_sync.ports.store import Ledger
from consent_sync.services.recovery import Recovery

FIRST_PAUSE_SECONDS: Final = 10.0
LONGEST_PAUSE_SECONDS: Final = 900.0

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Recovering:
    """Recovers once after a start, as often as it takes; a stop in between is made up for.

    `after` is how old Didomi's last event must be, 0 = never.
    """

    recovery: Recovery
    mappings: MappingSource
    ledger: Ledger
    clock: Clock
    after: Micros
    notebook: SqliteNotebook | None
    _task: "asyncio.Task[None] | None" = None

    async def begin(self) -> None:
        """Find out whether something was missed, and go after it; raises StoreError."""
        since = await self._since()
        if since is None:
            return
        if self.notebook is not None:
            await self.notebook.note(str(since))
        self._task = asyncio.create_task(self._recover(since), name="recovering")

    async def stop(self) -> None:
        """Leave the rest to the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self.notebook is not None:
            self.notebook.close()

    async def done(self) -> None:
        """Return when nothing is left to recover."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _since(self) -> Micros | None:
        if not self.after:
            return None
        # An earlier recovery that did not come to its end; its own events look like fresh ones.
        noted = await self.notebook.read() if self.notebook is not None else None
        if noted is not None:
            return int(noted)
        last = (await self.ledger.status()).sides[Side.DIDOMI].last_event_at
        missing = last is not None and self.clock.now() - last > self.after
        return last if missing else None

    async def _recover(self, since: Micros) -> None:
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                mappings = list(self.mappings.current().values())
                if not mappings:
                    raise TemporaryError("no mapping is in force yet")
                done = await self.recovery.run(mappings, since)
            except TemporaryError as error:
                _log.warning("recovery_waits", why=str(error), pause_seconds=pause)
                await self.clock.sleep(max(pause, error.retry_after or 0))
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            except ConsentSyncError as error:
                _log.error("recovery_failed", why=str(error))
                return
            else:
                if self.notebook is not None:
                    await self.notebook.clear()
                _log.info(
                    "recovered",
                    users=done.users,
                    changed=done.changed,
                    missed=done.missed,
                    taken=done.taken,
                )
                return
