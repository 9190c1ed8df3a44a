"""What the tests of the simulated Didomi share: a clock, an API client, and a receiver for webhooks."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import aiohttp
from aiohttp import web
from yarl import URL

from consent_sync.simulators.didomi import DEFAULT_API_KEY, DEFAULT_API_SECRET, DidomiSimulator

START = 1_772_360_100.0
"""2026-03-01T10:15:00Z."""

ANA = "ana.peeters@example.com"
BO = "bo.janssens@example.com"

YES = {"purposes": {"newsletter": True}}
NO = {"purposes": {"newsletter": False}}


class Clock:
    """A clock that moves only when told."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class Answer:
    """What the API answered."""

    status: int
    body: Any
    headers: dict[str, str]


class Api:
    """A client with a session of its own."""

    def __init__(self, base: str) -> None:
        self.base = base
        self._http = aiohttp.ClientSession()
        self.token = ""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.close()

    async def login(self, secret: str = DEFAULT_API_SECRET) -> Answer:
        answer = await self.call(
            "POST", "/sessions", {"type": "api-key", "key": DEFAULT_API_KEY, "secret": secret}
        )
        self.token = answer.body.get("access_token", "")
        return answer

    async def call(
        self, method: str, path: str, body: object = None, *, raw: bytes | None = None
    ) -> Answer:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        kwargs: dict[str, Any] = {"data": raw} if raw is not None else {}
        if body is not None:
            kwargs["json"] = body
        url = path if path.startswith("http") else self.base + path
        async with self._http.request(
            method, url, headers=headers, allow_redirects=False, **kwargs
        ) as response:
            is_json = response.content_type == "application/json"
            content = await (response.json() if is_json else response.text())
            return Answer(response.status, content, dict(response.headers))

    async def get(self, path: str, **query: str) -> Answer:
        return await self.call("GET", _with_organisation(path, query))

    async def post(self, path: str, body: object, **query: str) -> Answer:
        return await self.call("POST", _with_organisation(path, query), body)

    async def patch(self, path: str, body: object, **query: str) -> Answer:
        return await self.call("PATCH", _with_organisation(path, query), body)

    async def delete(self, path: str, **query: str) -> Answer:
        return await self.call("DELETE", _with_organisation(path, query))

    async def user(self, ouid: str, **query: str) -> Any:
        found = await self.get("/consents/users", organization_user_id=ouid, **query)
        return found.body["data"][0]


def _with_organisation(path: str, query: dict[str, str]) -> str:
    """Add the query; a leading `__` in a keyword stands for `$`."""
    named = {key.replace("__", "$", 1): value for key, value in query.items()}
    return str(URL(path, encoded=True).update_query({"organization_id": "acme", **named}))


@dataclass
class Received:
    """One request that the receiver got."""

    headers: dict[str, str]
    body: Any

    @property
    def type(self) -> str:
        return str(self.body["type"])


@dataclass
class Receiver:
    """A small server that takes webhooks and hands out tokens."""

    received: list[Received] = field(default_factory=list)
    token_requests: list[Received] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    """Answers to the next webhooks; 200 when empty."""
    good_token: str | None = None
    expires_in: float = 3600
    token_status: int = 200
    token_field: str = "access_token"
    delay: float = 0
    url: str = ""
    at_once: int = 0
    most_at_once: int = 0

    @property
    def token_url(self) -> str:
        return f"{self.url}/token"

    @property
    def types(self) -> list[str]:
        return [item.type for item in self.received]

    async def hook(self, request: web.Request) -> web.Response:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(self.delay)
        self.at_once -= 1
        self.received.append(Received(dict(request.headers), await request.json()))
        sent = request.headers.get("Authorization")
        if self.good_token is not None and sent != f"Bearer {self.good_token}":
            return web.Response(status=401)
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200)

    async def token(self, request: web.Request) -> web.Response:
        self.token_requests.append(Received(dict(request.headers), dict(await request.post())))
        self.good_token = f"receiver-token-{len(self.token_requests)}"
        return web.json_response(
            {self.token_field: self.good_token, "expires_in": self.expires_in},
            status=self.token_status,
        )


@asynccontextmanager
async def serving(
    routes: Mapping[str, Callable[[web.Request], Awaitable[web.StreamResponse]]],
) -> AsyncIterator[str]:
    app = web.Application()
    for path, handle in routes.items():
        app.router.add_post(path, handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@dataclass
class Bench:
    """A running simulator with a client and a receiver."""

    sim: DidomiSimulator
    api: Api
    clock: Clock
    receiver: Receiver

    def connect(self, **fields: Any) -> None:
        self.sim.connect_webhook(f"{self.receiver.url}/hook", **fields)

    async def heard(self) -> list[Received]:
        """Wait for the webhooks and hand them over, leaving none."""
        await self.sim.settled(5)
        heard, self.receiver.received = self.receiver.received, []
        return heard


@asynccontextmanager
async def running(
    organisation: dict[str, Any] | None = None, **switches: object
) -> AsyncIterator[Bench]:
    """Run a simulator with these switches; retries take no time worth mentioning."""
    clock, receiver = Clock(), Receiver()
    sim = DidomiSimulator(
        {"time_scale": 0.0002, **switches}, organisation=organisation, clock=clock, seed=7
    )
    routes = {"/hook": receiver.hook, "/token": receiver.token}
    async with serving(routes) as receiver.url:
        await sim.start()
        try:
            async with Api(sim.url) as api:
                await api.login()
                yield Bench(sim, api, clock, receiver)
        finally:
            await sim.stop()


def event(ouid: str | None = ANA, *, id: str | None = None, **consents: Any) -> dict[str, Any]:  # noqa: A002 - the platform's own field name
    """Build an event body for a person."""
    body: dict[str, Any] = {"user": {"organization_user_id": ouid} if ouid else {}}
    if id is not None:
        body["id"] = id
    return {**body, "consents": consents}


def purpose(purpose_id: str, enabled: bool | None = None, **parts: Any) -> dict[str, Any]:
    """Build a purpose entry."""
    return {"id": purpose_id, "enabled": enabled, **parts}


def choice(user: Any, purpose_id: str) -> bool | None:
    """Return what a user entity says of a purpose."""
    held = {item["id"]: item["enabled"] for item in user["consents"]["purposes"]}
    found: bool | None = held.get(purpose_id)
    return found
