"""The sweep in the background of the service: round after round, at its share of the calls."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import structlog

from consent_sync.adapters.metrics import Metrics
from consent_sync.adapters.notebook import SqliteNotebook
from consent_sync.domain.errors import ConsentSyncError, StoreError, TemporaryError
from consent_sync.domain.moments import HOUR, SECOND, Micros
from consent_sync.ports.board import Board
from consent_sync.ports.clock import Clock
from consent_sync.ports.door import Door
from consent_sync.ports.mappings import MappingSource
from consent_sync.services.comparison import Comparison
from consent_sync.services.first_look import Eyes
from consent_sync.services.scan import Progress, progress_from
from consent_sync.services.sweep import Repair, last_begin, note_begin, note_sweep

FIRST_AFTER_SECONDS: Final = 600.0
"""How long after a start the first round begins: what waited through the stop comes first."""

PAUSE_SECONDS: Final = 300.0
"""How long a round that met trouble rests before it goes on."""

LONG_PAUSE_SECONDS: Final = 3_600.0
"""How long it rests where somebody probably has to act."""

LEASE_SECONDS: Final = 2 * LONG_PAUSE_SECONDS
"""How long the others leave sweeping to a replica that says nothing: longer than any pause of it."""

TOLD_EVERY: Final = HOUR
"""How often the log tells how far a round is."""

_WORK: Final = "sweep"
_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Sweeping:
    """Rounds, each begun `every` after the one before at the earliest; 0 = none.

    Of several replicas one sweeps, as `holder`: all at once would take all of Actito's calls. With `repairs` whoever differs is handed to their turns, otherwise they are only counted.
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
    holder: str
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
            # Where that fails, another one takes over when the lease has ended.
            with suppress(StoreError):
                await self.board.resign(_WORK, self.holder)
        if self.notebook is not None:
            self.notebook.close()

    async def _rounds(self, notebook: SqliteNotebook) -> None:
        await self.clock.sleep(FIRST_AFTER_SECONDS)
        while True:
            try:
                pause = await self._due_in(notebook) if await self._leads() else PAUSE_SECONDS
                if not pause:
                    await self._round(notebook)
            except (TemporaryError, StoreError) as error:
                _log.warning("sweep_waits", why=str(error), pause_seconds=PAUSE_SECONDS)
                pause = PAUSE_SECONDS
            except ConsentSyncError as error:
                _log.error("sweep_stopped", why=str(error), pause_seconds=LONG_PAUSE_SECONDS)
                pause = LONG_PAUSE_SECONDS
            await self.clock.sleep(min(max(pause, 1.0), LONG_PAUSE_SECONDS))

    async def _leads(self) -> bool:
        return await self.board.lead(_WORK, self.holder, LEASE_SECONDS)

    async def _due_in(self, notebook: SqliteNotebook) -> float:
        """Return in how many seconds the next round begins; 0 also for one that is not at its end."""
        if not self.mappings.current():
            return PAUSE_SECONDS
        text = await notebook.read()
        progress = progress_from(text) if text is not None else None
        begun = await last_begin(self.board)
        if progress is not None and progress.started_at < (begun or 0):
            # Another replica has compared everybody since.
            await notebook.clear()
            progress = None
        if progress is not None:
            if not progress.complete:
                return 0.0
            begun = progress.started_at
        return 0.0 if begun is None else max(0.0, (begun + self.every - self.clock.now()) / SECOND)

    async def _round(self, notebook: SqliteNotebook) -> None:
        repair = Repair(self.mappings.current, self.door if self.repairs else None)
        mappings = list(self.mappings.current().values())
        progress = await Comparison(
            self.eyes, mappings, notebook, on_found=repair.take, on_page=self._page
        ).run()
        tally = repair.whole(progress)
        await note_begin(self.board, progress.started_at)
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
        """Keep the lead and tell how far a round is: it may take days."""
        if not await self._leads():
            raise TemporaryError("another process compares everybody")
        counts, now = progress.counts, self.clock.now()
        self.metrics.sweeping(counts.compared)
        if now >= self._told_at + TOLD_EVERY:
            self._told_at = now
            _log.info("sweeping", compared=counts.compared, differing=counts.differing)
