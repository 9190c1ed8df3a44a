"""The platform API over HTTP: limits, planned faults and the call log around the pure platform."""

from aiohttp import web

from consent_sync.simulators.actito.calls import CallLog, CallRecord
from consent_sync.simulators.actito.limits import Limits
from consent_sync.simulators.actito.platform import Answer, Call, Platform
from consent_sync.simulators.actito.refusal import RefusalError
from consent_sync.simulators.actito.routes import UNKNOWN, Route, find_route
from consent_sync.simulators.actito.world import World
from consent_sync.simulators.faults import FaultPlan, answer_with_faults, linger


class Edge:
    """Turns HTTP requests into calls and answers back into responses."""

    def __init__(
        self, world: World, platform: Platform, limits: Limits, faults: FaultPlan, calls: CallLog
    ) -> None:
        self._world = world
        self._switches = world.switches
        self._platform = platform
        self._limits = limits
        self._faults = faults
        self._calls = calls

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer one request and note it in the log."""
        path = request.raw_path.partition("?")[0]
        try:
            route: Route | RefusalError = find_route(request.method, path, self._switches)
        except RefusalError as refusal:
            route = refusal
        name = UNKNOWN if isinstance(route, RefusalError) else route.name
        self._calls.counters[name] += 1
        try:
            wait = self._limits.enter()
        except RefusalError as refusal:
            response: web.StreamResponse = _response(self._platform.refuse(refusal))
            self._record(request, name, response.status, await request.read(), refusal.reason)
            return response
        try:
            if wait:
                await linger(self._faults, request, wait)
            return await self._answer(request, path, name, route)
        finally:
            self._limits.leave()

    async def _answer(
        self, request: web.Request, path: str, name: str, route: Route | RefusalError
    ) -> web.StreamResponse:
        body = await request.read()
        true_answer: web.StreamResponse | None = None
        note = ""

        async def work() -> web.StreamResponse:
            nonlocal note, true_answer
            if isinstance(route, RefusalError):
                answer = self._platform.refuse(route)
            else:
                answer = self._platform.handle(route, _call(request, path, body))
            note, true_answer = answer.note, _response(answer)
            return true_answer

        response = await answer_with_faults(self._faults, request, name, work)
        gone = request.transport is None or request.transport.is_closing()
        reason = note if response is true_answer else f"a fault; {note}".rstrip("; ")
        self._record(request, name, 0 if gone else response.status, body, reason)
        return response

    def _record(self, request: web.Request, name: str, status: int, body: bytes, note: str) -> None:
        if self._switches.call_log:
            at = self._world.now()
            path = request.raw_path
            self._calls.add(CallRecord(at, request.method, name, path, status, body, note))


def _call(request: web.Request, path: str, body: bytes) -> Call:
    headers = request.headers
    return Call(
        method=request.method,
        path=path,
        query=request.query,
        authorization=headers.get("Authorization", ""),
        accept=headers.get("Accept", ""),
        body=body,
        content_type=headers.get("Content-Type", ""),
    )


def _response(answer: Answer) -> web.Response:
    if answer.body:
        return web.Response(
            status=answer.status,
            body=answer.body,
            content_type=answer.content_type,
            headers=answer.headers,
        )
    return web.Response(status=answer.status, headers=answer.headers)
