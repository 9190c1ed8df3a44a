"""Alive, and ready: which part is not, in counts and without names, because anybody may ask."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias

import structlog
from aiohttp import web

from consent_sync.domain.errors import ConsentSyncError, StoreError
from consent_sync.web.api import json_answer

CHECK_SECONDS: Final = 5.0

Check: TypeAlias = Callable[[], Awaitable[str]]
"""Returns a sentence when the part is ready; raises NotReadyError or StoreError when it is not."""

_log = structlog.get_logger(__name__)


class NotReadyError(ConsentSyncError):
    """A part cannot do its work now; the sentence may be shown to anybody."""


class Health:
    """The handlers of the health routes."""

    def __init__(self, checks: Mapping[str, Check]) -> None:
        self._checks = checks

    async def alive(self, _request: web.Request) -> web.Response:
        """Answer 200: the process can answer."""
        return json_answer({"alive": True})

    async def ready(self, _request: web.Request) -> web.Response:
        """Answer 200 when every part is ready, else 503; either way with each part."""
        parts = dict(
            zip(
                self._checks,
                await asyncio.gather(*(_state(check) for check in self._checks.values())),
                strict=True,
            )
        )
        ready = all(part["ready"] for part in parts.values())
        return json_answer({"ready": ready, "parts": parts}, 200 if ready else 503)


async def _state(check: Check) -> dict[str, object]:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            return {"ready": True, "detail": await check()}
    except TimeoutError:
        return {"ready": False, "detail": f"no answer within {CHECK_SECONDS:.0f} seconds"}
    except NotReadyError as error:
        return {"ready": False, "detail": str(error)}
    except StoreError as error:
        _log.warning("store_not_ready", error=str(error))
        return {"ready": False, "detail": "it cannot commit now; the log says why"}
