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
from consent_sync.web.auth import ApiGate
from consent_sync.web.decisions import decision, listed, moment_in

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
        look = self.letters.look
        return await listed(
            request, self.gate, "letters", lambda: look.found(_wish(request)), dead_letter_view
        )

    async def replay(self, request: web.Request) -> web.Response:
        """Have dead letters tried again and answer what came of it; raises as `_decide` does."""
        return await self._decide(request, again=True)

    async def purge(self, request: web.Request) -> web.Response:
        """Put dead letters away and answer what came of it; raises as `_decide` does."""
        return await self._decide(request, again=False)

    async def _decide(self, request: web.Request, *, again: bool) -> web.Response:
        """Raises Problem 400, 401, 403, 413 or 415, or StoreError."""
        by, texts = await decision(request, self.gate, "letters", _FIELDS)
        chosen = [ChosenLetter(*one) for one in texts]
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
