"""Retention in the running service: once an hour, what has outlived its time goes."""

import asyncio
from dataclasses import dataclass
from typing import Final

import structlog

from consent_sync.app.settings import Settings
from consent_sync.domain.errors import ConsentSyncError
from consent_sync.domain.moments import HOUR, Micros
from consent_sync.ports.clock import Clock
from consent_sync.services.retention import Identifiers, Kept, Retention, Timelines

EVERY_SECONDS: Final = 3_600.0
"""How long it rests between two rounds."""

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Fading:
    """Rounds in the background; none where nothing has a life."""

    retention: Retention
    timelines: Timelines
    identifiers: Identifiers
    _task: "asyncio.Task[None] | None" = None

    def begin(self) -> None:
        """Start, unless everything is kept for good."""
        if self.retention.life or self.timelines.life or self.identifiers.life:
            self._task = asyncio.create_task(self._rounds(), name="fading")

    async def stop(self) -> None:
        """Stop; the next start begins anew."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _rounds(self) -> None:
        while True:
            try:
                steps = await self.retention.round()
                records = await self.timelines.round()
                people = await self.identifiers.round()
            except ConsentSyncError as error:
                _log.warning("retention_waits", why=str(error), pause_seconds=EVERY_SECONDS)
            else:
                if steps:
                    _log.info("contents_expired", steps=steps)
                if records:
                    _log.info("timelines_shortened", records=records)
                if people:
                    _log.info("identifiers_forgotten", people=people)
            await asyncio.sleep(EVERY_SECONDS)


def fading_of(settings: Settings, store: Kept, clock: Clock) -> Fading:
    """Return what removes what has outlived the times of the settings."""

    def life(days: float) -> Micros:
        return round(days * 24 * HOUR)

    return Fading(
        Retention(store, clock, life(settings.keep_contents_days)),
        Timelines(store, clock, life(settings.keep_timelines_days)),
        Identifiers(store, clock, life(settings.keep_identifiers_days)),
    )
