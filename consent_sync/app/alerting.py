"""Alerts in the running service: look, judge, tell, round after round."""

import asyncio
import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
import structlog

from consent_sync.adapters.alert_hooks import AlertHooks
from consent_sync.adapters.clock import SystemChance
from consent_sync.adapters.http import Observer
from consent_sync.adapters.mapping_files import MappingFolder
from consent_sync.adapters.metrics import Metrics
from consent_sync.app.settings import Settings
from consent_sync.domain.alerts import Alert
from consent_sync.domain.errors import StoreError
from consent_sync.domain.moments import HOUR, SECOND
from consent_sync.ports.clock import Clock
from consent_sync.ports.store import Store
from consent_sync.services.alert_conditions import AlertLimits, Condition, Facts, conditions_within
from consent_sync.services.alerting import Watch
from consent_sync.services.sweep import last_sweep

LOOK_SECONDS = 10.0
"""How long one look at the store may take before the store counts as away."""

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Alerting:
    """Rounds in the background; none where they are switched off.

    A condition of another part is one more entry of `watch.conditions`.
    """

    watch: Watch
    store: Store
    mappings: MappingFolder
    clock: Clock
    metrics: Metrics
    every_seconds: float
    _task: "asyncio.Task[None] | None" = None

    def begin(self) -> None:
        """Start looking."""
        if self.every_seconds:
            self._task = asyncio.create_task(self._rounds(), name="alerting")
            self._task.add_done_callback(_ended)

    async def stop(self) -> None:
        """Stop; another replica takes over at once."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        try:
            await self.watch.resign()
        except StoreError as error:
            # The next one takes over when the lease ends.
            _log.info("alerts_not_resigned", why=str(error))

    async def look(self) -> None:
        """Do one round."""
        done = await self.watch.round(await self._facts())
        for change in done.changes:
            _tell(change)
        for failure in done.failures:
            _log.warning("alert_not_delivered", receiver=failure.receiver, why=failure.why)
        if done.book is not None:
            self.metrics.alerts((one.name, one.about, one.raised) for one in done.book.alerts)

    async def _rounds(self) -> None:
        while True:
            await self.look()
            await self.clock.sleep(self.every_seconds)

    async def _facts(self) -> Facts:
        status, differing = None, None
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                await self.store.check()
                status = await self.store.status()
                differing = await last_sweep(self.store)
        except (StoreError, TimeoutError) as error:
            _log.warning("store_unavailable", why=str(error) or "no answer in time")
        return Facts(
            now=self.clock.now(),
            status=status,
            mappings=tuple(self.mappings.current().values()),
            problems=Counter(one.file for one in self.mappings.problems()),
            differing=differing,
        )


def alerting_of(
    settings: Settings,
    store: Store,
    mappings: MappingFolder,
    clock: Clock,
    metrics: Metrics,
    session: aiohttp.ClientSession,
    observer: Observer,
    more: Mapping[str, Condition],
) -> Alerting:
    """Return what looks and tells, as the settings say; `more` are conditions of other parts."""
    urls, keys = settings.alert_webhook_urls, settings.alert_webhook_secrets
    watch = Watch(
        store,
        AlertHooks(session, urls, keys, clock, observer),
        clock,
        SystemChance(),
        {
            **conditions_within(
                AlertLimits(
                    silent=round(settings.alert_silent_hours * HOUR),
                    optout=round(settings.alert_optout_seconds * SECOND),
                )
            ),
            **more,
        },
        secrets.token_hex(8),
    )
    return Alerting(watch, store, mappings, clock, metrics, settings.alert_every_seconds)


def _ended(task: "asyncio.Task[None]") -> None:
    # Whoever is served goes on being served; but nobody may rely on silence any more.
    if not task.cancelled():
        _log.critical("part_ended", part=task.get_name(), exc_info=task.exception())


def _tell(change: Alert) -> None:
    words = {"alert": change.name, "about": change.about, "detail": change.detail}
    if change.raised:
        _log.warning("alert_raised", **words)
    else:
        _log.info("alert_cleared", **words)
