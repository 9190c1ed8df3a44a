"""The guards of a running service: every second they learn what the others have let through."""

import asyncio
from dataclasses import dataclass
from typing import Final

import structlog

from consent_sync.domain.errors import ConsentSyncError
from consent_sync.services.guard_book import GuardBook

EVERY_SECONDS: Final = 1.0
"""How often counts are exchanged; so long a limit may be passed by what other replicas do."""

AFTER_TROUBLE_SECONDS: Final = 10.0
"""How long a process counts alone before it asks again."""

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Guarding:
    """Exchanges in the background; none where nothing is limited."""

    book: GuardBook
    _task: "asyncio.Task[None] | None" = None

    async def begin(self) -> None:
        """Learn what was let through before this start, and go on learning."""
        if self.book.guard.limits.count:
            await self._exchange()
            self._task = asyncio.create_task(self._exchanges(), name="guarding")

    async def stop(self) -> None:
        """Tell the last counts, and stop."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            await self._exchange()

    async def _exchanges(self) -> None:
        pause = EVERY_SECONDS
        while True:
            await asyncio.sleep(pause)
            pause = EVERY_SECONDS if await self._exchange() else AFTER_TROUBLE_SECONDS

    async def _exchange(self) -> bool:
        try:
            await self.book.exchange()
        except ConsentSyncError as error:
            _log.warning("guards_count_alone", why=str(error), pause_seconds=AFTER_TROUBLE_SECONDS)
            return False
        return True
