"""The sweep in the background of the service: round after round, at its share of the calls."""

import asyncio
from dataclasses import dataclass
from typing import Final

import structlog

from consent_sync.adapters.metrics import Metrics
from consent_sync.adapters.notebook import SqliteNotebook
from consent_sync.domain.errors import ConsentSyncError, TemporaryError
from consent_sync.domain.moments import HOUR, SECOND, Micros
from consent_sync.ports.board import Board
from consent_sync.ports.clock import Clock
from consent_sync.ports.door import Door
from consent_sync.ports.mappings import MappingSource
from consent_sync.services.comparison import Comparison
from consent_sync.services.first_look import Eyes
from consent_sync.services.scan import Progress, progress_from
from consent_sync.services.sweep import Repair, note_sweep

FIRST_AFTER_SECONDS: Final = 600.0
"""How long after a start the first round begins: what waited through the stop comes first."""

PAUSE_SECONDS: Final = 300.0
"""How long a round that met trouble rests before it goes on."""

LONG_PAUSE_SECONDS: Final = 3_600.0
"""How long it rests where somebody probably has to act."""

TOLD_EVERY: Final = HOUR
"""How often the log tells how far a round is."""

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Sweeping:
    """Rounds, each begun `every` after the one before at the earliest; 0 = none.

    With `repairs` whoever differs is handed to their turns, otherwise they are only counted.
    """

    eyes: Eyes
    mappings: MappingSource
    notebook: SqliteNotebook | None
    door: Door
    board: Board
    clock: Clock
    metrics: Metrics
    every: Micros
    repairs: bool
    _task: "asyncio.Task[None] | None" = None
    _told_at: Micros = 0

    def begin(self) -> None:
        """Start sweeping in the background; does nothing where there is no file to note in."""
        if self.every and self.notebook is not None:
            self._task = asyncio.create_task(self._rounds(self.notebook), name="sweeping")

    async def stop(self) -> None:
        """Stop; the next start goes on behind the last whole page."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self.notebook is not None:
            self.notebook.close()

    async def _rounds(self, notebook: SqliteNotebook) -> None:
        await self.clock.sleep(FIRST_AFTER_SECONDS)
        while True:
            try:
                pause = await self._due_in(notebook)
                if not pause:
                    await self._round(notebook)
            except TemporaryError as error:
                _log.warning("sweep_waits", why=str(error), pause_seconds=PAUSE_SECONDS)
                pause = PAUSE_SECONDS
            except ConsentSyncError as error:
                _log.error("sweep_stopped", why=str(error), pause_seconds=LONG_PAUSE_SECONDS)
                pause = LONG_PAUSE_SECONDS
            await self.clock.sleep(max(pause, 1.0))

    async def _due_in(self, notebook: SqliteNotebook) -> float:
        """Return in how many seconds the next round begins; 0 also for one that is not at its end."""
        if not self.mappings.current():
            return PAUSE_SECONDS
        text = await notebook.read()
        if text is None:
            return 0.0
        progress = progress_from(text)
        due = progress.started_at + self.every
        return max(0.0, (due - self.clock.now()) / SECOND) if progress.complete else 0.0

    async def _round(self, notebook: SqliteNotebook) -> None:
        repair = Repair(self.mappings.current, self.door if self.repairs else None)
        mappings = list(self.mappings.current().values())
        progress = await Comparison(
            self.eyes, mappings, notebook, on_found=repair.take, on_page=self._page
        ).run()
        tally = repair.whole(progress)
        await note_sweep(self.board, tally.differing)
        self.metrics.swept(progress.counts.compared, tally.differing, self.clock.now())
        _log.info(
            "swept",
            compared=progress.counts.compared,
            differing=tally.differing,
            repaired=tally.repaired,
            held=tally.held,
            strangers=tally.strangers,
        )

    async def _page(self, progress: Progress) -> None:
        """Tell how far a round is: it may take days."""
        counts, now = progress.counts, self.clock.now()
        self.metrics.sweeping(counts.compared)
        if now >= self._told_at + TOLD_EVERY:
            self._told_at = now
            _log.info("sweeping", compared=counts.compared, differing=counts.differing)
