"""`GET /metrics`: counters as they stand, and the backlog as the store tells it now."""

import asyncio
from dataclasses import dataclass
from typing import Final

import structlog
from aiohttp import web

from consent_sync.adapters.metrics import CONTENT_TYPE, Metrics
from consent_sync.domain.errors import StoreError
from consent_sync.ports.clock import Clock
from consent_sync.ports.store import Ledger

STATUS_SECONDS: Final = 5.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class MetricsPage:
    """The handler of the metrics route."""

    metrics: Metrics
    ledger: Ledger
    clock: Clock

    async def show(self, _request: web.Request) -> web.Response:
        """Answer all metrics; a store that cannot be asked is one of them and no failure."""
        try:
            async with asyncio.timeout(STATUS_SECONDS):
                status = await self.ledger.status()
        except (StoreError, TimeoutError) as error:
            _log.warning("store_status_unavailable", error=str(error) or "no answer in time")
            status = None
        self.metrics.store(status, self.clock.now())
        return web.Response(body=self.metrics.text(), headers={"Content-Type": CONTENT_TYPE})
