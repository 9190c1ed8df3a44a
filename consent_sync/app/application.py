"""The running program: its parts, how it starts, and how it stops without losing anything."""

import asyncio
import gc
from dataclasses import dataclass, field
from enum import Enum

import aiohttp
import structlog

from consent_sync.adapters.mapping_files import MappingFolder, Reload
from consent_sync.adapters.metrics import Metrics
from consent_sync.adapters.telemetry import Fingerprint
from consent_sync.app.accounts import ActitoAccounts, DidomiAccounts
from consent_sync.app.activation import Activation
from consent_sync.app.alerting import Alerting
from consent_sync.app.bulk_switch import BulkSwitch
from consent_sync.app.database import Reader
from consent_sync.app.erasing import Erasing
from consent_sync.app.fading import Fading
from consent_sync.app.guarding import Guarding
from consent_sync.app.radar import Radar
from consent_sync.app.recovering import Recovering
from consent_sync.app.settings import Settings
from consent_sync.app.standstill import Standstill
from consent_sync.app.sweeping import Sweeping
from consent_sync.app.witnesses import remember_profiles
from consent_sync.domain.rules import Rules
from consent_sync.ports.clock import Clock
from consent_sync.ports.store import Store
from consent_sync.services.dead_letters import DeadLetters
from consent_sync.services.intake import Intake
from consent_sync.services.lookup import Lookup
from consent_sync.services.replay import Replay
from consent_sync.services.review import Review
from consent_sync.services.worker import Worker


class Duty(Enum):
    """What one process does: everything, or one half, where others do the rest."""

    ALL = "all"
    INTAKE = "intake"
    TURNS = "turns"


_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Application:
    """All parts, put together. `start` once, `stop` once; then it cannot be started again."""

    settings: Settings
    clock: Clock
    store: Store
    mappings: MappingFolder
    activation: Activation
    metrics: Metrics
    fingerprint: Fingerprint
    rules: Rules
    actito: ActitoAccounts
    didomi: DidomiAccounts
    intake: Intake
    lookup: Lookup
    replay: Replay
    review: Review
    dead_letters: DeadLetters
    standstill: Standstill
    radar: Radar
    worker: Worker
    session: aiohttp.ClientSession
    recovering: Recovering
    bulk: BulkSwitch
    sweeping: Sweeping
    erasing: Erasing
    fading: Fading
    guarding: Guarding
    alerting: Alerting
    reader: Reader | None = None
    duty: Duty = Duty.ALL
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def start(self) -> None:
        """Open the store, put the mappings in force and start to work; raise StoreError."""
        await self.store.open()
        self._tell(await self.activation.start())
        for one in self.mappings.current().values():
            _log.info("mapping_in_force", mapping=one.name, version=one.version, file=one.file)
        # Before anything comes in: an old backup may have forgotten who was erased.
        await self.erasing.begin()
        if self.reader is not None:
            await remember_profiles(self.reader, self.mappings, self.actito)
        if self.duty is not Duty.TURNS:
            # Before the first webhook comes in, which would hide how long nobody listened.
            await self.recovering.begin()
        self._tasks = [
            asyncio.create_task(self.activation.watch(self._tell), name="mappings"),
        ]
        self.alerting.begin()
        await self.standstill.begin()
        self._tasks.append(asyncio.create_task(self.standstill.run(), name="standstill"))
        if self.duty is not Duty.INTAKE:
            # Before the first turn: what was let through before a restart still counts.
            await self.guarding.begin()
            self._tasks.append(asyncio.create_task(self.worker.run(), name="worker"))
            if self.settings.actito_bulk_above:
                self._tasks.append(asyncio.create_task(self.bulk.run(), name="bulk"))
            self.sweeping.begin()
            self.fading.begin()
            if self.settings.discover_every_seconds:
                looking = self.radar.run(self.settings.discover_every_seconds)
                self._tasks.append(asyncio.create_task(looking, name="radar"))
        # What lives as long as the process is not looked through again and again; measured in
        # docs/decisions/0002-group-commit.md.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 50, 50)

    async def broken(self) -> None:
        """Return when a part that must run for ever has ended, having logged which and why."""
        await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in self._tasks:
            if task.done() and not task.cancelled():
                _log.critical("part_ended", part=task.get_name(), exc_info=task.exception())

    async def finish_turns(self) -> None:
        """Claim no more turns and let those under way end, within the time that the settings say."""
        self.actito.finish()
        await self.worker.stop(self.settings.stop_within_seconds)

    async def stop(self) -> None:
        """Finish the turns under way, close the store and every connection."""
        await self.finish_turns()
        await self.actito.stop()
        await asyncio.gather(
            self.recovering.stop(),
            self.sweeping.stop(),
            self.erasing.stop(),
            self.fading.stop(),
            self.guarding.stop(),
            self.alerting.stop(),
        )
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.store.close()
        await self.session.close()

    def _tell(self, reload: Reload) -> None:
        for change in reload.changes:
            _log.info("mapping_changed", mapping=change.name, old=change.old, new=change.new)
        for problem in reload.problems:
            _log.error("mapping_problem", problem=str(problem))
        for warning in reload.warnings:
            _log.warning("mapping_warning", problem=str(warning))
        for name in reload.kept:
            _log.warning(
                "mapping_kept", mapping=name, why="its file is refused; the last good version holds"
            )
        self.metrics.mappings(self.mappings.current().keys(), reload.kept, len(reload.problems))
