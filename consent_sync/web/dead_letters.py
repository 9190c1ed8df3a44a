"""The API for dead letters: looking at them, trying them again, and putting them away."""

from dataclasses import dataclass
from typing import Final

from aiohttp import web

from consent_sync.services.dead_letters import (
    ChosenLetter,
    DeadLetter,
    DeadLetters,
    DeadLetterWish,
)
from consent_sync.services.lookup import iso_or_none
from consent_sync.web.api import json_answer
from consent_sync.web.auth import ApiGate, Role
from consent_sync.web.bodies import Arrived, read_body, require_json
from consent_sync.web.review import MAX_DECISION_BYTES, chosen_in, limit_of, moment_in

DEAD_LETTERS: Final = "/api/v1/dead-letters"
REPLAY_LETTERS: Final = f"{DEAD_LETTERS}/replay"
PURGE_LETTERS: Final = f"{DEAD_LETTERS}/purge"


@dataclass(frozen=True, slots=True)
class DeadLetterApi:
    """The handlers of the routes about dead letters."""

    gate: ApiGate
    letters: DeadLetters

    async def listed(self, request: web.Request) -> web.Response:
        """Answer the dead letters; raise Problem 400, 401 or 403, or StoreError."""
        self.gate.require(request, Role.VIEWER)
        wish, limit = _wish(request), limit_of(request)
        found: list[dict[str, object]] = []
        total = 0
        async for one in self.letters.look.found(wish):
            total += 1
            if total <= limit:
                found.append(dead_letter_view(one))
        return json_answer({"total": total, "letters": found})

    async def replay(self, request: web.Request) -> web.Response:
        """Have dead letters tried again and answer what came of it; raises as `_decide` does."""
        return await self._decide(request, again=True)

    async def purge(self, request: web.Request) -> web.Response:
        """Put dead letters away and answer what came of it; raises as `_decide` does."""
        return await self._decide(request, again=False)

    async def _decide(self, request: web.Request, *, again: bool) -> web.Response:
        """Raises Problem 400, 401, 403, 413 or 415, or StoreError."""
        by = self.gate.require(request, Role.OPERATOR)
        # A page of another site can post to this machine, but not with this content type.
        require_json(request)
        body = await read_body(request, MAX_DECISION_BYTES, Arrived())
        chosen = [ChosenLetter(*texts) for texts in chosen_in(body, "letters", _FIELDS)]
        return json_answer(await self.letters.decide(by, chosen, again=again))


_FIELDS: Final = ("mapping", "person", "id")


def dead_letter_view(one: DeadLetter) -> dict[str, object]:
    """Return a dead letter as plain data, its moment as ISO 8601; null where there is none."""
    return {
        "id": one.id,
        "mapping": one.mapping,
        "person": one.person,
        "line": one.line or None,
        "line_number": one.line_number or None,
        "side": one.side,
        "choice": one.choice if one.line else None,
        "event": one.event or None,
        "reason": one.reason,
        "failed_at": None if one.failed_at is None else iso_or_none(one.failed_at),
    }


def _wish(request: web.Request) -> DeadLetterWish:
    asked = request.query
    return DeadLetterWish(
        person=asked.get("person"),
        mapping=asked.get("mapping"),
        line=asked.get("line"),
        error=asked.get("error"),
        since=moment_in(request, "since"),
        until=moment_in(request, "until"),
    )
