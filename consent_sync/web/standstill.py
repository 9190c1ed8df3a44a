"""The API for pausing and resuming, and what stands still as plain data."""

from collections.abc import Callable, Collection, Iterable
from collections.abc import Mapping as MappingView
from dataclasses import dataclass
from typing import Any, Final

import orjson
from aiohttp import web

from consent_sync.app.standstill import Standstill
from consent_sync.domain.identity import Side
from consent_sync.services.circuits import Break
from consent_sync.services.lookup import iso_or_none
from consent_sync.services.pauses import Pause
from consent_sync.web.api import json_answer
from consent_sync.web.auth import ApiGate, Role
from consent_sync.web.bodies import Arrived, read_body, require_json
from consent_sync.web.problems import Problem

PAUSE: Final = "/api/v1/pause"
RESUME: Final = "/api/v1/resume"

_ASKED_BYTES: Final = 16 * 1024
_SIDES: Final = {side.value: (side,) for side in Side}


@dataclass(frozen=True, slots=True)
class StandstillApi:
    """The handlers of the routes that pause and resume."""

    gate: ApiGate
    standstill: Standstill
    mappings: Callable[[], Collection[str]]

    async def pause(self, request: web.Request) -> web.Response:
        """Pause writing and answer what is paused now; raises as `_asked` does, or StoreError."""
        by, sides, mapping = await self._asked(request)
        if mapping and mapping not in self.mappings():
            raise Problem("unknown-mapping", "Expected the name of a mapping in force.")
        await self.standstill.pause(sides, mapping, by)
        return json_answer({"paused": pauses_view(self.standstill.pauses.current)})

    async def resume(self, request: web.Request) -> web.Response:
        """Resume writing and answer what is still paused; raises as `_asked` does, or StoreError."""
        _, sides, mapping = await self._asked(request)
        ended = await self.standstill.resume(sides, mapping)
        still = pauses_view(self.standstill.pauses.current)
        return json_answer({"ended": ended, "paused": still})

    async def _asked(self, request: web.Request) -> tuple[str, tuple[Side, ...], str]:
        """Raises Problem 400, 401, 403, 413 or 415."""
        by = self.gate.require(request, Role.OPERATOR)
        # A page of another site can post to this machine, but not with this content type.
        require_json(request)
        body = await read_body(request, _ASKED_BYTES, Arrived())
        try:
            said: Any = orjson.loads(body)
            to, mapping = said.get("to"), said.get("mapping")
            sides = tuple(Side) if to is None else _SIDES[to]
        except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError):
            raise Problem("bad-request", _EXPECTED) from None
        if not (mapping is None or isinstance(mapping, str)):
            raise Problem("bad-request", _EXPECTED)
        return by, sides, mapping or ""


_EXPECTED: Final = (
    "Expected an object; to may be actito or didomi, mapping the name of a mapping, and "
    "leaving one out means all."
)


def still_view(
    pauses: Iterable[Pause],
    breaks: Iterable[Break] | None,
    resting: MappingView[str, int] | None,
) -> dict[str, object]:
    """Return what stands still as plain data; null where nobody could be asked."""
    return {
        "paused": pauses_view(pauses),
        "not_called": None if breaks is None else [_break_view(one) for one in breaks],
        "resting_lines": None if resting is None else dict(resting),
    }


def pauses_view(pauses: Iterable[Pause]) -> list[dict[str, object]]:
    """Return pauses as plain data, their moments as ISO 8601; null = all mappings."""
    return [
        {
            "to": one.side,
            "mapping": one.mapping or None,
            "since": iso_or_none(one.since),
            "by": one.by,
        }
        for one in pauses
    ]


def _break_view(one: Break) -> dict[str, object]:
    return {
        "side": one.side,
        "account": one.account or None,
        "mapping": one.mapping or None,
        "cause": one.cause,
        "writes_only": one.writes_only,
        "since": iso_or_none(one.since),
        "why": one.why,
    }
