"""Planned misbehaviour of a simulated platform: which call goes wrong, how, and how often.

A `FaultPlan` holds `Fault` values in order; the first one that fits a call is used. Put `fault_middleware(plan)` into an
aiohttp application whose routes are named, or call `answer_with_faults` from an own dispatcher.
"""

import asyncio
import contextlib
import random
import socket
import struct
from collections.abc import Awaitable, Callable, Coroutine
from enum import StrEnum
from typing import Self

from aiohttp import web
from aiohttp.typedefs import Handler
from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

HTML_PAGE = (
    "<html><head><title>Service unavailable</title></head><body><h1>Sorry</h1></body></html>"
)
"""What a gateway in front of a platform shows when the platform is away."""

_POLL_SECONDS = 0.05


class FaultKind(StrEnum):
    """How a call goes wrong."""

    STATUS = "status"
    """Another status is answered, with an optional body and `Retry-After`."""
    RESET = "reset"
    """The connection is cut without an answer."""
    HANG = "hang"
    """No answer for `seconds`, or until the caller gives up; then the connection is cut."""
    NOTHING = "nothing"
    """A success is answered (200 unless `status` says otherwise) and nothing is done."""
    SLOW_BODY = "slow_body"
    """The true answer, its body spread over `seconds`."""
    TRUNCATED_BODY = "truncated_body"
    """The true answer, cut in the middle of its body."""


class Effect(StrEnum):
    """Whether the work of a failing call is done all the same."""

    NONE = "none"
    """It is not done."""
    BEFORE = "before"
    """It is done first, and then the answer goes wrong."""
    LATER = "later"
    """It is done `effect_after` seconds after the failure: a write that lands late."""


class Fault(BaseModel):
    """One planned failure: which calls it hits (the first group of fields) and what happens to them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    route: str = ""
    """Prefix of the route name; empty hits every route."""
    method: str | None = None
    """HTTP method; none hits every method."""
    path: str = ""
    """Text that the raw path (still percent-encoded) contains, for example `/table/Customers`."""
    skip: int = Field(default=0, ge=0)
    """How many fitting calls pass unharmed first."""
    count: int | None = Field(default=1, ge=1)
    """How many fitting calls are hit; none means until the plan is cleared."""
    chance: float = Field(default=1.0, ge=0, le=1)
    """Probability that a fitting call is hit, drawn from the plan's generator."""

    kind: FaultKind = FaultKind.STATUS
    status: int | None = Field(default=None, ge=200, le=599)
    """Status to answer: 503 unless given, for `nothing` 200."""
    retry_after: str | int | None = None
    """Value of a `Retry-After` header: seconds, or an HTTP date."""
    body: JsonValue = None
    """A text is sent as it is (as HTML unless `content_type` is given), anything else as JSON."""
    html: bool = False
    """Send a gateway's HTML page as the body."""
    content_type: str | None = None
    seconds: float = Field(default=30.0, ge=0)
    """Length of `hang` and `slow_body`."""
    effect: Effect = Effect.NONE
    effect_after: float = Field(default=0.1, ge=0)
    """Seconds until a `later` effect."""

    @model_validator(mode="after")
    def _one_body(self) -> Self:
        if self.html and self.body is not None:
            raise ValueError("give either `html` or `body`, not both")
        return self

    def fits(self, route: str, method: str, path: str) -> bool:
        """Tell whether a call is one that this fault is meant for."""
        return (
            route.startswith(self.route)
            and (self.method is None or self.method.upper() == method)
            and self.path in path
        )

    def response(self) -> web.Response:
        """Build the planned answer of a `status` or `nothing` fault."""
        default = 200 if self.kind is FaultKind.NOTHING else 503
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        status = default if self.status is None else self.status
        text = HTML_PAGE if self.html else self.body
        if text is None:
            return web.Response(status=status, headers=headers)
        if isinstance(text, str):
            kind = self.content_type or "text/html"
            return web.Response(status=status, headers=headers, text=text, content_type=kind)
        return web.json_response(text, status=status, headers=headers)


class _Entry:
    """A fault in the plan with what is left of it."""

    def __init__(self, number: int, fault: Fault) -> None:
        self.number = number
        self.fault = fault
        self.skip = fault.skip
        self.left = fault.count
        self.hits = 0


class FaultPlan:
    """The faults still to come, in order; the first one that fits a call is used."""

    def __init__(self, rng: random.Random | None = None) -> None:
        self._rng = rng or random.Random(0)
        self._entries: list[_Entry] = []
        self._numbers = 0
        self._late: set[asyncio.Task[None]] = set()
        self.closing = False
        """True once the server stops; hanging answers end then."""

    def __bool__(self) -> bool:
        return bool(self._entries)

    def add(self, *faults: Fault) -> list[int]:
        """Append faults and return their numbers."""
        for fault in faults:
            self._numbers += 1
            self._entries.append(_Entry(self._numbers, fault))
        return [entry.number for entry in self._entries[len(self._entries) - len(faults) :]]

    def clear(self, route: str = "") -> int:
        """Drop the faults whose route prefix starts with `route` (all of them by default); return how many."""
        kept = [entry for entry in self._entries if not entry.fault.route.startswith(route)]
        dropped = len(self._entries) - len(kept)
        self._entries = kept
        return dropped

    def describe(self) -> list[dict[str, JsonValue]]:
        """List what is planned: each fault's number, fields, hits so far and hits left."""
        return [
            {
                "number": entry.number,
                "hits": entry.hits,
                "left": entry.left,
                **entry.fault.model_dump(mode="json", exclude_defaults=True),
            }
            for entry in self._entries
        ]

    def take(self, route: str, method: str, path: str) -> Fault | None:
        """Use up and return the fault for a call, or none when the call is to succeed."""
        for entry in self._entries:
            fault = entry.fault
            if not fault.fits(route, method, path):
                continue
            if fault.chance < 1 and self._rng.random() >= fault.chance:
                continue
            if entry.skip:
                entry.skip -= 1
                continue
            self._use(entry)
            return fault
        return None

    def _use(self, entry: _Entry) -> None:
        entry.hits += 1
        if entry.left is not None:
            entry.left -= 1
            if entry.left == 0:
                self._entries.remove(entry)

    def later(self, seconds: float, work: Callable[[], Coroutine[None, None, object]]) -> None:
        """Do a piece of work after some seconds, unless the server stops before."""

        async def wait_and_work() -> None:
            await asyncio.sleep(seconds)
            with contextlib.suppress(web.HTTPException):
                await work()

        task = asyncio.get_running_loop().create_task(wait_and_work())
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    async def settled(self) -> None:
        """Wait until every late effect has happened."""
        while self._late:
            await asyncio.gather(*self._late, return_exceptions=True)

    def open(self) -> None:
        """Prepare for a new start of the server."""
        self.closing = False

    async def close(self) -> None:
        """End hanging answers and drop late effects; the plan itself stays."""
        self.closing = True
        for task in list(self._late):
            task.cancel()
        await asyncio.gather(*self._late, return_exceptions=True)


Work = Callable[[], Awaitable[web.StreamResponse]]
"""The true handling of a call, without arguments."""


async def answer_with_faults(
    plan: FaultPlan, request: web.BaseRequest, route: str, work: Work
) -> web.StreamResponse:
    """Answer a call as planned: truly when no fault fits it, else with the first fitting fault."""
    fault = plan.take(route, request.method, request.raw_path.partition("?")[0]) if plan else None
    if fault is None:
        return await work()
    await request.read()
    if fault.kind in (FaultKind.SLOW_BODY, FaultKind.TRUNCATED_BODY):
        return await _deliver_badly(fault, plan, request, await _answer(work))
    await _apply_effect(fault, plan, work)
    if fault.kind is FaultKind.HANG:
        await linger(plan, request, fault.seconds)
        return reset(request)
    return reset(request) if fault.kind is FaultKind.RESET else fault.response()


def fault_middleware(
    plan: FaultPlan, spare: str = "/_control"
) -> Callable[..., Awaitable[web.StreamResponse]]:
    """Make an aiohttp middleware that plays the plan on named routes; paths that start with `spare` are left alone."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not plan or request.path.startswith(spare):
            return await handler(request)
        route = request.match_info.route.name or ""
        return await answer_with_faults(plan, request, route, lambda: handler(request))

    return middleware


def reset(request: web.BaseRequest) -> web.Response:
    """Cut the caller's connection so that they see a reset; the returned response never reaches them."""
    transport = request.transport
    if transport is not None:
        sock = transport.get_extra_info("socket")
        if sock is not None:
            # Closing with a zero linger time sends RST instead of FIN.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return web.Response(status=500)


async def _apply_effect(fault: Fault, plan: FaultPlan, work: Work) -> None:
    if fault.effect is Effect.BEFORE:
        with contextlib.suppress(web.HTTPException):
            await work()
    elif fault.effect is Effect.LATER:

        async def later() -> object:
            return await work()

        plan.later(fault.effect_after, later)


async def _answer(work: Work) -> web.StreamResponse:
    try:
        return await work()
    except web.HTTPException as error:
        return error


async def linger(plan: FaultPlan, request: web.BaseRequest, seconds: float) -> None:
    """Wait, but end early when the caller has gone or the server stops."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while (left := end - loop.time()) > 0:
        transport = request.transport
        if plan.closing or transport is None or transport.is_closing():
            return
        await asyncio.sleep(min(left, _POLL_SECONDS))


async def _deliver_badly(
    fault: Fault, plan: FaultPlan, request: web.BaseRequest, answer: web.StreamResponse
) -> web.StreamResponse:
    """Send a true answer slowly or only half; a missing body is replaced by a small object so that there is one to cut."""
    body = answer.body if isinstance(answer, web.Response) else None
    payload = body if isinstance(body, bytes) and body else b'{"status": "done"}'
    status = 200 if answer.status == 204 else answer.status
    headers = {name: value for name, value in answer.headers.items() if name not in _FRAMING}
    out = web.StreamResponse(status=status, headers=headers)
    out.content_length = len(payload)
    await out.prepare(request)
    if fault.kind is FaultKind.TRUNCATED_BODY:
        await out.write(payload[: len(payload) // 2])
        if request.transport is not None:
            request.transport.close()
        return out
    pieces = [payload[at : at + 1] for at in range(len(payload))]
    for piece in pieces:
        await out.write(piece)
        await linger(plan, request, fault.seconds / len(pieces))
    await out.write_eof()
    return out


_FRAMING = frozenset({"Content-Length", "Transfer-Encoding"})
