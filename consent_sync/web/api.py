"""The API for people and programs: persons, timelines, how things stand, and replaying events."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

import orjson
from aiohttp import web

from consent_sync.app.standing import Standing
from consent_sync.domain.alerts import Alert
from consent_sync.domain.erasure import DeletionPolicy
from consent_sync.domain.errors import AbsentError
from consent_sync.domain.identity import Side
from consent_sync.domain.moments import SECOND, Micros
from consent_sync.ports.clock import Clock
from consent_sync.ports.store import Ledger, SideStatus, StoreStatus
from consent_sync.services.erasure import Erasure
from consent_sync.services.lookup import Lookup, iso
from consent_sync.services.replay import Replay
from consent_sync.web.alerts import alerts_view
from consent_sync.web.auth import ApiGate, Role
from consent_sync.web.bodies import Arrived, read_body, require_json
from consent_sync.web.openapi import description
from consent_sync.web.problems import Problem

PREFIX: Final = "/api/v1"
PERSON: Final = f"{PREFIX}/persons/{{ouid:[^/]+}}"
TIMELINE: Final = f"{PERSON}/timeline"
ERASURES: Final = f"{PREFIX}/erasures"
REPLAY: Final = f"{PREFIX}/events/{{number:[0-9]{{1,18}}}}/replay"

DEFAULT_ENTRIES: Final = 200
MAX_ENTRIES: Final = 1000
_ASKED_BYTES: Final = 16 * 1024

_NO_STORE: Final = {"Cache-Control": "no-store"}


@dataclass(frozen=True, slots=True)
class Api:
    """The handlers of the API routes."""

    gate: ApiGate
    lookup: Lookup
    replays: Replay
    ledger: Ledger
    clock: Clock
    mappings: Callable[[], Standing]
    still: Callable[[], Mapping[str, object]]
    erasure: Erasure
    erased: Callable[[], None]
    backlog_seconds: Callable[[int], float | None]
    alerts: Callable[[], Awaitable[Sequence[Alert]]]

    async def person(self, request: web.Request) -> web.Response:
        """Answer the state of one person; raise Problem 400, 401 or 403, or StoreError."""
        self.gate.require(request, Role.VIEWER)
        return json_answer(await self.lookup.person(_ouid(request)))

    async def timeline(self, request: web.Request) -> web.Response:
        """Answer the timeline of one person; raise Problem 400, 401 or 403, or StoreError."""
        self.gate.require(request, Role.VIEWER)
        entries = await self.lookup.timeline(_ouid(request), _limit(request))
        return json_answer({"entries": entries})

    async def status(self, request: web.Request) -> web.Response:
        """Answer how things stand; raise Problem 401 or 403, or StoreError."""
        self.gate.require(request, Role.VIEWER)
        status = await self.ledger.status()
        backlog = self.backlog_seconds(status.waiting_turns)
        now, still = self.clock.now(), {**self.still(), "alerts": alerts_view(await self.alerts())}
        return json_answer(status_view(status, now, self.mappings(), backlog, still))

    async def replay(self, request: web.Request) -> web.Response:
        """Take one event once more and answer what came of it.

        Raises Problem 400, 401, 403, 404 or 415, RefusedError or StoreError.
        """
        self.gate.require(request, Role.OPERATOR)
        # A page of another site can post to this machine, but not with this content type.
        require_json(request)
        number = int(request.match_info["number"])
        try:
            done = await self.replays.replay(number, request.query.get("mapping"))
        except AbsentError as error:
            raise Problem("unknown-event", f"{error}.") from None
        return json_answer(done)

    async def erase(self, request: web.Request) -> web.Response:
        """Erase a person, or lift that; answer what was removed.

        Raises Problem 400, 401, 403 or 415, RefusedError or StoreError.
        """
        by = self.gate.require(request, Role.ADMIN)
        require_json(request)
        # In the body, because addresses are logged on the way.
        person, lift, policy = _erasure_asked(await read_body(request, _ASKED_BYTES, Arrived()))
        if lift:
            return json_answer({"lifted": await self.erasure.lift(person)})
        if policy is not DeletionPolicy.KEEP:
            return json_answer({"leaving": await self.erasure.ask(person, policy, by)})
        removed = await self.erasure.erase(person)
        self.erased()
        return json_answer(removed._asdict())

    async def openapi(self, request: web.Request) -> web.Response:
        """Answer the description of this API; raise Problem 401 or 403."""
        self.gate.require(request, Role.VIEWER)
        return json_answer(description())


def json_answer(value: object, status: int = 200) -> web.Response:
    """Return a JSON answer that nobody on the way may keep."""
    body = orjson.dumps(value)
    return web.Response(
        status=status, body=body, content_type="application/json", headers=_NO_STORE
    )


def status_view(
    status: StoreStatus,
    now: Micros,
    mappings: Standing,
    backlog_seconds: float | None,
    still: Mapping[str, object],
) -> dict[str, object]:
    """Return the counts and ages that operators look at; ages in seconds, null = nothing there."""
    return {
        "sides": {
            side.value: _side(status.sides.get(side, SideStatus(None, 0, 0)), now) for side in Side
        },
        "waiting_turns": status.waiting_turns,
        "backlog_seconds": None if backlog_seconds is None else round(backlog_seconds, 3),
        "retrying_turns": status.retrying_turns,
        "oldest_waiting_age_seconds": _age(status.oldest_waiting_at, now),
        "oldest_waiting_optout_age_seconds": _age(status.oldest_waiting_optout_at, now),
        "held": status.held,
        "failed": status.failed,
        "persons": status.persons,
        "mappings": mappings,
        **still,
    }


def _side(side: SideStatus, now: Micros) -> dict[str, object]:
    return {
        "last_event_at": None if side.last_event_at is None else iso(side.last_event_at),
        "last_event_age_seconds": _age(side.last_event_at, now),
        "events": side.events,
        "refused": side.refused,
    }


def _age(moment: Micros | None, now: Micros) -> float | None:
    return None if moment is None else max(0.0, round((now - moment) / SECOND, 3))


def _erasure_asked(body: bytes) -> tuple[str, bool, DeletionPolicy]:
    try:
        asked = orjson.loads(body)
    except orjson.JSONDecodeError:
        asked = None
    if not isinstance(asked, dict) or not isinstance(asked.get("person"), str):
        raise Problem("bad-parameter", 'Expected {"person": "…"} as JSON.')
    try:
        policy = DeletionPolicy(asked.get("policy", DeletionPolicy.KEEP))
    except ValueError:
        words = ", ".join(DeletionPolicy)
        raise Problem("bad-parameter", f"Expected the policy as one of {words}.") from None
    return asked["person"], asked.get("lift") is True, policy


def _ouid(request: web.Request) -> str:
    # From the address as it was sent: the router has its own idea of %2F and %25.
    raw = request.rel_url.raw_path.removeprefix(f"{PREFIX}/persons/").partition("/")[0]
    try:
        return unquote(raw, errors="strict")
    except UnicodeDecodeError:
        raise Problem("bad-parameter", "Expected the person as percent-encoded UTF-8.") from None


def _limit(request: web.Request) -> int:
    said = request.query.get("limit", str(DEFAULT_ENTRIES))
    if not (said.isascii() and said.isdigit() and len(said) < 6 and 1 <= int(said) <= MAX_ENTRIES):
        raise Problem("bad-parameter", f"Expected limit as a number from 1 to {MAX_ENTRIES}.")
    return int(said)
