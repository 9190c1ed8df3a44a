"""The frame of the routes about what waits for an operator: a list, and a decision about parts of it."""

from collections.abc import AsyncIterable, Callable
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import orjson
from aiohttp import web

from consent_sync.domain.moments import SECOND, Micros
from consent_sync.services.review import MAX_DECIDED
from consent_sync.web.api import json_answer
from consent_sync.web.auth import ApiGate, Role
from consent_sync.web.bodies import Arrived, read_body, require_json
from consent_sync.web.problems import Problem

DEFAULT_LISTED: Final = 200
MAX_DECISION_BYTES: Final = 1024 * 1024

One = TypeVar("One")


async def listed(
    request: web.Request,
    gate: ApiGate,
    of: str,
    look: Callable[[], AsyncIterable[One]],
    view: Callable[[One], dict[str, object]],
) -> web.Response:
    """Answer how many there are, and the first of them; raise Problem 400, 401, 403, StoreError."""
    gate.require(request, Role.VIEWER)
    limit = _limit(request)
    shown: list[dict[str, object]] = []
    total = 0
    async for one in look():
        total += 1
        if total <= limit:
            shown.append(view(one))
    return json_answer({"total": total, of: shown})


async def decision(
    request: web.Request, gate: ApiGate, of: str, fields: tuple[str, ...]
) -> tuple[str, list[list[str]]]:
    """Return who decides, and these texts of each of the things that it is about.

    Raises Problem 400, 401, 403, 413 or 415.
    """
    by = gate.require(request, Role.OPERATOR)
    # A page of another site can post to this machine, but not with this content type.
    require_json(request)
    body = await read_body(request, MAX_DECISION_BYTES, Arrived())
    return by, _chosen(body, of, fields)


def moment_in(request: web.Request, name: str) -> Micros | None:
    """Return the moment that a part of the address names, if any; raise Problem 400."""
    said = request.query.get(name)
    if said is None:
        return None
    try:
        named = datetime.fromisoformat(said)
    except ValueError:
        raise Problem("bad-parameter", f"Expected {name} as a date of ISO 8601.") from None
    return round((named if named.tzinfo else named.replace(tzinfo=UTC)).timestamp() * SECOND)


def _chosen(body: bytes, of: str, fields: tuple[str, ...]) -> list[list[str]]:
    try:
        said: Any = orjson.loads(body)
        chosen = [[_text(one[name]) for name in fields] for one in said[of]]
    except (ValueError, TypeError, KeyError):
        raise Problem(
            "bad-request",
            f"Expected an object with {of}, each with the texts {', '.join(fields)}.",
        ) from None
    if len(chosen) > MAX_DECIDED:
        raise Problem("bad-request", f"Expected at most {MAX_DECIDED} {of}.")
    return chosen


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _limit(request: web.Request) -> int:
    said = request.query.get("limit", str(DEFAULT_LISTED))
    if not (said.isascii() and said.isdigit() and len(said) < 6 and 1 <= int(said) <= MAX_DECIDED):
        raise Problem("bad-parameter", f"Expected limit as a number from 1 to {MAX_DECIDED}.")
    return int(said)
