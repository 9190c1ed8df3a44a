"""The API for what is held: looking at it, and an operator's decision about it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from aiohttp import web

from consent_sync.domain.moments import SECOND, Micros
from consent_sync.services.lookup import iso_or_none
from consent_sync.services.review import MAX_DECIDED, Chosen, HeldLine, HeldWish, Review
from consent_sync.web.api import json_answer
from consent_sync.web.auth import ApiGate, Role
from consent_sync.web.bodies import Arrived, read_body, require_json
from consent_sync.web.problems import Problem

HELD: Final = "/api/v1/held"
APPROVE: Final = f"{HELD}/approve"
REJECT: Final = f"{HELD}/reject"

DEFAULT_LINES: Final = 200

MAX_DECISION_BYTES: Final = 1024 * 1024
_FIELDS: Final = ("mapping", "person", "line", "ticket")


@dataclass(frozen=True, slots=True)
class ReviewApi:
    """The handlers of the routes about what is held."""

    gate: ApiGate
    review: Review

    async def held(self, request: web.Request) -> web.Response:
        """Answer what is held; raise Problem 400, 401 or 403, or StoreError."""
        self.gate.require(request, Role.VIEWER)
        wish, limit = _wish(request), limit_of(request)
        lines: list[dict[str, object]] = []
        total = 0
        async for one in self.review.look.held(wish):
            total += 1
            if total <= limit:
                lines.append(held_view(one))
        return json_answer({"total": total, "lines": lines})

    async def approve(self, request: web.Request) -> web.Response:
        """Take an approval and answer what came of it; raises as `_decide` does."""
        return await self._decide(request, approved=True)

    async def reject(self, request: web.Request) -> web.Response:
        """Take a rejection and answer what came of it; raises as `_decide` does."""
        return await self._decide(request, approved=False)

    async def _decide(self, request: web.Request, *, approved: bool) -> web.Response:
        """Raises Problem 400, 401, 403, 413 or 415, or StoreError."""
        by = self.gate.require(request, Role.OPERATOR)
        # A page of another site can post to this machine, but not with this content type.
        require_json(request)
        body = await read_body(request, MAX_DECISION_BYTES, Arrived())
        chosen = [Chosen(*texts) for texts in chosen_in(body, "lines", _FIELDS)]
        return json_answer(await self.review.decide(by, chosen, approved=approved))


def held_view(one: HeldLine) -> dict[str, object]:
    """Return a held line as plain data, its moment as ISO 8601."""
    return {
        "mapping": one.mapping,
        "person": one.person,
        "line": one.line,
        "line_number": one.line_number,
        "verdict": one.verdict,
        "side": one.side,
        "reason": one.reason,
        "agreed_at": None if one.agreed_at is None else iso_or_none(one.agreed_at),
        "ticket": one.ticket,
    }


def chosen_in(body: bytes, of: str, fields: tuple[str, ...]) -> list[list[str]]:
    """Return these texts of each of the things that a decision is about; raise Problem 400."""
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


def _wish(request: web.Request) -> HeldWish:
    asked = request.query
    return HeldWish(
        person=asked.get("person"),
        mapping=asked.get("mapping"),
        line=asked.get("line"),
        since=moment_in(request, "since"),
        until=moment_in(request, "until"),
        conflicts=asked.get("conflicts") == "true",
    )


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


def limit_of(request: web.Request) -> int:
    """Return how many things at most are asked for; raise Problem 400."""
    said = request.query.get("limit", str(DEFAULT_LINES))
    if not (said.isascii() and said.isdigit() and len(said) < 6 and 1 <= int(said) <= MAX_DECIDED):
        raise Problem("bad-parameter", f"Expected limit as a number from 1 to {MAX_DECIDED}.")
    return int(said)
