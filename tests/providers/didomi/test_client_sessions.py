"""How the client keeps a session, keeps its pace, and what it makes of failures."""

import asyncio

import pytest
from pydantic import JsonValue

from consent_sync.adapters.didomi.session import DidomiSettings
from consent_sync.domain.errors import CredentialError, NotNowError, TemporaryError
from consent_sync.domain.events import UserMissing
from consent_sync.simulators.didomi import DEFAULT_API_SECRET
from consent_sync.simulators.faults import Fault, FaultKind
from tests.providers.didomi.stage import MAPPING, OUID, Stage, stage

UNUSABLE: list[JsonValue] = [{"access_token": ""}, {"access_token": "a\nb"}, {"token": "x"}, []]


async def read(scene: Stage) -> None:
    found = await scene.client.read_user(MAPPING, OUID, "gdpr")
    assert isinstance(found, UserMissing)


async def test_one_session_serves_all_callers() -> None:
    """Callers that come at once wait for the same session."""
    async with stage() as scene:
        await asyncio.gather(*(read(scene) for _ in range(20)))

        assert scene.asked("sessions") == 1


async def test_a_session_is_renewed_before_it_ends() -> None:
    """After 50 of its 60 minutes a session is replaced; no call is refused for it."""
    async with stage() as scene:
        await read(scene)
        scene.clock.advance(49 * 60)
        await read(scene)
        assert scene.asked("sessions") == 1
        scene.clock.advance(60)
        await read(scene)

        assert scene.asked("sessions") == 2
        assert {call.status for call in scene.didomi.calls} == {200}


async def test_a_session_that_ends_early_is_renewed_once() -> None:
    """A 401 costs one new session, shared by all whose calls met it, and nobody notices."""
    async with stage() as scene:
        await read(scene)
        scene.didomi.expire_sessions()
        await asyncio.gather(*(read(scene) for _ in range(5)))

        assert scene.asked("sessions") == 2


async def test_a_second_401_is_a_credential_error() -> None:
    """When a fresh session is refused too, somebody has to look at our rights."""
    async with stage() as scene:
        scene.didomi.faults.add(Fault(route="consents.users.query", status=401, count=2))
        with pytest.raises(CredentialError):
            await read(scene)

        assert scene.asked("sessions") == 2


@pytest.mark.parametrize("status", [400, 401])
async def test_a_wrong_secret_is_a_credential_error(status: int) -> None:
    """Both answers that a wrong key may get mean the same; neither tells the secret."""
    async with stage(secret="wrong-secret", wrong_credentials_status=status) as scene:
        with pytest.raises(CredentialError) as caught:
            await scene.client.check()

        assert "wrong-secret" not in str(caught.value)


async def test_a_refused_key_is_not_tried_at_once_again() -> None:
    """Many waiting callers must not use up the limit of `/sessions` with a key known to be refused."""
    async with stage(secret="wrong-secret") as scene:
        for _ in range(10):
            with pytest.raises(CredentialError):
                await scene.client.check()
        assert scene.asked("sessions") == 1
        scene.clock.advance(16)
        with pytest.raises(CredentialError):
            await scene.client.check()

        assert scene.asked("sessions") == 2


async def test_a_refusal_lasts_no_longer_when_the_clock_is_set_back() -> None:
    """A key that was put right works at once."""
    async with stage() as scene:
        scene.didomi.faults.add(Fault(route="sessions", status=401))
        with pytest.raises(CredentialError):
            await scene.client.check()
        scene.clock.advance(-86_400)

        await scene.client.check()


async def test_the_secret_is_never_shown() -> None:
    """Settings that end up in a log line do not carry the secret along."""
    assert DEFAULT_API_SECRET not in repr(DidomiSettings("https://x", "key", DEFAULT_API_SECRET))


async def test_an_unusable_session_answer_is_temporary() -> None:
    """A session without a token that fits into a header is no session."""
    async with stage() as scene:
        for body in UNUSABLE:
            scene.didomi.faults.add(Fault(route="sessions", status=200, body=body))
            with pytest.raises(TemporaryError):
                await scene.client.check()

        await scene.client.check()


async def test_a_throttled_session_holds_the_next_one_back() -> None:
    """After a 429 the next caller waits as long as Didomi asked before it tries."""
    async with stage() as scene:
        scene.didomi.faults.add(Fault(route="sessions", status=429, retry_after=7))
        with pytest.raises(TemporaryError) as caught:
            await scene.client.check()
        assert caught.value.retry_after == 7
        await scene.client.check()

        assert scene.clock.naps == [7]


async def test_an_empty_allowance_is_waited_for() -> None:
    """When an answer says that no call is left, the next one waits for the new window."""
    async with stage(rate_limit_calls=2) as scene:
        await scene.client.catalogue(MAPPING)
        await scene.client.catalogue(MAPPING)

        assert scene.clock.naps
        assert {call.status for call in scene.didomi.calls} == {200}


async def test_the_limit_of_other_routes_does_not_hold_consents_back() -> None:
    """`/consents/*` has no limit, so an empty allowance elsewhere is none of its business."""
    async with stage(rate_limit_calls=2) as scene:
        await scene.client.catalogue(MAPPING)
        naps = list(scene.clock.naps)
        await read(scene)

        assert scene.clock.naps == naps


async def test_a_throttled_consents_call_holds_back_all_of_them() -> None:
    """One 429 pauses every caller, each of whom then finds the way free."""
    async with stage() as scene:
        await read(scene)
        scene.didomi.faults.add(Fault(route="consents.users", status=429, retry_after=5))
        with pytest.raises(TemporaryError):
            await read(scene)
        await asyncio.gather(read(scene), read(scene))

        assert scene.clock.naps[0] == 5


async def test_a_long_pause_is_handed_on() -> None:
    """A pause longer than a window is not slept through; the caller learns how long it lasts.

    Nothing was tried, so it is no attempt of anybody and says nothing new about the platform.
    """
    async with stage() as scene:
        scene.didomi.faults.add(Fault(route="consents.users", status=503, retry_after=120))
        with pytest.raises(TemporaryError) as caught:
            await read(scene)
        with pytest.raises(NotNowError) as later:
            await read(scene)

        assert (caught.value.retry_after, later.value.retry_after) == (120, 120)
        assert scene.asked("consents.users.query") == 1
        assert scene.clock.naps == []


async def test_a_pause_ends_when_the_clock_is_set_back() -> None:
    """Nobody waits until the clock has caught up."""
    async with stage() as scene:
        scene.didomi.faults.add(Fault(route="consents.users", status=503, retry_after=120))
        with pytest.raises(TemporaryError):
            await read(scene)
        scene.clock.advance(-86_400)
        await read(scene)

        assert scene.clock.naps == []


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=500),
        Fault(status=502, html=True),
        Fault(status=200, html=True),
        # The library itself repeats a reading once when a kept-alive connection breaks.
        Fault(kind=FaultKind.RESET, count=2),
        Fault(kind=FaultKind.HANG, seconds=5),
        Fault(kind=FaultKind.TRUNCATED_BODY),
        Fault(status=200, body={"data": "nothing"}),
        Fault(status=200, body=5),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status}-{fault.html}",
)
async def test_a_reading_without_a_clear_answer_is_temporary(fault: Fault) -> None:
    """Whatever comes instead of an answer, the next attempt may succeed."""
    async with stage() as scene:
        await read(scene)
        scene.didomi.faults.add(fault)
        with pytest.raises(TemporaryError):
            await read(scene)

        await read(scene)


async def test_a_redirect_is_not_followed() -> None:
    """An address that redirects is a wrong setting; the key goes nowhere else."""
    async with stage(redirect_to_https=True) as scene:
        with pytest.raises(TemporaryError):
            await read(scene)

        assert len(scene.didomi.calls) == 1


async def test_at_most_ten_calls_are_under_way() -> None:
    """`/consents/*` knows no limit, so the client has one of its own."""
    async with stage() as scene:
        await read(scene)
        scene.didomi.faults.add(
            Fault(route="consents.users", kind=FaultKind.HANG, seconds=0.2, count=None)
        )
        tasks = [
            asyncio.create_task(scene.client.read_user(MAPPING, OUID, "gdpr")) for _ in range(15)
        ]
        await asyncio.sleep(0.05)
        [plan] = scene.didomi.faults.describe()
        under_way = plan["hits"]
        await asyncio.gather(*tasks, return_exceptions=True)

        assert under_way == 10
