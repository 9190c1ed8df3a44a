"""The platform's HTTP API as an aiohttp application: routes with and without `/v1`, sessions, limits, errors, call log."""

import asyncio
from collections.abc import Awaitable, Callable

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from pydantic import JsonValue

from consent_sync.simulators.didomi.calls import Call
from consent_sync.simulators.didomi.catalogue_api import CatalogueApi
from consent_sync.simulators.didomi.errors import RefusalError
from consent_sync.simulators.didomi.events_api import EventsApi
from consent_sync.simulators.didomi.requests import answer, flag
from consent_sync.simulators.didomi.simulation import Simulation
from consent_sync.simulators.didomi.users_api import UsersApi
from consent_sync.simulators.faults import fault_middleware

CONTROL = "/_control"
MAX_BODY_BYTES = 16 * 1024 * 1024
SESSIONS = "sessions.create"

_Handle = Callable[[web.Request], Awaitable[web.StreamResponse]]


def application(parts: Simulation) -> web.Application:
    """Build the application; route names such as `consents.events.create` serve faults and the call log."""
    app = web.Application(
        client_max_size=MAX_BODY_BYTES,
        middlewares=[
            _logging(parts),
            _transport(parts),
            fault_middleware(parts.faults, CONTROL),
            _gate(parts),
        ],
    )
    for method, path, name, handle in _routes(parts):
        # A route name serves one path only; faults match by prefix, so the suffix does no harm.
        app.router.add_route(method, f"/v1{path}", handle, name=name)
        app.router.add_route(method, path, handle, name=f"{name}:unversioned")
    return app


def _routes(parts: Simulation) -> list[tuple[str, str, str, _Handle]]:
    events = EventsApi(parts.world)
    users = UsersApi(parts.world)
    catalogue = CatalogueApi(parts.world, parts.sessions, parts.sender)
    return [
        ("POST", "/sessions", SESSIONS, catalogue.open_session),
        ("POST", "/consents/events", "consents.events.create", events.create),
        ("GET", "/consents/events", "consents.events.query", events.query),
        ("DELETE", "/consents/events", "consents.events.delete_matching", events.delete_matching),
        ("GET", "/consents/events/{id}", "consents.events.get", events.get),
        ("PATCH", "/consents/events/{id}", "consents.events.patch", events.patch),
        ("DELETE", "/consents/events/{id}", "consents.events.delete", events.delete),
        ("GET", "/consents/users", "consents.users.query", users.query),
        ("POST", "/consents/users", "consents.users.create", users.create),
        ("GET", "/consents/users/{id}", "consents.users.get", users.get),
        ("PATCH", "/consents/users/{id}", "consents.users.patch", users.patch),
        ("DELETE", "/consents/users/{id}", "consents.users.delete", users.delete),
        ("GET", "/metadata/purposes", "metadata.purposes", catalogue.purposes),
        ("GET", "/preferences", "preferences", catalogue.preferences),
        ("GET", "/compliance/v1/regulations", "compliance.regulations", catalogue.regulations),
        (
            "GET",
            "/marketplace/integrations",
            "marketplace.integrations.query",
            catalogue.integrations,
        ),
        (
            "POST",
            "/marketplace/integrations",
            "marketplace.integrations.create",
            catalogue.create_integration,
        ),
        (
            "DELETE",
            "/marketplace/integrations/{id}",
            "marketplace.integrations.delete",
            catalogue.delete_integration,
        ),
    ]


def _route_name(request: web.Request) -> str:
    return (request.match_info.route.name or "unknown").removesuffix(":unversioned")


def _logging(parts: Simulation) -> Middleware:
    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith(CONTROL):
            return await handler(request)
        status, at = 0, parts.world.now()
        try:
            response = await handler(request)
            status = response.status
            return response
        finally:
            body = await _logged_body(request)
            name = _route_name(request)
            parts.calls.add(Call(at, request.method, name, request.path_qs, status, body))

    return middleware


async def _logged_body(request: web.Request) -> JsonValue:
    """Return what was sent, but never an API key's secret."""
    try:
        content = await request.read()
        body: JsonValue = orjson.loads(content) if content else None
    except orjson.JSONDecodeError:
        return "not JSON"
    except (OSError, web.HTTPException):
        return "not received"
    if isinstance(body, dict) and _route_name(request) == SESSIONS:
        return {**body, "secret": "***"}
    return body


def _transport(parts: Simulation) -> Middleware:
    """Take the set time, and send plain HTTP away when that is simulated."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        switches = parts.switches
        if request.path.startswith(CONTROL):
            return await handler(request)
        if switches.latency_ms:
            await asyncio.sleep(switches.latency_ms / 1000)
        if switches.redirect_to_https:
            location = str(request.url.with_scheme("https").with_port(request.url.port))
            return web.Response(status=301, headers={"Location": location})
        return await handler(request)

    return middleware


def _gate(parts: Simulation) -> Middleware:
    """Require a session, count against the limit, and answer refusals in the platform's shape."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith(CONTROL):
            return await handler(request)
        headers: dict[str, str] = {}
        try:
            if _route_name(request) != SESSIONS:
                parts.sessions.require(request.headers.get("Authorization", ""))
            headers = _count(parts, request)
            response = await handler(request)
        except RefusalError as error:
            response = answer(error.body(), error.status)
            headers |= error.headers
        except web.HTTPException as error:
            response = answer(RefusalError(error.status, error.reason).body(), error.status)
        response.headers.update(headers)
        return response

    return middleware


def _count(parts: Simulation, request: web.Request) -> dict[str, str]:
    path = request.path.removeprefix("/v1")
    tree_of_users = path.startswith("/consents/users") and flag(request, "$include_full_tree")
    is_limited = tree_of_users or not path.startswith("/consents/")
    if not parts.switches.rate_limits or not is_limited:
        return {}
    allowed, headers = parts.limiter.count(parts.world.organisation.id)
    if not allowed:
        raise RefusalError(429, "Too many requests", headers=headers)
    return headers
