"""How the client creates events, and what it makes of duplicates and refusals."""

from dataclasses import replace

import pytest
from pydantic import JsonValue

from consent_sync.domain.consent import Choice, Node, Pick
from consent_sync.domain.errors import PermanentError, TemporaryError, UnclearError
from consent_sync.domain.events import UserReading
from consent_sync.ports.platforms import ConsentDraft
from consent_sync.simulators.faults import Effect, Fault, FaultKind
from tests.providers.didomi.stage import MAPPING, OUID, Stage, draft, stage

CREATE = "consents.events.create"
DUPLICATES = ["409", "400", "200"]


async def send(scene: Stage, *drafts: ConsentDraft) -> None:
    await scene.client.send_events(MAPPING, drafts)


def held(scene: Stage) -> set[str]:
    return set(scene.didomi.world.events)


async def test_an_event_is_created() -> None:
    """Didomi holds the event under our id, and the person's state shows its choices."""
    one = replace(draft(), picks={Pick("marketing", "topics"): ("news", "sport")})
    async with stage() as scene:
        await send(scene, one)
        found = await scene.client.read_user(MAPPING, OUID, "gdpr")

        assert held(scene) == {one.id}
        assert isinstance(found, UserReading)
        assert found.tree.nodes == one.nodes
        assert found.tree.picks == {Pick("marketing", "topics"): {"news", "sport"}}
        assert found.updated_at is not None


async def test_our_events_are_not_forwarded() -> None:
    """Every write asks Didomi not to hand it to integrations, and names the organisation."""
    async with stage() as scene:
        await send(scene, draft())
        [call] = scene.calls(CREATE)

        assert "disable_integrations=true" in call.path
        assert "organization_id=acme" in call.path


async def test_one_event_is_an_object_and_many_are_arrays() -> None:
    """Up to a hundred events travel in one call; more take more calls."""
    async with stage() as scene:
        await send(scene, draft(1))
        await send(scene, *(draft(number) for number in range(2, 253)))
        bodies = [call.body for call in scene.calls(CREATE)]

        assert isinstance(bodies[0], dict)
        assert [len(body) for body in bodies[1:] if isinstance(body, list)] == [100, 100, 51]
        assert len(held(scene)) == 252


async def test_nothing_to_send_calls_nobody() -> None:
    """An empty list is done at once."""
    async with stage() as scene:
        await send(scene)

        assert len(scene.didomi.calls) == 0


@pytest.mark.parametrize("duplicate", DUPLICATES)
async def test_an_event_that_exists_counts_as_created(duplicate: str) -> None:
    """Whatever a second event of the same id is answered with, ours is there and that is enough."""
    async with stage(duplicate_event=duplicate) as scene:
        await send(scene, draft())
        await send(scene, draft())

        assert held(scene) == {draft().id}


@pytest.mark.parametrize("duplicate", DUPLICATES)
async def test_a_pending_event_of_ours_counts_too(duplicate: str) -> None:
    """An event that waits for approval is looked for as well."""
    async with stage(duplicate_event=duplicate) as scene:
        await send(scene, draft())
        scene.didomi.world.events[draft().id].status = "pending_approval"

        await send(scene, draft())


@pytest.mark.parametrize("regulation", ["gdpr", "cpra"])
async def test_a_duplicate_is_looked_for_under_its_regulation(regulation: str) -> None:
    """Didomi only shows GDPR events unless it is asked for others."""
    one = replace(draft(), regulation=regulation)
    async with stage() as scene:
        await send(scene, one)
        await send(scene, one)

        assert held(scene) == {one.id}


@pytest.mark.parametrize(
    "fault",
    [
        Fault(route=CREATE, kind=FaultKind.RESET, effect=Effect.BEFORE),
        Fault(route=CREATE, kind=FaultKind.HANG, seconds=5, effect=Effect.BEFORE),
        Fault(route=CREATE, kind=FaultKind.TRUNCATED_BODY),
        Fault(route=CREATE, status=502, html=True, effect=Effect.BEFORE),
        Fault(route=CREATE, status=500),
        Fault(route=CREATE, status=200, html=True),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status}-{fault.effect}",
)
@pytest.mark.parametrize("duplicate", DUPLICATES)
async def test_a_write_without_a_clear_answer_can_be_repeated(fault: Fault, duplicate: str) -> None:
    """It is reported as unclear, never repeated in silence; repeated later, the event is there once."""
    async with stage(duplicate_event=duplicate) as scene:
        scene.didomi.faults.add(fault)
        with pytest.raises(UnclearError):
            await send(scene, draft())
        await send(scene, draft())

        # A call that is still hanging is not in the log yet.
        assert scene.asked(CREATE) <= 2
        assert held(scene) == {draft().id}


async def test_an_empty_success_is_a_success() -> None:
    """Any 2xx will do, with or without a body."""
    async with stage() as scene:
        scene.didomi.faults.add(Fault(route=CREATE, status=204))
        await send(scene, draft())

        assert scene.asked(CREATE) == 1


async def test_an_expired_session_does_not_double_a_write() -> None:
    """A write that met a 401 was not done; it is sent again with a new session."""
    async with stage() as scene:
        await send(scene, draft(1))
        scene.didomi.expire_sessions()
        await send(scene, draft(2))

        assert held(scene) == {draft(1).id, draft(2).id}


async def test_a_throttled_write_is_temporary_and_not_unclear() -> None:
    """A 429 certainly did nothing."""
    async with stage() as scene:
        scene.didomi.faults.add(Fault(route=CREATE, status=429, retry_after=3))
        with pytest.raises(TemporaryError) as caught:
            await send(scene, draft())

        assert not isinstance(caught.value, UnclearError)
        assert caught.value.retry_after == 3


async def test_a_refused_event_is_refused_for_good() -> None:
    """An unknown purpose is refused with Didomi's status and reason, without naming the person."""
    async with stage() as scene:
        with pytest.raises(PermanentError) as caught:
            await send(scene, draft(purpose="unheard-of"))

        assert caught.value.status == 400
        assert OUID not in str(caught.value)


@pytest.mark.parametrize("status", [404, 405, 409])
async def test_a_refusal_that_is_not_about_the_event_is_tried_later(status: int) -> None:
    """What no event is refused with may be a lag or a wrong address, so it is not for good."""
    async with stage() as scene:
        scene.didomi.faults.add(Fault(route=CREATE, status=status))
        with pytest.raises(TemporaryError):
            await send(scene, draft())


@pytest.mark.parametrize("batch_error", ["whole", "partial"])
@pytest.mark.parametrize("bad", [{2}, {1, 2, 3}])
async def test_only_the_bad_events_of_a_batch_are_refused(batch_error: str, bad: set[int]) -> None:
    """However a bad event shows in the answer, all good ones are created and the bad ones counted."""
    drafts = [draft(n, "unheard-of" if n in bad else "marketing") for n in (1, 2, 3)]
    async with stage(batch_error=batch_error) as scene:
        with pytest.raises(PermanentError, match=f"{len(bad)} of 3 consent events") as caught:
            await send(scene, *drafts)

        assert caught.value.status == 400
        assert held(scene) == {draft(n).id for n in (1, 2, 3) if n not in bad}


@pytest.mark.parametrize("batch_error", ["whole", "partial"])
@pytest.mark.parametrize("duplicate", DUPLICATES)
async def test_a_batch_with_known_events_succeeds(batch_error: str, duplicate: str) -> None:
    """Events that exist already do not keep the others of the batch out."""
    async with stage(batch_error=batch_error, duplicate_event=duplicate) as scene:
        await send(scene, draft(2))
        await send(scene, draft(1), draft(2), draft(3))

        assert held(scene) == {draft(n).id for n in (1, 2, 3)}


async def test_a_batch_without_a_clear_answer_is_unclear() -> None:
    """The whole batch is reported, and repeated later it is there once."""
    drafts = [draft(n) for n in (1, 2, 3)]
    async with stage() as scene:
        scene.didomi.faults.add(Fault(route=CREATE, kind=FaultKind.RESET, effect=Effect.BEFORE))
        with pytest.raises(UnclearError):
            await send(scene, *drafts)
        await send(scene, *drafts)

        assert held(scene) == {one.id for one in drafts}


@pytest.mark.parametrize("body", [None, {"count": 3}])
async def test_a_batch_answer_that_lists_nothing_goes_by_its_status(
    body: JsonValue,
) -> None:
    """Without a list there is nothing to compare, and 200 means done."""
    async with stage() as scene:
        scene.didomi.faults.add(Fault(route=CREATE, status=200, body=body))
        await send(scene, draft(1), draft(2))

        assert scene.asked(CREATE) == 1


async def test_v1_choices_are_written_to_older_organisations() -> None:
    """Preferences and channels below a purpose reach an organisation of the older generation."""
    nodes = {
        Node("marketing", "deals", channel="sms"): Choice.GRANTED,
        Node("marketing", "deals"): Choice.DENIED,
        Node(channel="email"): Choice.GRANTED,
    }
    async with stage(api_generation="v1") as scene:
        await send(scene, replace(draft(), nodes=nodes))
        found = await scene.client.read_user(MAPPING, OUID, "gdpr")

        assert isinstance(found, UserReading)
        assert found.tree.nodes == nodes
