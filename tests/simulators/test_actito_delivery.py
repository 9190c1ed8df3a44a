"""How the simulated Actito delivers webhooks: order, retries, duplicates, errors, and what survives a stop."""

import asyncio
from typing import Any

import pytest
from aiohttp import web

from consent_sync.simulators.actito import ActitoSimulator
from tests.simulators.actito_support import JANE, Client, Receiver, client, receiver, running

US = "UPDATED_SUBSCRIPTION"
ERRORS = "/webhooks/v4/entity/acme/webhookSubscription/7001/2026-01-15"


def prepared(caller: Client, catcher: Receiver, **fields: Any) -> ActitoSimulator:
    """Seed a profile and register a webhook."""
    simulator = caller.simulator
    simulator.world.seed(JANE)
    simulator.register_webhook(catcher.url, US, **fields)
    return simulator


def flip(simulator: ActitoSimulator, times: int) -> None:
    for turn in range(times):
        simulator.people.choose(1001, {"Newsletter": turn % 2 == 0})


def values(catcher: Receiver) -> list[str]:
    return [body["data"]["Newsletter"] for body in catcher.bodies]


async def gated_receiver(gate: asyncio.Event, arrived: list[Any]) -> tuple[web.AppRunner, str]:
    """Start a receiver that answers only once the gate is open."""

    async def take(request: web.Request) -> web.Response:
        arrived.append(await request.json())
        await gate.wait()
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}/hook"


async def test_headers_of_the_webhook_come_along_but_not_its_type() -> None:
    """The secret header is sent; a `Content-Type` given with the webhook is ignored."""
    async with receiver() as catcher, client() as caller:
        headers = {"X-Webhook-Secret": "fake-secret", "content-type": "text/plain"}
        simulator = prepared(caller, catcher, headers=headers)
        flip(simulator, 1)
        await simulator.settled()

        assert catcher.headers[0]["X-Webhook-Secret"] == "fake-secret"
        assert catcher.headers[0].getall("Content-Type") == ["application/json"]


async def test_strict_order_is_the_order_of_the_changes() -> None:
    """With strict order events arrive one at a time as the changes happened."""
    async with receiver() as catcher, client() as caller:
        simulator = prepared(caller, catcher)
        flip(simulator, 20)
        await simulator.settled()

        assert values(catcher) == ["true", "false"] * 10


async def test_events_of_a_window_are_shuffled_by_default() -> None:
    """Events of one window arrive in another order, none is lost, and the same seed gives the same order."""
    runs = []
    for _ in range(2):
        switches = {"webhook_order": "shuffled", "webhook_concurrency": 1}
        async with receiver() as catcher, client(switches) as caller:
            simulator = prepared(caller, catcher)
            flip(simulator, 20)
            await simulator.settled()
            runs.append(values(catcher))

    assert sorted(runs[0]) == ["false"] * 10 + ["true"] * 10
    assert runs[0] != ["true", "false"] * 10
    assert runs[0] == runs[1]


async def test_a_failed_delivery_is_not_repeated_by_default() -> None:
    """Without retries a refused delivery is lost to the receiver and stands in the error list of its day."""
    async with receiver() as catcher, client() as caller:
        simulator = prepared(caller, catcher)
        catcher.answers = [500]
        flip(simulator, 1)
        await simulator.settled()
        errors = (await caller.call("GET", ERRORS)).body

        assert len(catcher.bodies) == 1
        assert errors == [
            {
                "moment": "2026-01-15 10:30:00",
                "status": 500,
                "error": "HTTP 500",
                "body": '{"tableId":"21","data":{"profileId":"1001","Newsletter":"true"}}',
            }
        ]
        assert (simulator.sender.tally.failed, simulator.sender.tally.delivered) == (1, 0)


async def test_retries_send_the_same_body_until_it_is_accepted() -> None:
    """With three retries a delivery refused twice arrives three times, with the same id."""
    async with (
        receiver() as catcher,
        client({"webhook_retries": 3, "envelope": "linked"}) as caller,
    ):
        simulator = prepared(caller, catcher)
        catcher.answers = [500, 503]
        flip(simulator, 1)
        await simulator.settled()

        assert len(catcher.bodies) == 3
        assert len({body["id"] for body in catcher.bodies}) == 1
        assert simulator.sender.tally.delivered == 1


async def test_retries_end() -> None:
    """A delivery that is refused every time is given up after its retries."""
    async with receiver() as catcher, client({"webhook_retries": 2}) as caller:
        simulator = prepared(caller, catcher)
        catcher.answers = [500] * 9
        flip(simulator, 1)
        await simulator.settled()

        assert len(catcher.bodies) == 3
        assert simulator.sender.tally.failed == 1
        assert [attempt.status for attempt in simulator.sender.attempts] == [500] * 3


async def test_accepted_deliveries_may_come_twice() -> None:
    """With a duplicate chance of one every delivery comes exactly twice."""
    async with receiver() as catcher, client({"webhook_duplicate_chance": 1}) as caller:
        simulator = prepared(caller, catcher)
        flip(simulator, 2)
        await simulator.settled()

        assert values(catcher) == ["true", "true", "false", "false"]


async def test_events_may_vanish() -> None:
    """With a loss chance of one nothing arrives and no error tells of it."""
    async with receiver() as catcher, client({"webhook_loss_chance": 1}) as caller:
        simulator = prepared(caller, catcher)
        flip(simulator, 2)
        await simulator.settled()

        assert catcher.bodies == []
        assert simulator.sender.tally.lost == 2
        assert (await caller.call("GET", ERRORS)).body == []


@pytest.mark.parametrize(("after", "active", "arrived"), [(0, True, 4), (2, False, 2)])
async def test_a_failing_webhook_may_be_switched_off(
    after: int, active: bool, arrived: int
) -> None:
    """After that many failures in a row `isActive` becomes false and nothing more is sent; never by default."""
    async with receiver() as catcher, client({"deactivate_after": after}) as caller:
        simulator = prepared(caller, catcher)
        catcher.answers = [500] * 9
        flip(simulator, 4)
        await simulator.settled()
        [webhook] = simulator.webhooks

        assert webhook.body.is_active is active
        assert len(catcher.bodies) == arrived


async def test_a_success_ends_a_row_of_failures() -> None:
    """Failures that are not consecutive do not switch a webhook off."""
    async with receiver() as catcher, client({"deactivate_after": 2}) as caller:
        simulator = prepared(caller, catcher)
        catcher.answers = [500, 200, 500]
        flip(simulator, 4)
        await simulator.settled()
        [webhook] = simulator.webhooks

        assert webhook.body.is_active


async def test_a_receiver_that_is_away_is_an_error_without_a_status() -> None:
    """A refused connection and a receiver that is too slow stand in the error list without a status."""
    gate = asyncio.Event()
    runner, url = await gated_receiver(gate, [])
    async with client({"webhook_timeout_ms": 20}) as caller:
        simulator = caller.simulator
        simulator.world.seed(JANE)
        simulator.register_webhook(url, US)
        simulator.people.subscribe(1001, "Newsletter")
        await simulator.settled()
        gate.set()
        await runner.cleanup()
        simulator.people.unsubscribe(1001, "Newsletter")
        await simulator.settled()
        errors = (await caller.call("GET", ERRORS)).body

        assert [error["status"] for error in errors] == [None, None]
        assert "Timeout" in errors[0]["error"]
        assert "Connect" in errors[1]["error"]


async def test_held_events_leave_in_one_window_when_flushed() -> None:
    """The switch `webhook_hold` keeps events back; settling does not wait for them."""
    async with receiver() as catcher, client({"webhook_hold": True}) as caller:
        simulator = prepared(caller, catcher, webhookPushType="BULK")
        flip(simulator, 3)
        await simulator.settled()
        before = list(catcher.bodies)
        flushed = simulator.sender.flush()
        await simulator.settled()

        assert (before, flushed) == ([], 3)
        assert len(catcher.bodies[0]) == 3


async def test_waiting_events_survive_a_stop() -> None:
    """Clicks before the start and deliveries under way at a stop arrive after the next start, at the same port."""
    gate = asyncio.Event()
    arrived: list[Any] = []
    runner, url = await gated_receiver(gate, arrived)
    simulator = ActitoSimulator({"webhook_window_ms": 0, "webhook_order": "strict"})
    simulator.world.seed(JANE)
    simulator.register_webhook(url, US)
    flip(simulator, 2)
    async with running(simulator):
        await asyncio.sleep(0.02)
        waiting = simulator.sender.waiting
    port = simulator.port
    gate.set()
    await simulator.start(port=port)
    await simulator.settled()
    await simulator.stop()
    await runner.cleanup()

    assert waiting == 2
    assert [body["data"]["Newsletter"] for body in arrived] == ["true", "true", "false"]
    assert simulator.port == port


async def test_settling_gives_up() -> None:
    """Waiting for webhooks that cannot leave raises TimeoutError."""
    async with receiver() as catcher, client({"webhook_window_ms": 60_000}) as caller:
        simulator = prepared(caller, catcher)
        flip(simulator, 1)

        with pytest.raises(TimeoutError):
            await simulator.settled(0.01)


async def test_a_full_outbox_loses_further_events(monkeypatch: pytest.MonkeyPatch) -> None:
    """Events beyond the bound of the outbox are counted as lost."""
    monkeypatch.setattr("consent_sync.simulators.actito.webhooks.OUTBOX_LIMIT", 2)
    async with receiver() as catcher, client({"webhook_hold": True}) as caller:
        simulator = prepared(caller, catcher)
        flip(simulator, 3)

        assert (simulator.sender.held, simulator.sender.tally.lost) == (2, 1)
