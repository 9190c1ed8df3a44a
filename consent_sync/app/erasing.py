"""Erasure in the running service: the tombstones at the start, and the search for what is left."""

import asyncio
from dataclasses import dataclass, field
from typing import Final

import structlog

from consent_sync.domain.erasure import DeletionPolicy
from consent_sync.domain.errors import ConsentSyncError
from consent_sync.domain.identity import Subject
from consent_sync.domain.state import PersonState
from consent_sync.services.erasure import Erasure

PAUSE_SECONDS: Final = 300.0
"""How long a search that met trouble rests before it begins anew."""

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Erasing:
    """Searches after every start and every erasure; what was erased never waits for it."""

    erasure: Erasure
    _bell: asyncio.Event = field(default_factory=asyncio.Event)
    _task: "asyncio.Task[None] | None" = None

    async def begin(self) -> None:
        """Put all tombstones in force, then search in the background; raise StoreError."""
        missing = await self.erasure.begin()
        if missing:
            _log.warning("erased_again", tombstones=missing)
        self.ring()
        self._task = asyncio.create_task(self._search(), name="erasing")

    def ring(self) -> None:
        """Somebody was erased: search."""
        self._bell.set()

    async def forget(
        self, subject: Subject, state: PersonState, policy: DeletionPolicy, cause: str
    ) -> None:
        """Erase a person in one mapping, and search what else names them; raise StoreError."""
        await self.erasure.forget(subject, state, policy, cause)
        self.ring()

    async def stop(self) -> None:
        """Stop; the next start searches from the beginning."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _search(self) -> None:
        while True:
            await self._bell.wait()
            self._bell.clear()
            try:
                cleared = await self.erasure.clear()
            except ConsentSyncError as error:
                _log.warning("erasure_waits", why=str(error), pause_seconds=PAUSE_SECONDS)
                await asyncio.sleep(PAUSE_SECONDS)
                self._bell.set()
            else:
                if cleared:
                    _log.info("erasure_cleared", tombstones=cleared)
