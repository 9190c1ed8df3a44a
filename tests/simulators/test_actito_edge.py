"""Tokens, limits, faults and the call log of the simulated Actito, over HTTP."""

import asyncio

import aiohttp
import pytest

from consent_sync.simulators.actito import ActitoSimulator
from consent_sync.simulators.faults import Effect, Fault, FaultKind
from tests.simulators.actito_support import JANE, PROFILES, Client, Clock, client

SUBSCRIBE = {"subscriptions": [{"name": "Newsletter", "subscribe": True}]}


async def read(caller: Client) -> int:
    return (await caller.call("GET", f"{PROFILES}/customerId=A-77")).status


async def test_a_token_ends_after_its_life() -> None:
    """A token works until the last moment of its 900 seconds and then gets 401."""
    clock = Clock()
    async with client(clock=clock) as caller:
        caller.simulator.world.seed(JANE)
        seen = []
        for step in (0, 899, 1):
            clock.seconds += step
            seen.append(await read(caller))

        assert seen == [200, 200, 401]


@pytest.mark.parametrize(("kills", "status"), [(False, 200), (True, 401)])
async def test_a_new_token_may_end_the_old_one(kills: bool, status: int) -> None:
    """Two tokens live side by side unless the switch says that a new one kills the old."""
    async with client({"new_token_kills_old": kills}) as caller:
        caller.simulator.world.seed(JANE)
        caller.token = await caller.new_token()
        await caller.new_token()

        assert await read(caller) == status


async def test_tokens_may_end_in_mid_run() -> None:
    """Every n-th call ends the tokens and gets 401; so does revoking them by hand."""
    async with client({"unauthorized_every": 3}) as caller:
        caller.simulator.world.seed(JANE)
        seen = [await read(caller) for _ in range(4)]
        caller.token = ""
        seen.append(await read(caller))
        revoked = caller.simulator.revoke_tokens()

        assert seen == [200, 200, 401, 401, 200]
        assert revoked == 1
        assert await read(caller) == 401


async def test_the_sixth_concurrent_call_is_refused() -> None:
    """Five calls at one moment are served, the sixth gets 429 with the switched `Retry-After`."""
    async with client({"latency_ms": 30, "retry_after": 2}) as caller:
        caller.simulator.world.seed(JANE)
        caller.token = await caller.new_token()
        path = f"{PROFILES}/customerId=A-77"
        replies = await asyncio.gather(*[caller.call("GET", path) for _ in range(6)])
        refused = [reply for reply in replies if reply.status == 429]

        assert sorted(reply.status for reply in replies) == [200] * 5 + [429]
        assert refused[0].headers["Retry-After"] == "2"
        assert caller.simulator.most_concurrent_calls == 5


async def test_the_concurrency_limit_may_be_off() -> None:
    """Without the limit many calls run side by side."""
    async with client({"latency_ms": 20, "max_concurrent_calls": 0}) as caller:
        caller.simulator.world.seed(JANE)
        caller.token = await caller.new_token()
        statuses = await asyncio.gather(*[read(caller) for _ in range(12)])

        assert statuses == [200] * 12
        assert caller.simulator.most_concurrent_calls > 5


async def test_calls_beyond_the_quota_get_slower() -> None:
    """Calls beyond the minute's quota are served later and later, and quickly again a minute after."""
    clock = Clock()
    switches = {"calls_per_minute": 3, "slow_step_ms": 2000, "max_concurrent_calls": 0}
    simulator = ActitoSimulator(switches, clock=clock)
    limits = simulator._parts.limits
    waits = [limits.enter() for _ in range(5)]
    clock.seconds += 61

    assert waits == [0, 0, 0, 2, 4]
    assert limits.enter() == pytest.approx(0)


async def test_calls_beyond_the_quota_may_run_into_timeouts() -> None:
    """With the switch `hang`, a call beyond the quota takes longer than a patient client waits."""
    async with client({"calls_per_minute": 2, "over_minute": "hang"}) as caller:
        caller.simulator.world.seed(JANE)
        first = await read(caller)

        assert first == 200
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(read(caller), 0.03)


async def test_a_whole_table_may_vanish() -> None:
    """A fault on a path gives 404 for one table only, without using up."""
    async with client() as caller:
        simulator = caller.simulator
        simulator.world.seed(JANE)
        simulator.faults.add(Fault(path="/table/Customers", status=404, count=None))
        gone = [await read(caller), await read(caller)]
        simulator.faults.clear()

        assert gone == [404, 404]
        assert await read(caller) == 200


async def test_a_write_may_land_although_its_answer_is_lost() -> None:
    """A reset after the write leaves the change behind, fires its webhook and is marked in the log."""
    async with client() as caller:
        simulator = caller.simulator
        simulator.world.seed(JANE)
        # Twice, because the HTTP library of this test repeats a PUT on a connection it used before.
        fault = Fault(route="profiles.put", kind=FaultKind.RESET, effect=Effect.BEFORE, count=2)
        simulator.faults.add(fault)
        with pytest.raises(aiohttp.ClientError):
            await caller.put("customerId=A-77", SUBSCRIBE)
        record = simulator.calls.select("profiles.put")[0]

        assert simulator.world.subscriptions("customerId=A-77") == {"Newsletter": True}
        assert (record.status, record.note) == (0, "a fault")


async def test_a_write_may_land_late() -> None:
    """A late effect changes the profile after the failure, before the simulator has settled."""
    async with client() as caller:
        simulator = caller.simulator
        simulator.world.seed(JANE)
        fault = Fault(method="PUT", status=504, effect=Effect.LATER, effect_after=0.02)
        simulator.faults.add(fault)
        reply = await caller.put("customerId=A-77", SUBSCRIBE)
        early = simulator.world.subscriptions("customerId=A-77")
        await simulator.settled()

        assert (reply.status, early) == (504, {})
        assert simulator.world.subscriptions("customerId=A-77") == {"Newsletter": True}


async def test_a_success_may_do_nothing() -> None:
    """The fault `nothing` answers 200 and leaves the profile as it was."""
    async with client() as caller:
        caller.simulator.world.seed(JANE)
        caller.simulator.faults.add(Fault(route="profiles.", kind=FaultKind.NOTHING))
        reply = await caller.put("customerId=A-77", SUBSCRIBE)

        assert reply.status == 200
        assert caller.simulator.world.subscriptions("customerId=A-77") == {}


async def test_calls_are_logged_and_counted() -> None:
    """Each call leaves moment, route, raw path, status, body and the reason of a refusal."""
    async with client() as caller:
        calls = caller.simulator.calls
        caller.simulator.world.seed(JANE)
        await caller.put("customerId=A-77", SUBSCRIBE)
        await caller.put("customerId=none", SUBSCRIBE)
        await caller.call("GET", "/nonsense")
        puts = calls.select("profiles.", "PUT")

        assert [(each.status, each.note) for each in puts] == [(200, ""), (404, "no such profile")]
        assert puts[0].path == f"{PROFILES}/customerId=A-77"
        assert b"Newsletter" in puts[0].body
        assert puts[0].at == Clock().seconds
        assert calls.counters == {"token": 1, "profiles.put": 2, "unknown": 1}
        assert (calls.count("profiles."), calls.count(), len(calls)) == (2, 4, 4)


async def test_without_a_log_calls_are_still_counted() -> None:
    """The switch `call_log` off keeps counters only."""
    async with client({"call_log": False}) as caller:
        caller.simulator.world.seed(JANE)
        await read(caller)

        assert caller.simulator.calls.select() == []
        assert caller.simulator.calls.count("profiles.get") == 1


async def test_the_collection_information_is_kept_with_the_change() -> None:
    """Source, way and date of a write are found on the interaction it leaves; the date of the profile moves too."""
    clock = Clock()
    async with client(clock=clock) as caller:
        world = caller.simulator.world
        world.seed(JANE)
        clock.seconds += 5
        given = {"date": "2026-01-15 10:30:00", "source": "acme-consent-sync", "way": "api_push"}
        await caller.put("customerId=A-77", {**SUBSCRIBE, "dataCollectionInformation": given})
        profile = world.profile("customerId=A-77")
        trace = profile.interactions[0]

        assert (trace.subscription, trace.subscribed, trace.origin) == ("Newsletter", True, "api")
        assert trace.provenance.source == "acme-consent-sync"
        assert (trace.provenance.way, trace.provenance.date) == ("api_push", "2026-01-15 10:30:00")
        assert profile.updated == profile.created + 5
