"""Planned faults of a simulated platform, seen by a client."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import pytest
from aiohttp import web
from pydantic import ValidationError

from consent_sync.simulators.faults import Effect, Fault, FaultKind, FaultPlan, fault_middleware


@dataclass
class Shop:
    """A server with one write and one read, under a plan of faults."""

    session: aiohttp.ClientSession
    plan: FaultPlan
    sold: list[str] = field(default_factory=list)
    url: str = ""

    async def sell(self, request: web.Request) -> web.Response:
        thing = await request.text()
        if thing == "nothing":
            raise web.HTTPBadRequest(text="sell something")
        self.sold.append(thing)
        return web.json_response({"sold": thing})

    async def look(self, request: web.Request) -> web.Response:
        return web.Response(status=204)

    async def post(self, thing: str) -> tuple[int, str]:
        async with self.session.post(f"{self.url}/things", data=thing) as response:
            return response.status, await response.text()

    async def get(self, path: str = "/things") -> tuple[int, str]:
        async with self.session.get(self.url + path) as response:
            return response.status, await response.text()


@asynccontextmanager
async def open_shop(*faults: Fault) -> AsyncIterator[Shop]:
    plan = FaultPlan(random.Random(1))
    plan.add(*faults)
    timeout = aiohttp.ClientTimeout(total=2)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        shop = Shop(session, plan)
        app = web.Application(middlewares=[fault_middleware(plan)])
        app.router.add_post("/things", shop.sell, name="things.sell")
        app.router.add_get("/things", shop.look, name="things.look")
        app.router.add_get("/_control/things", shop.look, name="control")
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        shop.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        plan.open()
        try:
            yield shop
        finally:
            await plan.close()
            await runner.cleanup()


async def test_a_status_fault_answers_once_and_does_nothing() -> None:
    """The planned status comes with its `Retry-After`, the work is not done, and the next call succeeds."""
    async with open_shop(Fault(status=503, retry_after=7)) as shop:
        async with shop.session.post(f"{shop.url}/things", data="pen") as response:
            seen = response.status, response.headers["Retry-After"], await response.text()

        assert seen == (503, "7", "")
        assert shop.sold == []
        assert await shop.post("pen") == (200, '{"sold": "pen"}')


@pytest.mark.parametrize(
    ("fault", "kind", "text"),
    [
        (Fault(html=True), "text/html", "<html>"),
        (Fault(body="<p>off</p>"), "text/html", "<p>off"),
        (Fault(body="off", content_type="text/plain"), "text/plain", "off"),
        (Fault(body={"code": 5}), "application/json", '{"code": 5}'),
        (Fault(body=[1]), "application/json", "[1]"),
    ],
)
async def test_a_fault_may_carry_a_body(fault: Fault, kind: str, text: str) -> None:
    """HTML, plain text and JSON bodies arrive with their type."""
    async with open_shop(fault) as shop:
        async with shop.session.get(f"{shop.url}/things") as response:
            body = await response.text()

        assert response.status == 503
        assert response.content_type == kind
        assert body.startswith(text)


def test_a_fault_has_one_body() -> None:
    """Giving a text and the HTML page together is refused."""
    with pytest.raises(ValidationError, match="not both"):
        Fault(html=True, body="text")


async def test_faults_choose_their_calls() -> None:
    """Route prefix, method, path, skip and count decide which calls are hit, in the order of the plan."""
    async with open_shop(
        Fault(route="things.se", status=500, skip=1, count=2),
        Fault(method="get", status=502),
        Fault(path="/elsewhere", status=404, count=None),
        Fault(route="things", status=409),
    ) as shop:
        posts = [(await shop.post("pen"))[0] for _ in range(4)]
        gets = [(await shop.get())[0] for _ in range(2)]

        assert posts == [409, 500, 500, 200]
        assert gets == [502, 204]
        assert shop.plan.describe() == [
            {
                "number": 3,
                "hits": 0,
                "left": None,
                "path": "/elsewhere",
                "status": 404,
                "count": None,
            }
        ]


async def test_endless_faults_last_until_cleared() -> None:
    """A fault without a count hits every fitting call until its route is cleared."""
    async with open_shop(Fault(route="things.look", count=None, status=404)) as shop:
        before = [(await shop.get())[0] for _ in range(3)]
        cleared = shop.plan.clear("things.sell"), shop.plan.clear("things.look")

        assert before == [404] * 3
        assert cleared == (0, 1)
        assert (await shop.get())[0] == 204


async def test_chance_hits_a_share_of_the_calls() -> None:
    """A chance below one spares some calls, the same ones for the same seed."""
    plan = FaultPlan(random.Random(5))
    plan.add(Fault(chance=0.5, count=None))
    hit = [plan.take("any", "GET", "/") is not None for _ in range(100)]

    assert 30 < sum(hit) < 70


async def test_paths_of_the_control_api_are_spared() -> None:
    """A fault on everything leaves the control API alone."""
    async with open_shop(Fault(count=None)) as shop:
        assert (await shop.get("/_control/things"))[0] == 204


@pytest.mark.parametrize(
    ("kind", "problem"),
    [(FaultKind.RESET, aiohttp.ClientError), (FaultKind.HANG, aiohttp.ClientError)],
)
async def test_a_cut_connection_is_no_answer(kind: FaultKind, problem: type[Exception]) -> None:
    """A reset, and a hang that ends, show the caller a broken connection and do nothing."""
    async with open_shop(Fault(kind=kind, seconds=0)) as shop:
        with pytest.raises(problem):
            await shop.post("pen")

        assert shop.sold == []


async def test_a_hang_outlasts_the_patience_of_the_caller() -> None:
    """A hanging call gives no answer until the caller gives up."""
    async with open_shop(Fault(kind=FaultKind.HANG)) as shop:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(shop.post("pen"), 0.03)

        assert shop.sold == []


async def test_a_closing_server_ends_hanging_calls() -> None:
    """Closing the plan frees the calls that hang."""
    async with open_shop(Fault(kind=FaultKind.HANG)) as shop:
        call = asyncio.create_task(shop.post("pen"))
        await asyncio.sleep(0.01)
        await shop.plan.close()

        with pytest.raises(aiohttp.ClientError):
            await call


@pytest.mark.parametrize("kind", [FaultKind.STATUS, FaultKind.RESET, FaultKind.HANG])
async def test_the_work_may_be_done_before_the_failure(kind: FaultKind) -> None:
    """With the effect `before` the write happens and the answer is lost."""
    async with open_shop(Fault(kind=kind, effect=Effect.BEFORE, seconds=0)) as shop:
        try:
            seen: object = (await shop.post("pen"))[0]
        except aiohttp.ClientError:
            seen = "cut"

        assert seen == (503 if kind is FaultKind.STATUS else "cut")
        assert shop.sold == ["pen"]


async def test_the_work_may_be_done_later() -> None:
    """With the effect `later` the write lands after the failure, and can be waited for."""
    fault = Fault(effect=Effect.LATER, effect_after=0.01)
    async with open_shop(fault, fault) as shop:
        seen = [await shop.post("pen"), await shop.post("nothing")]
        early = list(shop.sold)
        await shop.plan.settled()

        assert [status for status, _ in seen] == [503, 503]
        assert early == []
        assert shop.sold == ["pen"]


async def test_a_late_effect_does_not_outlive_the_server() -> None:
    """Closing the plan drops writes that have not landed."""
    async with open_shop(Fault(effect=Effect.LATER, effect_after=60)) as shop:
        await shop.post("pen")
        await shop.plan.close()

        assert shop.sold == []


async def test_an_empty_success_does_nothing() -> None:
    """The fault `nothing` answers 200, or the status given, without the work."""
    async with open_shop(
        Fault(kind=FaultKind.NOTHING, body={"ok": True}), Fault(kind=FaultKind.NOTHING, status=204)
    ) as shop:
        seen = [await shop.post("pen"), await shop.post("pen")]

        assert seen == [(200, '{"ok": true}'), (204, "")]
        assert shop.sold == []


async def test_a_slow_body_is_complete() -> None:
    """A slow answer is the true one, also when it is an error."""
    fault = Fault(kind=FaultKind.SLOW_BODY, seconds=0.01)
    async with open_shop(fault, fault) as shop:
        seen = [await shop.post("pen"), await shop.post("nothing")]

        assert seen == [(200, '{"sold": "pen"}'), (400, "sell something")]
        assert shop.sold == ["pen"]


async def test_a_truncated_body_breaks_off() -> None:
    """A truncated answer cannot be read to its end, although the work is done."""
    fault = Fault(kind=FaultKind.TRUNCATED_BODY)
    async with open_shop(fault, fault) as shop:
        with pytest.raises(aiohttp.ClientError):
            await shop.post("pen")
        with pytest.raises(aiohttp.ClientError):
            await shop.get()

        assert shop.sold == ["pen"]


async def test_a_failing_work_before_the_failure_stays_hidden() -> None:
    """With the effect `before`, a refusal of the work itself is covered by the fault."""
    async with open_shop(Fault(effect=Effect.BEFORE, status=500)) as shop:
        assert (await shop.post("nothing"))[0] == 500
