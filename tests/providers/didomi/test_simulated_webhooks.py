"""What the simulated Didomi posts, under every switch that changes it, arrives and is understood."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from consent_sync.adapters.didomi.webhook import DidomiReceiver
from consent_sync.domain.consent import Choice, Node, Pick
from consent_sync.domain.errors import RefusedError
from consent_sync.domain.events import DidomiItem, EventKind
from tests.providers.didomi.stage import AT, MAPPING, OUID, Stage, draft, stage_of

RECEIVER = DidomiReceiver()
GRANTED, DENIED = Choice.GRANTED, Choice.DENIED


@dataclass
class Post:
    """A receiver of webhooks that keeps every body, and the stage that sends them."""

    scene: Stage
    bodies: list[bytes] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.read())
        return web.json_response({})

    async def items(self) -> list[DidomiItem]:
        await self.scene.didomi.settled()
        items = []
        for body in self.bodies:
            [arrival] = RECEIVER.arrivals(body)
            item = RECEIVER.understand(arrival.body)
            assert isinstance(item, DidomiItem)
            assert item.ouid == arrival.names.ouid
            items.append(item)
        return items


@asynccontextmanager
async def posting(**switches: object) -> AsyncIterator[Post]:
    async with stage_of(switches) as scene:
        post = Post(scene)
        app = web.Application()
        app.router.add_post("/didomi", post.take)
        async with TestServer(app) as server:
            scene.didomi.connect_webhook(str(server.make_url("/didomi")))
            yield post


CHOICES = {
    "channels": {"email": True},
    "purposes": {"marketing": False, "partners": None},
    "values": {"marketing": {"topics": ["sport", "news"]}},
}
NODES = {Node(channel="email"): GRANTED, Node("marketing"): DENIED}
PICKS = {Pick("marketing", "topics"): {"sport", "news"}}


@pytest.mark.parametrize("shape", ["v2", "full_tree"])
@pytest.mark.parametrize("envelope_regulation", [True, False])
async def test_one_click_is_an_event_and_a_user(shape: str, envelope_regulation: bool) -> None:
    """Both say the same choices, made at the same moment by the same person."""
    async with posting(api_generation=shape, envelope_regulation=envelope_regulation) as post:
        post.scene.didomi.click(OUID, CHOICES, user_metadata={"brand": "north"})
        event, user = await post.items()

        assert (event.kind, user.kind) == (EventKind.CONSENT_EVENT, EventKind.CONSENT_USER)
        assert event.event is not None
        assert user.shown is not None
        for item, tree in ((event, event.event.tree), (user, user.shown)):
            assert (item.ouid, item.regulation) == (OUID, "gdpr")
            assert item.metadata == {"brand": "north"}
            assert tree.nodes == NODES
            assert tree.picks == PICKS
        assert event.event.created_at == user.updated_at == AT


async def test_older_organisations_are_understood() -> None:
    """Nested preferences with channels arrive as their own nodes."""
    async with posting(api_generation="v1") as post:
        post.scene.didomi.click(OUID, {"preferences": {"marketing": {"deals": {"sms": False}}}})
        event, _ = await post.items()

        assert event.event is not None
        assert event.event.tree.nodes == {Node("marketing", "deals", channel="sms"): DENIED}


async def test_an_update_names_the_event_behind_it() -> None:
    """A second click shows the merged state, and which event led to it."""
    async with posting() as post:
        post.scene.didomi.click(OUID, {"purposes": {"marketing": True}})
        post.scene.clock.advance(60)
        clicked = post.scene.didomi.click(OUID, {"purposes": {"newsletter": False}})
        *_, user = await post.items()

        assert user.type == "user.updated"
        assert user.event is not None
        assert user.event.id == clicked.id
        assert user.shown is not None
        assert user.shown.nodes == {Node("marketing"): GRANTED, Node("newsletter"): DENIED}


async def test_approval_shows_in_the_status() -> None:
    """A double opt-in is first pending and then confirmed, with the original date."""
    async with posting() as post:
        clicked = post.scene.didomi.click(
            OUID, {"purposes": {"marketing": True}}, status="pending_approval"
        )
        post.scene.clock.advance(3600)
        post.scene.didomi.people.approve(clicked.id)
        events = [item.event for item in await post.items() if item.type.startswith("event.")]

        assert [(one.status, one.created_at) for one in events if one] == [
            ("pending_approval", AT),
            ("confirmed", AT),
        ]


@pytest.mark.parametrize("body", ["sparse", "full"])
async def test_deletions_are_understood(body: str) -> None:
    """A deleted event and a deleted user arrive even when hardly anything is left of them."""
    async with posting(event_deleted_body=body) as post:
        clicked = post.scene.didomi.click(OUID, {"purposes": {"marketing": True}})
        post.scene.didomi.people.delete_event(clicked.id)
        post.scene.didomi.people.delete_user(OUID)
        items = {item.kind: item for item in await post.items()}

        deleted = items[EventKind.CONSENT_EVENT_DELETED]
        assert deleted.event is not None
        assert deleted.event.id == clicked.id
        assert deleted.ouid == (OUID if body == "full" else "")
        assert items[EventKind.CONSENT_USER_DELETED].ouid == OUID


async def test_guests_have_no_name() -> None:
    """A visitor whom the organisation does not know is understood as nobody."""
    async with posting(webhook_guests=True) as post:
        post.scene.didomi.click(None, {"purposes": {"marketing": True}})

        assert {item.ouid for item in await post.items()} == {""}


async def test_regulations_are_told_apart() -> None:
    """With events of all regulations switched on, each says which it belongs to."""
    async with posting(multi_regulation=True) as post:
        for regulation in ("gdpr", "cpra"):
            post.scene.didomi.click(OUID, {"purposes": {"marketing": True}}, regulation=regulation)

        assert {item.regulation for item in await post.items()} == {"gdpr", "cpra"}


async def test_our_own_event_is_recognised_when_it_comes_back() -> None:
    """An event that the client created returns with its origin, as event and behind the user."""
    async with posting(disable_integrations_silences_webhooks=False) as post:
        await post.scene.client.send_events(MAPPING, [draft(1)])
        await post.scene.client.send_events(MAPPING, [draft(2, granted=False)])
        seen = {item.type: item.event.origin for item in await post.items() if item.event}

        assert seen == {"event.created": draft().origin, "user.updated": draft().origin}


async def test_flattened_webhooks_are_refused() -> None:
    """Each body that the option "Flatten" produces is recognised as such."""
    async with posting(flatten=True) as post:
        clicked = post.scene.didomi.click(OUID, CHOICES)
        post.scene.didomi.people.delete_event(clicked.id)
        await post.scene.didomi.settled()
        codes = set()
        for body in post.bodies:
            with pytest.raises(RefusedError) as caught:
                RECEIVER.arrivals(body)
            codes.add(caught.value.code)

        assert codes == {"didomi-flattened"}


async def test_repeated_deliveries_are_equal() -> None:
    """All attempts for one event have one digest, and different events have different ones."""
    async with posting(webhook_duplicates="every_retry", time_scale=0.0001) as post:
        post.scene.didomi.click(OUID, CHOICES)
        await post.scene.didomi.settled()
        digests = [RECEIVER.arrivals(body)[0].digest for body in post.bodies]

        assert len(digests) > 2
        assert len(set(digests)) == 2
