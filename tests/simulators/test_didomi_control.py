"""The control API of the simulated Didomi, its faults, its switches, and running it as a program."""

import asyncio
import time

import aiohttp
import pytest

from consent_sync.simulators.didomi import (
    DidomiSimulator,
    RunOptions,
    Switches,
    UnknownSwitchError,
    run,
)
from consent_sync.simulators.faults import Effect, Fault, FaultKind
from tests.simulators.didomi_kit import ANA, YES, Answer, Bench, choice, event, purpose, running


async def control(bench: Bench, method: str, path: str, body: object = None) -> Answer:
    return await bench.api.call(method, f"{bench.sim.control_url}{path}", body)


async def test_switches_are_shown_and_turned() -> None:
    """PATCH turns some switches and answers with all of them."""
    async with running() as bench:
        shown = await control(bench, "GET", "/switches")
        turned = await control(bench, "PATCH", "/switches", {"webhook_order": "shuffled"})

        assert shown.body["webhook_order"] == "in_order"
        assert set(shown.body) == set(Switches.model_fields)
        assert turned.body["webhook_order"] == "shuffled"
        assert bench.sim.switches.webhook_order == "shuffled"


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        ({"webhook_ordr": "shuffled"}, "did you mean 'webhook_order'"),
        ({"webhook_order": "backwards", "flatten": True}, "webhook_order"),
    ],
)
async def test_unfit_switches_change_nothing(body: object, hint: str) -> None:
    """An unknown name or value is 400 with a reason, and no other switch is turned either."""
    async with running() as bench:
        before = bench.sim.switches.model_dump()
        answer = await control(bench, "PATCH", "/switches", body)

        assert answer.status == 400
        assert hint in answer.body["error"]
        assert bench.sim.switches.model_dump() == before


async def test_a_person_clicks_through_the_control_api() -> None:
    """The answer is the event; approving and deleting follow by its id."""
    async with running() as bench:
        bench.connect()
        click = {"ouid": ANA, "choices": YES, "status": "pending_approval"}
        made = await control(bench, "POST", "/clicks", click)
        path = f"/events/{made.body['id']}"
        approved = await control(bench, "POST", f"{path}/approve")
        listed = await control(bench, "GET", f"/events?ouid={ANA}")
        users = await control(bench, "GET", "/users")
        gone = await control(bench, "DELETE", path)
        deleted = await control(bench, "DELETE", f"/users/{ANA}?by_ouid=true")
        left = await control(bench, "GET", "/status")

        assert (made.body["status"], approved.body["status"]) == ("pending_approval", "confirmed")
        assert listed.body["events"] == [approved.body]
        assert choice(users.body["users"][0], "newsletter") is True
        assert [gone.status, deleted.status] == [200, 200]
        assert (left.body["users"], left.body["events"]) == (0, 0)
        assert [item.type for item in await bench.heard()] == [
            "event.created",
            "event.updated",
            "user.updated",
            "event.deleted",
            "user.updated",
            "user.deleted",
        ]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/clicks", {"ouid": ANA}, 400),
        ("POST", "/clicks", {"ouid": ANA, "choices": {"purposes": {"nothing": True}}}, 400),
        ("POST", "/events/nothing/approve", None, 404),
        ("DELETE", "/events/nothing", None, 404),
        ("DELETE", "/users/nothing", None, 404),
        ("GET", "/calls?limit=few", None, 400),
        ("POST", "/faults", {"kind": "explosion"}, 400),
    ],
)
async def test_unfit_wishes_are_explained(
    method: str, path: str, body: object, status: int
) -> None:
    """Wrong input is answered with a status and a reason."""
    async with running() as bench:
        answer = await control(bench, method, path, body)

        assert answer.status == status
        assert answer.body["error"]


async def test_calls_are_logged_without_secrets() -> None:
    """Each API call is kept with its route, path, status and body; control calls are not."""
    async with running() as bench:
        await bench.api.post("/consents/events", event(purposes=[purpose("nothing", True)]))
        calls = await control(bench, "GET", "/calls?route=consents&method=POST")
        session = await control(bench, "GET", "/calls?route=sessions")
        await control(bench, "DELETE", "/calls")

        (call,) = calls.body["calls"]
        assert (call["route"], call["status"]) == ("consents.events.create", 400)
        assert call["path"] == "/v1/consents/events?organization_id=acme"
        assert call["body"]["user"] == {"organization_user_id": ANA}
        assert calls.body["counters"] == {"sessions.create": 1, "consents.events.create": 1}
        assert session.body["calls"][0]["body"]["secret"] == "***"
        assert len(bench.sim.calls) == 0


async def test_webhooks_are_connected_and_watched() -> None:
    """Register, deliver, wait, flush and replay, all by control calls."""
    async with running() as bench:
        registered = await control(
            bench,
            "POST",
            "/webhooks",
            {"url": f"{bench.receiver.url}/hook", "headers": {"X-Webhook-Secret": "fake-secret"}},
        )
        await control(bench, "PATCH", "/switches", {"webhook_order": "delayed", "time_scale": 1})
        await control(bench, "POST", "/clicks", {"ouid": ANA, "choices": YES})
        waiting = await control(bench, "POST", "/webhooks/settle", {"timeout": 0.01})
        flushed = await control(bench, "POST", "/webhooks/flush")
        settled = await control(bench, "POST", "/webhooks/settle")
        shown = await control(bench, "GET", "/webhooks")
        replayed = await control(bench, "POST", "/webhooks/replay")

        assert registered.status == 201
        assert (waiting.status, waiting.body["settled"], waiting.body["waiting"]) == (504, False, 2)
        assert flushed.body == {"flushed": 2}
        assert settled.body == {
            "settled": True,
            "waiting": 0,
            "stored": 0,
            "attempted": 2,
            "succeeded": 2,
        }
        assert shown.body["webhooks"] == [registered.body]
        assert [item["status"] for item in shown.body["attempts"]] == [200, 200]
        assert replayed.body == {"replayed": 0}


async def test_a_reset_forgets_state_but_keeps_the_setup() -> None:
    """Users, events, sessions, calls and faults go; switches and webhooks stay."""
    async with running(flatten=True) as bench:
        bench.connect()
        bench.sim.click(ANA, YES)
        bench.sim.faults.add(Fault(count=None))
        await control(bench, "POST", "/reset")
        answer = await bench.api.get("/consents/users")

        assert answer.status == 401
        assert (len(bench.sim.world.users), len(bench.sim.world.events)) == (0, 0)
        assert len(bench.sim.calls) == 1
        assert bench.sim.switches.flatten
        assert len(bench.sim.sender.connections) == 1


async def test_sessions_are_ended_by_a_control_call() -> None:
    """The next API call is a 401."""
    async with running() as bench:
        ended = await control(bench, "POST", "/sessions/expire")

        assert ended.body == {"expired": 1}
        assert (await bench.api.get("/consents/users")).status == 401


async def test_a_planned_429_says_when_to_come_back() -> None:
    """A fault hits its route once, and is listed until then."""
    async with running() as bench:
        fault = {"route": "consents.events", "status": 429, "retry_after": 3}
        added = await control(bench, "POST", "/faults", fault)
        planned = await control(bench, "GET", "/faults")
        spared = await bench.api.get("/consents/users")
        hit = await bench.api.post("/consents/events", event())
        after = await bench.api.post("/consents/events", event())

        assert added.status == 201
        assert planned.body[0]["route"] == "consents.events"
        assert [spared.status, hit.status, after.status] == [200, 429, 200]
        assert hit.headers["Retry-After"] == "3"


async def test_a_gateway_may_answer_with_html() -> None:
    """A 502 with a page instead of JSON; several faults are added and cleared together."""
    async with running() as bench:
        faults = [{"status": 502, "html": True}, {"status": 500, "count": None}]
        await control(bench, "POST", "/faults", faults)
        first = await bench.api.get("/consents/users")
        second = await bench.api.get("/consents/users")
        cleared = await control(bench, "DELETE", "/faults")
        third = await bench.api.get("/consents/users")

        assert [first.status, second.status, third.status] == [502, 500, 200]
        assert first.body.startswith("<html>")
        assert cleared.body == {"cleared": 1}


@pytest.mark.parametrize("kind", [FaultKind.RESET, FaultKind.TRUNCATED_BODY])
async def test_an_answer_may_be_lost_although_the_work_was_done(kind: FaultKind) -> None:
    """The event exists after a connection that broke before or in the answer."""
    async with running() as bench:
        bench.sim.faults.add(Fault(route="consents.events", kind=kind, effect=Effect.BEFORE))
        with pytest.raises(aiohttp.ClientError):
            await bench.api.post("/consents/events", event(id="e-1"))

        assert "e-1" in bench.sim.world.events


async def test_a_body_may_be_slow() -> None:
    """The true answer arrives bit by bit."""
    async with running() as bench:
        bench.sim.faults.add(Fault(kind=FaultKind.SLOW_BODY, seconds=0.02))
        answer = await bench.api.get("/consents/users")

        assert answer.body == {"data": [], "limit": 100, "cursor": None}


async def test_every_call_may_take_time() -> None:
    """Latency is the least time of a call."""
    async with running() as bench:
        bench.sim.turn(latency_ms=30)
        begun = time.monotonic()
        await bench.api.get("/consents/users")

        assert time.monotonic() - begun >= 0.03


def test_switches_are_read_from_words() -> None:
    """A command line's `switch=value` words become values of the right type."""
    switches = Switches.from_words(
        ["flatten=true", "duplicate_event=200", "webhook_order=shuffled", "time_scale=0.5"]
    )

    assert switches == Switches(
        flatten=True, duplicate_event=200, webhook_order="shuffled", time_scale=0.5
    )


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("flatten", "found 'flatten', expected switch=value"),
        ("flaten=true", "did you mean 'flatten'"),
        ("flatten=perhaps", "flatten"),
        ("zzz=1", "there is no switch 'zzz'"),
    ],
)
def test_unfit_words_are_explained(word: str, reason: str) -> None:
    """The error names the word, the switch, or the nearest switch that exists."""
    with pytest.raises(ValueError, match=reason):
        Switches.from_words([word])


def test_unknown_switches_of_the_simulator_are_refused() -> None:
    """A misspelt switch never goes unnoticed."""
    with pytest.raises(UnknownSwitchError):
        DidomiSimulator({"flaten": True})


def test_every_switch_is_explained() -> None:
    """Each switch has a sentence for its readers."""
    unexplained = [name for name, field in Switches.model_fields.items() if not field.description]

    assert unexplained == []


async def test_the_simulator_runs_as_a_program() -> None:
    """`run` serves with its options until it is cancelled."""
    ready: asyncio.Future[DidomiSimulator] = asyncio.get_running_loop().create_future()
    options = RunOptions(
        port=0,
        settings=["flatten=true"],
        organisation={"id": "brand"},
        webhook_url="http://127.0.0.1:9/hook",
        webhook_headers={"X-Webhook-Secret": "fake-secret"},
        on_ready=ready.set_result,
    )
    task = asyncio.create_task(run(options))
    simulator = await asyncio.wait_for(ready, 5)
    async with aiohttp.ClientSession() as http, http.get(simulator.control_url + "/status") as got:
        status = got.status
    task.cancel()
    await asyncio.wait([task])

    assert status == 200
    assert task.cancelled()
    assert simulator.switches.flatten
    assert simulator.world.organisation.id == "brand"
    assert len(simulator.sender.connections) == 1


async def test_a_taken_port_is_an_error() -> None:
    """Starting on a port in use raises OSError, and a later start elsewhere works."""
    async with running() as bench:
        other = DidomiSimulator()
        with pytest.raises(OSError, match=str(bench.sim.port)):
            await other.start(port=bench.sim.port)
        await other.start()
        await other.stop()

        assert other.port != bench.sim.port
