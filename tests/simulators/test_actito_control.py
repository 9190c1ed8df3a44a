"""The control API of the simulated Actito, and how it is started."""

import asyncio
from typing import Any

import pytest
from pydantic import ValidationError

from consent_sync.simulators.actito import (
    ActitoSimulator,
    RefusalError,
    RunOptions,
    Switches,
    UnknownSwitchError,
    run,
)
from tests.simulators.actito_support import JANE, PROFILES, START, client, receiver, running


async def test_switches_are_shown_and_changed() -> None:
    """A patch sets the given switches at once and keeps the rest."""
    async with client() as caller:
        changed = await caller.control("PATCH", "/switches", {"error_body": "json", "rights": {}})
        reply = await caller.call("GET", f"{PROFILES}/1")

        assert changed.body["error_body"] == "json"
        assert (await caller.control("GET", "/switches")).body == changed.body
        assert reply.body["status"] == 404


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"latency_ms": 5, "envelop": "linked"}, "did you mean 'envelope'?"),
        ({"latency_ms": 5, "envelope": "round"}, "Input should be 'table'"),
        ({"time_zone": "Europe/Atlantis"}, "not a known time zone"),
        ([], "should be an object"),
    ],
)
async def test_wrong_switches_change_nothing(changes: object, reason: str) -> None:
    """An unknown switch or value is refused with its reason, and the good ones beside it are not set."""
    async with client() as caller:
        reply = await caller.control("PATCH", "/switches", changes)

        assert reply.status == 400
        assert reason in reply.body["error"]
        assert caller.simulator.switches.latency_ms == 0


async def test_faults_are_added_listed_and_cleared() -> None:
    """One fault or several are planned over the control API and hit platform calls only."""
    async with client() as caller:
        one = await caller.control("POST", "/faults", {"route": "profiles.", "status": 500})
        two = await caller.control("POST", "/faults", [{"route": "token"}, {"kind": "reset"}])
        listed = (await caller.control("GET", "/faults")).body
        seen = (await caller.call("GET", f"{PROFILES}/1", authorization="none")).status
        cleared = await caller.control("DELETE", "/faults?route=token")

        assert (one.status, one.body, two.body) == (201, [1], [2, 3])
        assert listed[0] == {"number": 1, "hits": 0, "left": 1, "route": "profiles.", "status": 500}
        assert seen == 500
        assert cleared.body == {"cleared": 1}
        assert (await caller.control("POST", "/faults", {"kind": "odd"})).status == 400


async def test_profiles_are_seeded_silently_and_shown() -> None:
    """Seeding creates and updates without webhooks; a profile is shown with its interactions."""
    async with receiver() as catcher, client() as caller:
        caller.simulator.register_webhook(catcher.url, "CREATE")
        seeds = [
            {"attributes": {**JANE}, "subscriptions": {"Newsletter": True}},
            {"attributes": {"customerId": "B-12"}},
        ]
        seeded = await caller.control("POST", "/profiles", seeds)
        put = await caller.control(
            "PUT", "/profiles/customerId=A-77", {"subscriptions": {"SmsDeals": False}}
        )
        fresh = await caller.control("PUT", "/profiles/customerId=C%2F1%25")
        by_id = await caller.control("PUT", "/profiles/1002", {"attributes": {"brand": "acme"}})
        listed = (await caller.control("GET", "/profiles?offset=1&limit=1")).body
        shown = (await caller.control("GET", "/profiles/1001?entity=acme&table=Customers")).body
        await caller.simulator.settled()

        assert seeded.body == {"profileIds": [1001, 1002]}
        assert put.body["subscriptions"] == {"Newsletter": True, "SmsDeals": False}
        assert fresh.body["attributes"]["customerId"] == "C/1%"
        assert by_id.body["attributes"]["brand"] == "acme"
        assert listed["total"] == 3
        assert [each["attributes"]["profileId"] for each in listed["profiles"]] == ["1002"]
        assert shown["interactions"][1] == {
            "at": START.timestamp(),
            "subscription": "SmsDeals",
            "subscribed": False,
            "origin": "seed",
            "source": None,
            "way": None,
            "date": None,
        }
        assert catcher.bodies == []


async def test_unfit_seeds_and_places_are_refused() -> None:
    """Unknown profiles, tables and values get the world's own refusal with a reason."""
    async with client() as caller:
        replies = [
            await caller.control("GET", "/profiles/9"),
            await caller.control("PUT", "/profiles/9", {}),
            await caller.control("GET", "/profiles?table=None"),
            await caller.control("GET", "/profiles?entity=None"),
            await caller.control("PUT", "/profiles/customerId=1", {"attributes": {"age": "x"}}),
            await caller.control("POST", "/profiles", [{"attribute": {}}]),
            await caller.control("GET", "/profiles?limit=many"),
        ]

        assert [reply.status for reply in replies] == [404, 404, 404, 404, 400, 400, 400]
        assert all(reply.body["error"] for reply in replies)


async def test_people_click_over_the_control_api() -> None:
    """Each action of a person changes the profile and fires its webhook."""
    clicks: list[dict[str, Any]] = [
        {"action": "create", "attributes": {**JANE}},
        {"action": "subscribe", "key": "customerId=A-77", "names": ["Newsletter"]},
        {"action": "unsubscribe", "key": 1001, "names": ["Newsletter"]},
        {"action": "choose", "key": "1001", "choices": {"SmsDeals": True}},
        {"action": "change_attributes", "key": 1001, "attributes": {"brand": "acme"}},
        {"action": "delete", "key": 1001, "entity": "acme", "table": "Customers"},
    ]
    async with receiver() as catcher, client() as caller:
        simulator = caller.simulator
        for event in ("CREATE", "UPDATED_SUBSCRIPTION", "UPDATE", "DELETE"):
            simulator.register_webhook(catcher.url, event)
        answers = [(await caller.control("POST", "/clicks", click)).body for click in clicks]
        settled = await caller.control("POST", "/webhooks/settle", {"timeout": 5})

        assert answers == [{"profileId": 1001}] * 5 + [{"profileId": None}]
        assert settled.body["settled"] is True
        assert [body["data"].keys() - {"profileId"} for body in catcher.bodies] == [
            {"customerId", "emailAddress"},
            {"Newsletter"},
            {"Newsletter"},
            {"SmsDeals"},
            {"brand"},
            set(),
        ]
        assert (await caller.control("POST", "/clicks", {"action": "dance"})).status == 400
        assert (await caller.control("POST", "/clicks", clicks[1])).status == 404


async def test_webhooks_are_watched_flushed_and_waited_for() -> None:
    """The tally shows held and waiting events; settling too early gives 504."""
    async with receiver() as catcher, client({"webhook_hold": True}) as caller:
        simulator = caller.simulator
        simulator.world.seed(JANE)
        simulator.register_webhook(catcher.url, "UPDATED_SUBSCRIPTION")
        simulator.people.subscribe(1001, "Newsletter")
        before = (await caller.control("GET", "/webhooks")).body
        simulator.switches.webhook_window_ms = 50
        flushed = (await caller.control("POST", "/webhooks/flush")).body
        early = await caller.control("POST", "/webhooks/settle", {"timeout": 0.001})
        late = await caller.control("POST", "/webhooks/settle")

        assert (before["held"], before["waiting"], before["events"]) == (1, 0, 1)
        assert before["webhooks"][0]["entity"] == "acme"
        assert flushed == {"flushed": 1}
        assert (early.status, early.body["settled"]) == (504, False)
        assert (late.status, late.body["delivered"]) == (200, 1)


async def test_the_call_log_is_read_and_cleared() -> None:
    """Calls are listed with their bodies, filtered by route and method, and forgotten on request."""
    async with client() as caller:
        caller.simulator.world.seed(JANE)
        await caller.put("1001", {"attributes": []})
        await caller.call("GET", f"{PROFILES}/1001")
        listed = (await caller.control("GET", "/calls?route=profiles.&method=PUT&limit=5")).body
        status = (await caller.control("GET", "/status")).body
        await caller.control("DELETE", "/calls")

        assert listed["total"] == 1
        assert listed["calls"][0]["route"] == "profiles.put"
        assert listed["calls"][0]["body"] == '{"attributes": []}'
        assert status["calls"] == {"token": 1, "profiles.put": 1, "profiles.get": 1}
        assert (await caller.control("GET", "/calls")).body["total"] == 0


async def test_tokens_are_revoked_on_request() -> None:
    """Revoking ends the tokens of every client."""
    async with client() as caller:
        await caller.call("GET", "/entities/v5/entities")
        revoked = (await caller.control("POST", "/tokens/revoke")).body
        reply = await caller.call("GET", "/entities/v5/entities")

        assert revoked == {"revoked": 1}
        assert reply.status == 401


async def test_a_reset_brings_back_the_start() -> None:
    """Profiles, webhooks, faults, log, tokens and switches are as at the first start."""
    async with receiver() as catcher, client({"error_body": "json"}) as caller:
        simulator = caller.simulator
        simulator.world.seed(JANE)
        simulator.register_webhook(catcher.url, "CREATE")
        await caller.control("POST", "/faults", {"status": 500, "count": None})
        await caller.control("PATCH", "/switches", {"error_body": "html", "webhook_hold": True})
        simulator.people.create({"customerId": "B-12"})
        await caller.control("POST", "/reset")

        assert simulator.world.pick().profiles == {}
        assert list(simulator.webhooks) == []
        assert not simulator.faults
        assert simulator.switches.error_body == "json"
        assert (simulator.sender.held, simulator.sender.tally.events) == (0, 0)
        assert (await caller.control("GET", "/calls")).body["total"] == 0


async def test_a_world_may_be_given_with_profiles() -> None:
    """A plain dictionary describes entities, tables and profiles; ids go on from the given one."""
    table = {
        "id": "5",
        "name": "Members",
        "attributes": [{"name": "email", "unique": True}],
        "subscriptions": ["News"],
        "profiles": [{"attributes": {"email": "a@example.com"}, "subscriptions": {"News": True}}],
        "firstProfileId": 7,
    }
    world = {"entities": [{"name": "one", "tables": [table]}, {"name": "two"}]}
    async with client(world=world) as caller:
        held = caller.simulator.world.subscriptions("email=a@example.com", table="Members")

        assert held == {"News": True}
        assert caller.simulator.world.profile(7, entity="one", table="5").id == 7


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ({"attributes": [{"name": "a"}, {"name": "a"}]}, "attributes of T: listed twice: a"),
        ({"attributes": [], "subscriptions": ["x", "x"]}, "subscriptions of T: listed twice: x"),
        ({"attributes": [{"name": "a", "valueType": "COLOUR"}]}, "'COLOUR' is not one of"),
        ({"attributes": [{"name": "a", "colour": 1}]}, "Extra inputs are not permitted"),
        ({"id": "x", "attributes": []}, "String should match pattern"),
    ],
)
def test_an_unfit_world_is_refused(table: dict[str, object], reason: str) -> None:
    """A description with twins, unknown types or unknown fields says what is wrong."""
    world = {"entities": [{"name": "one", "tables": [{"id": "5", "name": "T", **table}]}]}

    with pytest.raises(ValidationError, match=reason):
        ActitoSimulator(world=world)


def test_an_unfit_profile_of_a_world_is_refused() -> None:
    """A profile that breaks the rules of its own table is refused at the start."""
    profiles = [{"attributes": {"a": "1"}}]
    table = {"id": "5", "name": "T", "attributes": [], "profiles": profiles}

    with pytest.raises(RefusalError, match="unknown attribute 'a'"):
        ActitoSimulator(world={"entities": [{"name": "one", "tables": [table]}]})


def test_switches_are_read_from_words() -> None:
    """`switch=value` words hold JSON or plain text."""
    words = [
        "envelope=linked",
        "webhook_retries=3",
        "retry_after=null",
        'rights={"profiles":"read"}',
    ]
    switches = Switches.from_words(words)

    assert (switches.envelope, switches.webhook_retries) == ("linked", 3)
    assert (switches.retry_after, switches.rights) == (None, {"profiles": "read"})


@pytest.mark.parametrize("word", ["envelope", "envelop=linked"])
def test_wrong_words_are_refused(word: str) -> None:
    """A word without a value and an unknown switch are refused with a hint."""
    with pytest.raises(UnknownSwitchError, match=r"expected switch=value|did you mean"):
        Switches.from_words([word])


def test_every_switch_says_what_it_does() -> None:
    """Each switch has a sentence for people, so that commands and pages can list them."""
    silent = [name for name, field in Switches.model_fields.items() if not field.description]

    assert silent == []


async def test_the_program_serves_until_it_is_cancelled() -> None:
    """`run` tells its address once it serves, and frees it when cancelled."""
    ready: asyncio.Future[ActitoSimulator] = asyncio.get_running_loop().create_future()
    options = RunOptions(port=0, settings=["error_body=json"], on_ready=ready.set_result)
    task = asyncio.create_task(run(options))
    simulator = await ready
    url, port = simulator.url, simulator.port
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    async with running(simulator):
        running_again = simulator.url

    assert url == f"http://127.0.0.1:{port}"
    assert simulator.switches.error_body == "json"
    assert running_again.startswith("http://127.0.0.1:")


async def test_a_simulator_runs_once_and_needs_a_free_address() -> None:
    """A second start is refused, and so is an address that is taken."""
    async with client() as caller:
        with pytest.raises(RuntimeError, match="already runs"):
            await caller.simulator.start()
        with pytest.raises(OSError, match="address already in use"):
            await ActitoSimulator().start(port=caller.simulator.port)


async def test_an_aware_clock_may_be_given() -> None:
    """A clock may give aware datetimes."""
    simulator = ActitoSimulator(clock=lambda: START)

    assert simulator.world.now() == START.timestamp()
