"""The API for what is held: looking at it, and an operator's decision about it."""

from dataclasses import dataclass
from typing import Final

from aiohttp import web

from consent_sync.services.lookup import iso_or_none
from consent_sync.services.review import Chosen, HeldLine, HeldWish, Review
from consent_sync.web.api import json_answer
from consent_sync.web.auth import ApiGate
from consent_sync.web.decisions import decision, listed, moment_in

HELD: Final = "/api/v1/held"
APPROVE: Final = f"{HELD}/approve"
REJECT: Final = f"{HELD}/reject"

_FIELDS: Final = ("mapping", "person", "line", "ticket")


@dataclass(frozen=True, slots=True)
class ReviewApi:
    """The handlers of the routes about what is held."""

    gate: ApiGate
    review: Review

    async def held(self, request: web.Request) -> web.Response:
        """Answer what is held; raise Problem 400, 401 or 403, or StoreError."""
        look = self.review.look
        return await listed(
            request, self.gate, "lines", lambda: look.held(_wish(request)), held_view
        )

    async def approve(self, request: web.Request) -> web.Response:
        """Take an approval and answer what came of it; raises as `_decide` does."""
        return await self._decide(request, approved=True)

    async def reject(self, request: web.Request) -> web.Response:
        """Take a rejection and answer what came of it; raises as `_decide` does."""
        return await self._decide(request, approved=False)

    async def _decide(self, request: web.Request, *, approved: bool) -> web.Response:
        """Raises Problem 400, 401, 403, 413 or 415, or StoreError."""
        by, texts = await decision(request, self.gate, "lines", _FIELDS)
        chosen = [Chosen(*one) for one in texts]
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
