"""Starts a simulated Actito and a small receiver for its webhooks, and reads sample files."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from multidict import CIMultiDictProxy
from yarl import URL

from consent_sync.simulators.actito import ActitoSimulator

SAMPLES = Path(__file__).resolve().parents[1] / "samples" / "actito"
PROFILES = "/profiles/v4/entity/acme/table/Customers/profile"
JANE = {"customerId": "A-77", "emailAddress": "jane.doe@example.com"}
START = datetime(2026, 1, 15, 9, 30, tzinfo=UTC)


def sample_names(kind: str) -> list[str]:
    return sorted(path.name for path in SAMPLES.glob(f"{kind}-*.json"))


def read_sample(name: str) -> dict[str, Any]:
    sample: dict[str, Any] = json.loads((SAMPLES / name).read_text(encoding="utf-8"))
    return sample


def like(found: object, expected: object) -> bool:
    """Compare JSON; the text `*` stands for anything, the key `*` for further keys."""
    if expected == "*":
        return found is not None
    if isinstance(expected, dict) and isinstance(found, dict):
        more = found.keys() if "*" in expected else expected.keys()
        same = found.keys() == more and expected.keys() - {"*"} <= found.keys()
        return same and all(like(found[key], expected[key]) for key in expected if key != "*")
    if isinstance(expected, list) and isinstance(found, list):
        pairs = zip(found, expected, strict=False)
        return len(found) == len(expected) and all(like(a, b) for a, b in pairs)
    return type(found) is type(expected) and found == expected


@dataclass
class Clock:
    """A clock that tests move by hand."""

    seconds: float = field(default_factory=START.timestamp)

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Reply:
    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def body(self) -> Any:
        return json.loads(self.text) if self.text else None


class Client:
    """Calls a simulator with a living token unless told otherwise."""

    def __init__(self, simulator: ActitoSimulator, session: aiohttp.ClientSession) -> None:
        self.simulator = simulator
        self.session = session
        self.token = ""

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        authorization: str | None = None,
        accept: str = "application/json",
        text: str | None = None,
    ) -> Reply:
        """Make one call with a raw path, which is sent as it is."""
        if authorization is None:
            self.token = self.token or await self.new_token()
            authorization = f"Bearer {self.token}"
        headers = {"Accept": accept, "Authorization": authorization}
        data = text if body is None else json.dumps(body)
        url = URL(self.simulator.url + path, encoded=True)
        async with self.session.request(method, url, headers=headers, data=data) as response:
            return Reply(response.status, response.headers, await response.text())

    async def new_token(self) -> str:
        reply = await self.call("GET", "/auth/token", authorization=self.simulator.api_key)
        return str(reply.body["accessToken"])

    async def put(self, key: str, body: object) -> Reply:
        return await self.call("PUT", f"{PROFILES}/{key}", body)

    async def control(self, method: str, path: str, body: object = None) -> Reply:
        return await self.call(method, f"/_control{path}", body, authorization="")


@asynccontextmanager
async def running(simulator: ActitoSimulator) -> AsyncIterator[Client]:
    await simulator.start()
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
            yield Client(simulator, session)
    finally:
        await simulator.stop()


@asynccontextmanager
async def client(
    switches: Mapping[str, object] | None = None,
    world: Mapping[str, object] | None = None,
    *,
    clock: Clock | None = None,
) -> AsyncIterator[Client]:
    """Run a simulator with a clock that stands still and without webhook windows."""
    calm = {"webhook_window_ms": 0, "webhook_order": "strict", "webhook_retry_delay_ms": 0}
    quick = {"calls_per_minute": 0, **calm, **(switches or {})}
    simulator = ActitoSimulator(quick, world=world, clock=clock or Clock())
    async with running(simulator) as caller:
        yield caller


@dataclass
class Receiver:
    """What arrived; `answers` are the statuses to give next, then 200."""

    url: str = ""
    bodies: list[Any] = field(default_factory=list)
    headers: list[CIMultiDictProxy[str]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.json())
        self.headers.append(request.headers)
        return web.Response(status=self.answers.pop(0) if self.answers else 200)


@asynccontextmanager
async def receiver() -> AsyncIterator[Receiver]:
    catcher = Receiver()
    app = web.Application()
    app.router.add_post("/hook", catcher.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    catcher.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        yield catcher
    finally:
        await runner.cleanup()
