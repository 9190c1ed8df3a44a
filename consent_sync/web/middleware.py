"""The HTTP edge: whatever goes wrong becomes an honest answer, and a refused delivery is kept."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from consent_sync.domain.errors import RefusedError, StoreError
from consent_sync.web.problems import Problem

Keep: TypeAlias = Callable[[web.Request, Problem], Awaitable[bool]]
"""Keeps a refused request; raises StoreError when it cannot."""

_log = structlog.get_logger(__name__)


def guarded(handler: Handler, keep: Keep) -> Handler:
    """Return the handler with every error of it turned into a problem, which `keep` may keep.

    Put around each handler instead of being a middleware of the library's: those cost every
    webhook some microseconds that nothing else of it needs.
    """

    async def edge(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except Exception as error:
            problem = _of(error)
        return await _refused(request, problem, keep)

    return edge


async def nothing_here(request: web.Request) -> web.StreamResponse:
    """Refuse an address that no route answers; raises Problem 404, or 405 with `Allow`."""
    allowed: set[str] = set()
    for resource in request.app.router.resources():
        # The last resource is the one that leads here, and it answers every method.
        if resource is not request.match_info.route.resource:
            allowed |= (await resource.resolve(request))[1]
    if allowed:
        methods = ", ".join(sorted(allowed))
        raise Problem("method-not-allowed", f"Expected {methods}.", headers={hdrs.ALLOW: methods})
    raise Problem("not-found", "Expected one of the documented addresses.")


async def _refused(request: web.Request, problem: Problem, keep: Keep) -> web.Response:
    try:
        kept = await keep(request, problem)
    except Exception as error:
        # What can be kept nowhere must not look settled to the sender.
        kept, problem = False, _of(error)
    if kept:
        route = _route(request)
        _log.warning("delivery_refused", route=route, status=problem.status, code=problem.code)
    return problem.response()


def _of(error: Exception) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, RefusedError):
        return Problem.of(error)
    if isinstance(error, StoreError):
        _log.error("store_unavailable", error=str(error))
        return Problem("store-unavailable", "Nothing of this request was stored; send it again.")
    _log.error("unexpected_error", exc_info=error)
    return Problem("unexpected", "Nothing was answered as done; send it again.")


def _route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else ""
