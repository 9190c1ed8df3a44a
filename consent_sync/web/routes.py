"""The HTTP application: which route is answered by what."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Handler

from consent_sync.adapters.metrics import Metrics
from consent_sync.app.standing import Standing
from consent_sync.app.standstill import Standstill
from consent_sync.domain.alerts import Alert
from consent_sync.domain.identity import Side
from consent_sync.ports.clock import Clock
from consent_sync.ports.store import Ledger
from consent_sync.services.dead_letters import DeadLetters
from consent_sync.services.erasure import Erasure
from consent_sync.services.intake import Intake
from consent_sync.services.lookup import Lookup
from consent_sync.services.replay import Replay
from consent_sync.services.review import Review
from consent_sync.web.api import ERASURES, PERSON, PREFIX, REPLAY, TIMELINE, Api
from consent_sync.web.auth import ApiGate, Lock
from consent_sync.web.bodies import MAX_BODY
from consent_sync.web.choices import CHOICES, ChoicesApi
from consent_sync.web.dead_letters import (
    DEAD_LETTERS,
    PURGE_LETTERS,
    REPLAY_LETTERS,
    DeadLetterApi,
)
from consent_sync.web.health import Check, Health
from consent_sync.web.hooks import Hooks
from consent_sync.web.metrics import MetricsPage
from consent_sync.web.middleware import guarded, nothing_here
from consent_sync.web.oauth import Tokens, answer_token_request
from consent_sync.web.problems import Problem
from consent_sync.web.review import APPROVE, HELD, REJECT, ReviewApi
from consent_sync.web.standstill import PAUSE, RESUME, StandstillApi, still_view


@dataclass(frozen=True, slots=True)
class Parts:
    """What the HTTP side needs of the program."""

    intake: Intake
    lookup: Lookup
    replay: Replay
    review: Review
    dead_letters: DeadLetters
    standstill: Standstill
    resting: Callable[[], Mapping[str, int]]
    ledger: Ledger
    clock: Clock
    metrics: Metrics
    locks: Mapping[Side, Lock]
    tokens: Sequence[Tokens]
    gate: ApiGate
    checks: Mapping[str, Check]
    mappings: Callable[[], Standing]
    erasure: Erasure
    erased: Callable[[], None]
    backlog_seconds: Callable[[int], float | None]
    alerts: Callable[[], Awaitable[Sequence[Alert]]]
    takes_webhooks: bool = True


def http_application(parts: Parts) -> web.Application:
    """Return the application that answers every route."""
    hooks = Hooks(parts.intake, parts.locks, parts.metrics, parts.clock)
    api = Api(
        parts.gate,
        parts.lookup,
        parts.replay,
        parts.ledger,
        parts.clock,
        parts.mappings,
        lambda: still_view(
            parts.standstill.pauses.current, parts.standstill.breaks(), parts.resting()
        ),
        parts.erasure,
        parts.erased,
        parts.backlog_seconds,
        parts.alerts,
    )
    review = ReviewApi(parts.gate, parts.review)
    letters = DeadLetterApi(parts.gate, parts.dead_letters)
    pausing = StandstillApi(
        parts.gate,
        parts.standstill,
        lambda: [one.mapping for one in parts.mappings().in_force],
    )
    health = Health(parts.checks)
    page = MetricsPage(parts.metrics, parts.ledger, parts.clock)

    async def token(request: web.Request) -> web.Response:
        return await answer_token_request(request, parts.tokens)

    app = web.Application(
        client_max_size=MAX_BODY,
        # A body that cannot be decompressed is kept as it came, so it is read as it comes.
        handler_args={"auto_decompress": False},
    )

    def add(method: str, path: str, handler: Handler) -> None:
        safe = guarded(handler, hooks.keep)
        app.router.add_route(method, path, safe)
        if method == "GET":
            app.router.add_route("HEAD", path, safe)

    def add_door(path: str, handler: Handler) -> None:
        add("POST", path, handler if parts.takes_webhooks else _elsewhere)

    add_door("/webhooks/didomi", hooks.didomi)
    add_door("/webhooks/actito/{mapping}", hooks.actito)
    add_door("/webhooks/qualifio/{mapping}", hooks.qualifio)
    add_door("/oauth/token", token)
    add("GET", "/healthz", health.alive)
    add("GET", "/readyz", health.ready)
    add("GET", "/metrics", page.show)
    add("GET", PERSON, api.person)
    add("GET", TIMELINE, api.timeline)
    add("POST", REPLAY, api.replay)
    add("GET", HELD, review.held)
    add("POST", APPROVE, review.approve)
    add("POST", REJECT, review.reject)
    add("GET", DEAD_LETTERS, letters.listed)
    add("POST", REPLAY_LETTERS, letters.replay)
    add("POST", PURGE_LETTERS, letters.purge)
    add("POST", PAUSE, pausing.pause)
    add("POST", RESUME, pausing.resume)
    add("POST", ERASURES, api.erase)
    add("POST", CHOICES, ChoicesApi(parts.gate, parts.intake).load)
    add("GET", f"{PREFIX}/status", api.status)
    add("GET", f"{PREFIX}/openapi.json", api.openapi)
    add("*", "/{rest:(?s:.*)}", nothing_here)
    return app


async def _elsewhere(_request: web.Request) -> web.StreamResponse:
    raise Problem("no-webhooks-here", "It only takes turns; send to a process that takes webhooks.")
