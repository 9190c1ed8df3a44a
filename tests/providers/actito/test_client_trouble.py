"""What the client does when Actito, the network or the key misbehaves."""

import asyncio

import pytest
from pydantic import JsonValue

from consent_sync.adapters.actito.client import ActitoClient
from consent_sync.domain.errors import (
    AbsentError,
    ConsentSyncError,
    CredentialError,
    PermanentError,
    TemporaryError,
    ThrottledError,
    UnclearError,
)
from consent_sync.domain.events import ProfileMissing, ProfileReading
from consent_sync.domain.moments import SECOND
from consent_sync.simulators.actito import ActitoSimulator
from consent_sync.simulators.faults import Effect, Fault, FaultKind
from tests.providers.actito.conftest import MakeClient
from tests.providers.actito.samples import NOON, TestClock, change, mapping, switch

FAULTS = [
    Fault(status=500),
    Fault(status=503, html=True),
    Fault(kind=FaultKind.NOTHING, html=True),
    # Twice, because the library repeats a reading by itself.
    Fault(kind=FaultKind.RESET, count=2),
    Fault(kind=FaultKind.HANG, seconds=5),
    Fault(kind=FaultKind.SLOW_BODY, seconds=20),
    Fault(kind=FaultKind.TRUNCATED_BODY),
]
NAMES = ["500", "503 page", "200 page", "reset", "hang", "slow body", "cut body"]


async def read(client: ActitoClient) -> ProfileReading | ProfileMissing:
    return await client.read_by_key(mapping(), "A-77")


async def opt_out(client: ActitoClient, *, after_look: bool = False) -> None:
    await client.update(mapping(), "A-77", change(Newsletter=False), after_look=after_look)


@pytest.mark.parametrize("fault", FAULTS, ids=NAMES)
async def test_a_reading_that_fails_may_be_repeated(
    actito: ActitoSimulator, client: ActitoClient, hasty: ActitoClient, fault: Fault
) -> None:
    """A read without a clear answer is temporary, and the next one works."""
    actito.faults.add(fault.model_copy(update={"route": "profiles.get"}))
    with pytest.raises(TemporaryError) as caught:
        await read(hasty)

    assert type(caught.value) is TemporaryError
    assert isinstance(await read(client), ProfileReading)


@pytest.mark.parametrize("fault", FAULTS, ids=NAMES)
async def test_a_write_without_a_clear_answer_is_unclear(
    actito: ActitoSimulator, hasty: ActitoClient, fault: Fault
) -> None:
    """Whatever went wrong after the write had left, it may have landed."""
    actito.faults.add(fault.model_copy(update={"route": "profiles.put", "effect": Effect.BEFORE}))
    with pytest.raises(UnclearError):
        await opt_out(hasty)

    assert len(actito.calls.select("profiles.put")) <= 1


@pytest.mark.parametrize("fault", FAULTS, ids=NAMES)
async def test_a_creation_without_a_clear_answer_is_unclear(
    actito: ActitoSimulator, hasty: ActitoClient, fault: Fault
) -> None:
    """A creation that may have happened is not reported as refused."""
    actito.faults.add(fault.model_copy(update={"route": "profiles.post"}))
    with pytest.raises(UnclearError):
        await hasty.create(mapping(), "C-99", change(Newsletter=True))


@pytest.mark.parametrize("fault", FAULTS, ids=NAMES)
async def test_a_token_that_does_not_come_means_that_nothing_was_sent(
    actito: ActitoSimulator, hasty: ActitoClient, fault: Fault
) -> None:
    """Trouble before the write itself is temporary, not unclear."""
    actito.faults.add(fault.model_copy(update={"route": "token"}))
    with pytest.raises(TemporaryError) as caught:
        await opt_out(hasty)

    assert type(caught.value) is TemporaryError
    assert actito.calls.count("profiles") == 0


async def test_a_token_ended_in_mid_run_is_replaced_once(
    actito: ActitoSimulator, client: ActitoClient
) -> None:
    """After a 401 one new token is fetched and the call repeated."""
    await read(client)
    actito.revoke_tokens()
    await opt_out(client)

    assert [(call.route, call.status) for call in actito.calls.select()] == [
        ("token", 200),
        ("profiles.get", 200),
        ("profiles.put", 401),
        ("token", 200),
        ("profiles.put", 200),
    ]


async def test_a_401_that_stays_is_a_matter_of_credentials(
    actito: ActitoSimulator, client: ActitoClient
) -> None:
    """Two tokens refused in a row are enough to know."""
    actito.faults.add(Fault(route="profiles.get", status=401, count=None))
    with pytest.raises(CredentialError):
        await read(client)

    assert (actito.calls.count("token"), actito.calls.count("profiles.get")) == (2, 2)


async def test_a_new_token_may_end_the_old_one(
    actito: ActitoSimulator, make_client: MakeClient
) -> None:
    """Many callers at once, tokens that die all the time: every call gets through in the end."""
    actito.switches.new_token_kills_old = True
    client = make_client(max_concurrency=5)
    for _ in range(5):
        actito.revoke_tokens()
        readings = await asyncio.gather(*(read(client) for _ in range(12)))

        assert all(isinstance(reading, ProfileReading) for reading in readings)
    assert actito.calls.count("token") == 5


async def test_one_token_serves_everybody(
    actito: ActitoSimulator, client: ActitoClient, clock: TestClock
) -> None:
    """A token is fetched once, kept for 12 of its 15 minutes, and then replaced before it ends."""
    await asyncio.gather(*(read(client) for _ in range(10)))
    clock.moment += 719 * SECOND
    await read(client)
    before = actito.calls.count("token")
    clock.moment += SECOND
    await read(client)

    assert (before, actito.calls.count("token")) == (1, 2)
    assert {call.status for call in actito.calls.select()} == {200}


@pytest.mark.parametrize("expires_in", ["text", "number"])
async def test_the_life_of_a_token_is_what_actito_says(
    actito: ActitoSimulator, client: ActitoClient, clock: TestClock, expires_in: str
) -> None:
    """Shorter lives are respected, whether written as "100s" or as a number."""
    actito.switches.token_seconds = 100
    switch(actito, expires_in=expires_in)
    await read(client)
    clock.moment += 80 * SECOND
    await read(client)

    assert actito.calls.count("token") == 2


@pytest.mark.parametrize(
    "body", [{"accessToken": ""}, {"accessToken": 5}, {"accessToken": "a\nb"}, {}, []]
)
async def test_a_token_answer_without_a_token(
    actito: ActitoSimulator, client: ActitoClient, body: JsonValue
) -> None:
    """An answer that holds no usable token is not used."""
    actito.faults.add(Fault(route="token", status=200, body=body))
    with pytest.raises(TemporaryError):
        await read(client)

    assert actito.calls.count("profiles") == 0


async def test_a_wrong_key(
    actito: ActitoSimulator, make_client: MakeClient, clock: TestClock
) -> None:
    """A refused key is named as such, shown once for all who wait, and tried again later."""
    client = make_client(api_key="FAKEWRONG")
    errors = await asyncio.gather(*(read(client) for _ in range(5)), return_exceptions=True)
    before = actito.calls.count("token")
    clock.moment += 5 * SECOND
    with pytest.raises(CredentialError):
        await read(client)

    assert {type(error) for error in errors} == {CredentialError}
    assert (before, actito.calls.count("token")) == (1, 2)
    assert not any("FAKEWRONG" in str(error) for error in errors)


async def test_a_clock_that_is_set_back_renews_the_token(
    actito: ActitoSimulator, client: ActitoClient, clock: TestClock
) -> None:
    """Nobody knows the age of a token after the machine's clock was corrected."""
    await read(client)
    clock.moment -= 3600 * SECOND
    await read(client)

    assert actito.calls.count("token") == 2


@pytest.mark.parametrize("retry_after", [None, 7])
async def test_a_429_makes_everybody_wait(
    actito: ActitoSimulator, client: ActitoClient, clock: TestClock, retry_after: int | None
) -> None:
    """The refused call is given back, and the next call of the account starts after the pause."""
    await read(client)
    actito.faults.add(Fault(route="profiles.put", status=429, retry_after=retry_after))
    with pytest.raises(TemporaryError) as caught:
        await opt_out(client)
    await read(client)

    assert type(caught.value) is ThrottledError
    assert caught.value.retry_after == retry_after
    assert clock.slept == [pytest.approx(retry_after or 1)]


async def test_a_busy_platform_that_says_how_long(
    actito: ActitoSimulator, client: ActitoClient, clock: TestClock
) -> None:
    """Retry-After is followed with a 503 as well."""
    actito.faults.add(Fault(route="profiles.get", status=503, retry_after=3))
    with pytest.raises(TemporaryError):
        await read(client)
    await read(client)

    assert clock.slept == [pytest.approx(3)]


async def test_a_write_after_a_look_does_not_wait(
    actito: ActitoSimulator, client: ActitoClient, clock: TestClock
) -> None:
    """Nothing comes between a look and its write, not even a pause."""
    await read(client)
    actito.faults.add(Fault(route="profiles.get", status=429, retry_after=60))
    with pytest.raises(TemporaryError):
        await read(client)
    await opt_out(client, after_look=True)

    assert clock.slept == []
    assert actito.world.subscriptions("customerId=A-77") == {"Newsletter": False}


async def test_no_more_calls_at_once_than_allowed(
    actito: ActitoSimulator, make_client: MakeClient
) -> None:
    """The licence's limit on calls at the same time is never reached."""
    actito.switches.latency_ms = 2
    client = make_client(max_concurrency=3)
    await asyncio.gather(*(read(client) for _ in range(20)))

    assert actito.most_concurrent_calls == 3
    assert {call.status for call in actito.calls.select()} == {200}


async def test_waiting_for_a_turn_is_not_the_calls_time(
    actito: ActitoSimulator, make_client: MakeClient
) -> None:
    """Calls queue for longer than a call may take, and none of them times out."""
    actito.switches.latency_ms = 20
    client = make_client(seconds=0.1, max_concurrency=1)
    readings = await asyncio.gather(*(read(client) for _ in range(12)))

    assert all(isinstance(reading, ProfileReading) for reading in readings)


async def test_a_table_that_answers_404_for_everybody_is_hidden(
    actito: ActitoSimulator, client: ActitoClient
) -> None:
    """When a profile that was there before is not found either, nobody is declared missing."""
    await read(client)
    actito.faults.add(Fault(route="profiles", status=404, count=None))
    for attempt in (
        client.read_by_key(mapping(), "B-88"),
        client.read_by_id(mapping(), "1002"),
        client.update(mapping(), "B-88", change(Newsletter=True), after_look=True),
        client.create(mapping(), "C-99", change(Newsletter=True)),
    ):
        with pytest.raises(TemporaryError):
            await attempt


async def test_a_404_that_has_ended_meanwhile_is_not_believed(
    actito: ActitoSimulator, client: ActitoClient
) -> None:
    """When others can be seen again, so can the profile that was asked for."""
    await client.read_by_key(mapping(), "B-88")
    actito.faults.add(Fault(route="profiles", status=404, count=1))

    assert isinstance(await read(client), ProfileReading)


async def test_a_profile_that_was_written_is_a_witness(
    actito: ActitoSimulator, client: ActitoClient
) -> None:
    """A profile counts as seen when a write to it was answered, or when somebody else knows it."""
    await client.update(mapping(), "B-88", change(Newsletter=False), after_look=False)
    actito.faults.add(Fault(route="profiles", status=404, count=None))
    with pytest.raises(TemporaryError):
        await read(client)


async def test_an_entity_that_answers_404_is_hidden(
    actito: ActitoSimulator, client: ActitoClient
) -> None:
    """Without the table in the structure, a 404 is not believed, even with nobody seen before."""
    actito.faults.add(Fault(route="profiles", status=404, count=None))
    actito.faults.add(Fault(route="structure", status=404, count=None))
    with pytest.raises(TemporaryError):
        await client.read_by_key(mapping(), "Z-1")


@pytest.mark.parametrize(("status", "kind"), [(401, CredentialError), (403, CredentialError)])
async def test_a_probe_that_is_refused_tells_why(
    actito: ActitoSimulator, client: ActitoClient, status: int, kind: type[ConsentSyncError]
) -> None:
    """The probe finds the lost right that the 404 was hiding."""
    actito.faults.add(Fault(route="structure", status=status, count=None))
    with pytest.raises(kind):
        await client.read_by_key(mapping(), "Z-1")


async def test_rights_hidden_behind_404(actito: ActitoSimulator, client: ActitoClient) -> None:
    """A key that may read but not write is not taken for a missing profile."""
    actito.switches.hide_403_as_404 = True
    actito.switches.rights = {"profiles": "read"}
    with pytest.raises(CredentialError):
        await opt_out(client)
    with pytest.raises(CredentialError):
        await client.create(mapping(), "C-99", change(Newsletter=True))


async def test_an_expired_token_hidden_behind_404(
    actito: ActitoSimulator, client: ActitoClient
) -> None:
    """A token that died unnoticed is replaced, and nobody is declared missing meanwhile."""
    actito.switches.hide_401_as_404 = True
    await read(client)
    actito.revoke_tokens()
    with pytest.raises(TemporaryError):
        await read(client)

    assert isinstance(await read(client), ProfileReading)


async def test_a_deleted_profile_is_missing(actito: ActitoSimulator, client: ActitoClient) -> None:
    """The absence of a profile that was there is believed when another one is still found."""
    await read(client)
    await client.read_by_key(mapping(), "B-88")
    actito.people.delete("customerId=A-77")

    assert await read(client) == ProfileMissing(NOON)
    assert await client.read_by_id(mapping(), "1001") == ProfileMissing(NOON)


async def test_the_only_known_profile_may_be_deleted(
    actito: ActitoSimulator, client: ActitoClient
) -> None:
    """A profile is no witness against its own absence, by whichever name it is asked for."""
    await read(client)
    actito.people.delete("customerId=A-77")

    assert await client.read_by_id(mapping(), "1001") == ProfileMissing(NOON)
    assert await read(client) == ProfileMissing(NOON)
    assert await client.read_by_key(mapping(), "Z-1") == ProfileMissing(NOON)


async def test_the_probe_is_kept_for_half_a_minute(
    actito: ActitoSimulator, client: ActitoClient, clock: TestClock
) -> None:
    """Many unknown people cost one look at the structure, until it is 30 seconds old."""
    for key in ("Z-1", "Z-2", "Z-3"):
        await client.read_by_key(mapping(), key)
    before = actito.calls.count("structure")
    clock.moment += 30 * SECOND
    await client.read_by_key(mapping(), "Z-4")

    assert (before, actito.calls.count("structure")) == (1, 2)


async def test_a_profile_that_vanishes_before_the_write(
    actito: ActitoSimulator, client: ActitoClient
) -> None:
    """A profile deleted between look and write is reported as absent."""
    await read(client)
    await client.read_by_key(mapping(), "B-88")
    actito.people.delete("customerId=A-77")
    with pytest.raises(AbsentError):
        await opt_out(client, after_look=True)


@pytest.mark.parametrize(
    ("first", "calls"),
    [("update", ["profiles.put", "profiles.get", "profiles.get"]), ("read", ["profiles.get"] * 3)],
)
async def test_what_an_unknown_person_costs(
    actito: ActitoSimulator, client: ActitoClient, first: str, calls: list[str]
) -> None:
    """The answer that was 404, somebody who is known to be there, and the person once more."""
    await read(client)
    await client.read_by_key(mapping(), "Z-1")
    before = len(actito.calls.select())
    if first == "read":
        await client.read_by_key(mapping(), "Z-2")
    else:
        with pytest.raises(AbsentError):
            await client.update(mapping(), "Z-2", change(Newsletter=False), after_look=False)

    assert [call.route for call in actito.calls.select()[before:]] == calls


async def test_a_key_attribute_that_is_not_unique(client: ActitoClient) -> None:
    """Asking by an attribute that names nobody in particular is refused for good."""
    with pytest.raises(PermanentError) as caught:
        await client.read_by_key(mapping(key_attribute="lastName"), "Doe")

    assert caught.value.status == 400


async def test_errors_name_no_person(actito: ActitoSimulator, hasty: ActitoClient) -> None:
    """Whatever goes wrong, the key stays out of the error."""
    by_address = mapping(key_attribute="emailAddress")
    faults = [*FAULTS, Fault(status=400, body={"message": "jane.doe@example.com?"})]
    for fault in faults:
        actito.faults.add(fault.model_copy(update={"route": "profiles.get"}))
        with pytest.raises(ConsentSyncError) as caught:
            await hasty.read_by_key(by_address, "jane.doe@example.com")

        assert "jane" not in f"{caught.value!r} {caught.value.__cause__!r}"
