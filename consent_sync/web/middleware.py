"""The HTTP edge: whatever goes wrong becomes an honest answer, and a refused delivery is kept."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware
from multidict import istr

from consent_sync.domain.errors import RefusedError, StoreError
from consent_sync.web.problems import Problem

Keep: TypeAlias = Callable[[web.Request, Problem], Awaitable[bool]]
"""Keeps a refused request; raises StoreError when it cannot."""

_CODES: Final = {404: "not-found", 405: "method-not-allowed"}

_log = structlog.get_logger(__name__)


def error_edge(keep: Keep) -> Middleware:
    """Return the middleware that turns every error into a problem and has `keep` keep it."""

    @web.middleware
    async def edge(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPException as error:
            if error.status < 400:
                raise
            problem = _of_library(error)
        except Exception as error:
            problem = _of(error)
        return await _refused(request, problem, keep)

    return edge


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


def _of_library(error: web.HTTPException) -> Problem:
    headers: dict[istr, str] = {}
    if hdrs.ALLOW in error.headers:
        headers[hdrs.ALLOW] = error.headers[hdrs.ALLOW]
    return Problem(_CODES.get(error.status, "bad-request"), error.reason, headers=headers)


def _route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else ""
