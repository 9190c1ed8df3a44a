"""Didomi's lists: everybody by cursor, one person's records, one person's events."""

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import JsonValue

from consent_sync.adapters.didomi.webhook import DidomiReceiver
from consent_sync.domain.consent import Choice, ConsentTree, Node, Pick
from consent_sync.domain.errors import PermanentError, TemporaryError
from consent_sync.domain.events import DidomiItem, UserMissing, UserReading
from consent_sync.ports.lists import CursorError, ListedUser
from consent_sync.simulators.didomi import Click
from consent_sync.simulators.didomi.clicks import choices_from
from consent_sync.simulators.faults import Fault
from tests.providers.didomi.stage import AT, MAPPING, OUID, HeldClock, Stage, client_of, stage

YES = {"purposes": {"newsletter": True}}
NO = {"purposes": {"newsletter": False}}


async def everybody(scene: Stage) -> list[str]:
    """Read the whole list and return whom it names, in its order."""
    names: list[str] = []
    cursor: str | None = None
    while True:
        page = await scene.client.lists.list_users(MAPPING, cursor)
        names += [user.ouid for user in page.users]
        cursor = page.cursor
        if cursor is None:
            return names


async def test_everybody_is_listed_page_by_page() -> None:
    """The cursor leads from page to page to the end; nobody is left out."""
    names = [f"person-{number}@example.com" for number in range(7)]
    async with stage(page_size=3) as scene:
        for name in names:
            scene.didomi.click(name, YES)

        assert await everybody(scene) == names
        assert scene.asked("consents.users") == 3


async def test_a_listed_user_shows_choices_and_date() -> None:
    """What stands in the list is a reading like any other."""
    async with stage() as scene:
        scene.didomi.click(OUID, NO)
        page = await scene.client.lists.list_users(MAPPING, None)

    [user] = page.users
    assert user.seen.tree.nodes == {Node("newsletter"): Choice.DENIED}
    assert user.seen.updated_at == AT


async def test_guests_are_counted_and_left_out() -> None:
    """Somebody without an organisation user id is nobody we could compare."""
    async with stage() as scene:
        scene.didomi.click(None, YES)
        scene.didomi.click(OUID, YES)
        page = await scene.client.lists.list_users(MAPPING, None)

    assert [user.ouid for user in page.users] == [OUID]
    assert page.guests == 1


async def test_another_regulation_lists_other_people() -> None:
    """Only users known under the regulation that was asked for."""
    async with stage() as scene:
        scene.didomi.click(OUID, YES, regulation="cpra")

        assert await everybody(scene) == []


async def test_a_refused_cursor_says_so() -> None:
    """The list has to be read again from its beginning."""
    async with stage(page_size=1) as scene:
        for name in ("a@example.com", "b@example.com"):
            scene.didomi.click(name, YES)
        page = await scene.client.lists.list_users(MAPPING, None)
        scene.didomi.faults.add(Fault(route="consents.users", status=400))

        with pytest.raises(CursorError):
            await scene.client.lists.list_users(MAPPING, page.cursor)


async def test_a_refused_first_page_is_no_matter_of_cursors() -> None:
    """Asking again would be refused again."""
    async with stage() as scene:
        scene.didomi.faults.add(Fault(route="consents.users", status=400))

        with pytest.raises(PermanentError):
            await scene.client.lists.list_users(MAPPING, None)


async def test_one_person_is_looked_at_with_all_records() -> None:
    """Several records of one person are merged, and each is handed on as its webhook would be."""
    async with stage(records_per_ouid="several") as scene:
        for device, choices in (("phone", YES), ("laptop", NO)):
            scene.didomi.people.perform(
                Click(ouid=OUID, device=device, choices=choices_from(choices))
            )
            scene.clock.advance(60)
        look = await scene.client.lists.look_at_user(MAPPING, OUID)

    assert isinstance(look.seen, UserReading)
    assert look.seen.tree.nodes == {Node("newsletter"): Choice.DENIED}
    assert [one.type for one in look.shown] == ["user.updated", "user.updated"]
    assert {one.names.ouid for one in look.shown} == {OUID}


async def test_a_stranger_has_no_records() -> None:
    """Nobody of that name is an answer."""
    async with stage() as scene:
        look = await scene.client.lists.look_at_user(MAPPING, OUID)

    assert isinstance(look.seen, UserMissing)
    assert look.shown == ()


async def test_events_are_listed_as_their_webhooks() -> None:
    """All of them, also those that wait for approval, each with its id and dates."""
    async with stage() as scene:
        first = scene.didomi.click(OUID, YES)
        scene.clock.advance(60)
        second = scene.didomi.click(OUID, NO, status="pending_approval")
        found = await scene.client.lists.list_events(MAPPING, OUID)

    understood = [DidomiReceiver().understand(one.arrival.body) for one in found]
    assert [one.id for one in found] == [first.id, second.id]
    assert [one.created_at for one in found] == [AT, AT + 60_000_000]
    assert [
        one.event.status for one in understood if isinstance(one, DidomiItem) and one.event
    ] == ["confirmed", "pending_approval"]
    assert {one.arrival.names.ouid for one in found} == {OUID}


async def test_many_events_come_in_several_pages() -> None:
    """The paging of events is not documented; skipping is followed to the end."""
    async with stage() as scene:
        for _ in range(130):
            scene.didomi.click(OUID, YES)
            scene.clock.advance(1)
        found = await scene.client.lists.list_events(MAPPING, OUID)

    assert len({one.id for one in found}) == 130


async def test_a_listed_user_can_be_told_in_part() -> None:
    """The webhook for a load names what it is allowed to, with the user's own date."""
    async with stage() as scene:
        scene.didomi.click(OUID, YES)
        lists = scene.client.lists
        page = await lists.list_users(MAPPING, None)
        tree = ConsentTree(
            {Node("newsletter"): Choice.DENIED}, {Pick("marketing", "topics"): frozenset({"news"})}
        )
        item = DidomiReceiver().understand(lists.user_webhook(MAPPING, page.users[0], tree))

    assert isinstance(item, DidomiItem)
    assert (item.ouid, item.updated_at, item.shown) == (OUID, AT, tree)


async def test_a_user_without_a_date_stays_without_one() -> None:
    """Nothing is made up."""
    async with stage() as scene:
        user = ListedUser(OUID, UserReading(AT, AT, None, ConsentTree()))
        body = scene.client.lists.user_webhook(MAPPING, user, ConsentTree())
        item = DidomiReceiver().understand(body)

    assert isinstance(item, DidomiItem)
    assert item.updated_at is None


@pytest.mark.parametrize("answer", ["nonsense", {"data": "none"}, {"data": [{"consents": 7}]}])
async def test_an_answer_that_is_no_list_is_trouble(answer: JsonValue) -> None:
    """A gateway's page or another shape is tried again later, and believed in nothing."""

    async def handle(request: web.Request) -> web.Response:
        if request.path.endswith("/sessions"):
            return web.json_response({"access_token": "fake.jwt.token"})
        return web.json_response(answer)

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", handle)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        client = client_of(session, str(server.make_url("/v1")), HeldClock())

        with pytest.raises(TemporaryError):
            await client.lists.list_users(MAPPING, None)
        with pytest.raises(TemporaryError):
            await client.lists.list_events(MAPPING, OUID)
