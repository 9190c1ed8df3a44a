"""What the client reads about a person and about an organisation."""

from collections.abc import Awaitable, Callable

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import JsonValue

from consent_sync.adapters.didomi.catalogue import Catalogue
from consent_sync.adapters.didomi.client import DidomiClient
from consent_sync.domain.consent import Choice, Node, Pick
from consent_sync.domain.errors import PermanentError, TemporaryError
from consent_sync.domain.events import UserMissing, UserReading
from consent_sync.simulators.didomi import Click
from consent_sync.simulators.didomi.clicks import choices_from
from consent_sync.simulators.faults import Fault
from tests.providers.didomi.bodies import user
from tests.providers.didomi.stage import AT, MAPPING, OUID, HeldClock, Stage, client_of, stage

GRANTED, DENIED = Choice.GRANTED, Choice.DENIED

Handle = Callable[[web.Request], Awaitable[web.Response]]


async def reading(scene: Stage, ouid: str = OUID, regulation: str = "gdpr") -> UserReading:
    found = await scene.client.read_user(MAPPING, ouid, regulation)
    assert isinstance(found, UserReading)
    return found


async def test_a_stranger_is_missing() -> None:
    """No record of this organisation user id is an answer, not an error."""
    async with stage() as scene:
        assert await scene.client.read_user(MAPPING, OUID, "gdpr") == UserMissing(AT)


async def test_a_person_is_read_with_dates_and_choices() -> None:
    """The reading has our moments, Didomi's date and every choice held; null leaves no trace."""
    async with stage() as scene:
        scene.didomi.click(
            OUID,
            {
                "channels": {"email": True},
                "purposes": {"marketing": False, "partners": None},
                "values": {"marketing": {"topics": ["sport", "news"]}},
            },
        )
        found = await reading(scene)

        assert (found.asked_at, found.updated_at) == (AT, AT)
        assert found.tree.nodes == {Node(channel="email"): GRANTED, Node("marketing"): DENIED}
        assert found.tree.picks == {Pick("marketing", "topics"): {"sport", "news"}}


async def test_v1_preferences_and_the_full_tree_are_read() -> None:
    """An older organisation's nested choices are found, also among all nodes of the full tree."""
    async with stage(api_generation="v1") as scene:
        scene.didomi.click(OUID, {"preferences": {"marketing": {"deals": {"sms": True}}}})
        expected = {Node("marketing", "deals", channel="sms"): GRANTED}
        assert (await reading(scene)).tree.nodes == expected
        scene.didomi.turn(api_generation="full_tree")
        found = await reading(scene)

        assert found.tree.nodes == expected
        assert found.tree.picks == {}


async def test_the_full_tree_shows_lists() -> None:
    """Selected values are found in a full tree; preferences without a choice are not."""
    async with stage(api_generation="full_tree") as scene:
        scene.didomi.click(OUID, {"values": {"marketing": {"topics": ["sport"]}}})
        found = await reading(scene)

        assert found.tree.nodes == {}
        assert found.tree.picks == {Pick("marketing", "topics"): {"sport"}}


@pytest.mark.parametrize("empty", ["empty_string", "absent", "null"])
async def test_a_cleared_list_is_an_empty_one(empty: str) -> None:
    """However Didomi writes "nothing chosen", the list is known to be empty."""
    async with stage(empty_selection=empty) as scene:
        scene.didomi.click(OUID, {"values": {"marketing": {"topics": ["sport"]}}})
        scene.clock.advance(1)
        scene.didomi.click(OUID, {"values": {"marketing": {"topics": []}}})

        assert (await reading(scene)).tree.picks == {Pick("marketing", "topics"): frozenset()}


async def test_regulations_are_read_apart() -> None:
    """A choice under one regulation is not seen under another."""
    async with stage() as scene:
        scene.didomi.click(OUID, {"purposes": {"marketing": True}}, regulation="cpra")
        assert isinstance(await scene.client.read_user(MAPPING, OUID, "gdpr"), UserMissing)

        assert (await reading(scene, regulation="cpra")).tree.nodes == {Node("marketing"): GRANTED}


@pytest.mark.parametrize("ouid", ["a+b@example.com", "x y/z?&=#%", "müller", "a;b", "'\"$[]"])
async def test_odd_names_reach_didomi_unchanged(ouid: str) -> None:
    """Every character of an organisation user id survives the address."""
    async with stage() as scene:
        scene.didomi.click(ouid, {"purposes": {"marketing": True}})

        assert (await reading(scene, ouid)).tree.nodes == {Node("marketing"): GRANTED}


async def test_several_records_of_one_person_become_one() -> None:
    """Choices spread over the records of several devices: the newest word counts, place by place."""
    async with stage(records_per_ouid="several") as scene:
        for device, purposes in (
            ("phone", {"marketing": True, "newsletter": True}),
            ("laptop", {"marketing": False}),
        ):
            choices = choices_from({"purposes": purposes})
            scene.didomi.people.perform(Click(ouid=OUID, device=device, choices=choices))
            scene.clock.advance(60)
        found = await reading(scene)

        assert len(scene.didomi.world.users.of(OUID)) == 2
        assert found.tree.nodes == {Node("marketing"): DENIED, Node("newsletter"): GRANTED}
        assert found.updated_at == AT + 60_000_000


async def test_the_catalogue_lists_known_ids() -> None:
    """Purposes, preferences with their values, and regulations come from all pages."""
    purposes: list[JsonValue] = [{"id": f"p{number}"} for number in range(130)]
    organisation: dict[str, JsonValue] = {
        "purposes": purposes,
        "preferences": [{"id": "topics", "values": ["sport", "news"]}],
    }
    async with stage(organisation=organisation) as scene:
        found = await scene.client.catalogue(MAPPING)

        assert found == Catalogue(
            frozenset(f"p{number}" for number in range(130)),
            {"topics": frozenset({"sport", "news"})},
            frozenset({"gdpr", "cpra"}),
        )


async def test_a_catalogue_that_is_closed_to_us_is_unknown() -> None:
    """A refusal means that Didomi does not say, which is not the same as having no purposes."""
    async with stage() as scene:
        scene.didomi.faults.add(
            Fault(route="metadata.purposes", status=403),
            Fault(route="preferences", status=404),
            Fault(route="compliance.regulations", status=404),
        )

        assert await scene.client.catalogue(MAPPING) == Catalogue(None, None)


async def test_registered_webhooks_are_listed() -> None:
    """Each HTTP webhook of the organisation is found with its address."""
    async with stage() as scene:
        assert await scene.client.webhooks(MAPPING) == ()
        scene.didomi.connect_webhook("https://hooks.example.com/didomi")
        found = await scene.client.webhooks(MAPPING)

        assert found is not None
        assert [(one.url, one.enabled) for one in found] == [
            ("https://hooks.example.com/didomi", True)
        ]


async def test_webhooks_may_be_unknown() -> None:
    """An account without access to integrations cannot say what is registered."""
    async with stage() as scene:
        scene.didomi.faults.add(Fault(route="marketplace", status=403))

        assert await scene.client.webhooks(MAPPING) is None


class Canned:
    """A Didomi whose user list answers are prepared, for shapes that no page shows."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)
        self.cursors: list[str | None] = []

    async def users(self, request: web.Request) -> web.Response:
        self.cursors.append(request.query.get("$cursor"))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return web.json_response(answer, status=200 if answer else 400)

    async def session(self, request: web.Request) -> web.Response:
        return web.json_response({"access_token": "fake"})

    async def read(self) -> UserReading | UserMissing:
        app = web.Application()
        app.router.add_post("/sessions", self.session)
        app.router.add_get("/consents/users", self.users)
        async with TestServer(app) as server, aiohttp.ClientSession() as session:
            client: DidomiClient = client_of(session, str(server.make_url("/")), HeldClock())
            return await client.read_user(MAPPING, OUID, "gdpr")


def record(purpose: str, **changes: object) -> dict[str, object]:
    return user(consents={"purposes": [{"id": purpose, "enabled": True}]}, **changes)


async def test_all_pages_are_read() -> None:
    """Records behind a cursor belong to the person as well; one seen twice changes nothing."""
    canned = Canned(
        {"data": [record("a")], "cursor": "next"},
        {"data": [record("a"), record("b")], "cursor": None},
    )
    found = await canned.read()

    assert isinstance(found, UserReading)
    assert found.tree.nodes == {Node("a"): GRANTED, Node("b"): GRANTED}
    assert canned.cursors == [None, "next"]


async def test_a_bare_array_is_read_too() -> None:
    """The published schema shows an array where the guides show an envelope."""
    found = await Canned([record("a")]).read()

    assert isinstance(found, UserReading)


async def test_a_refused_cursor_is_tried_anew_later() -> None:
    """A cursor may have a short life, so a refusal of it is not for good."""
    with pytest.raises(TemporaryError):
        await Canned({"data": [], "cursor": "next"}, None).read()


async def test_a_refused_question_is_refused_for_good() -> None:
    """Without a cursor a refusal is about what we asked."""
    with pytest.raises(PermanentError):
        await Canned(None).read()


async def test_endless_pages_are_not_followed() -> None:
    """A cursor that never ends means that the filter does not work."""
    canned = Canned({"data": [record("a")], "cursor": "again"})
    with pytest.raises(PermanentError):
        await canned.read()

    assert len(canned.cursors) == 20


async def test_records_of_somebody_else_are_left_out() -> None:
    """If the filter is ignored, nobody else's choices are taken for this person's."""
    other = record("a", organization_user_id="other@example.com")

    assert isinstance(await Canned({"data": [other]}).read(), UserMissing)
