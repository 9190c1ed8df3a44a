"""Alerts as webhooks: signed as the specification asks, and every failure is one of ours."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import orjson
import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from standardwebhooks import Webhook

from consent_sync.adapters.alert_hooks import AlertHooks, payload
from consent_sync.domain.alerts import Alert
from consent_sync.domain.errors import PermanentError, TemporaryError
from consent_sync.ports.messenger import Message
from tests.doubles.clock import SettableClock

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
AT = 1_614_265_330_000_000
RAISED = Alert("side_silent", "didomi", 1, AT, "nothing has come")


class Desk:
    """A receiver that answers as it is told."""

    def __init__(self) -> None:
        self.status = 200
        self.headers: dict[str, str] = {}

    async def take(self, request: web.Request) -> web.Response:
        self.headers = {name.lower(): value for name, value in request.headers.items()}
        self.body = await request.read()
        return web.Response(status=self.status, headers={"Location": "/elsewhere"})


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
async def hooks(desk: Desk) -> AsyncIterator[AlertHooks]:
    app = web.Application()
    app.router.add_post("/hook", desk.take)
    async with TestServer(app) as server, ClientSession() as session:
        url = str(server.make_url("/hook?token=of-the-receiver"))
        yield AlertHooks(session, [url], [SECRET], SettableClock(AT + 999_999))


def test_the_published_example() -> None:
    """The library signs the example of the specification as it is published."""
    signature = Webhook(SECRET).sign(
        msg_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=datetime.fromtimestamp(1_614_265_330, UTC),
        data='{"test": 2432232314}',
    )

    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


async def test_a_message_carries_what_is_signed(hooks: AlertHooks, desk: Desk) -> None:
    """Id, time in whole seconds and body are those that were signed."""
    await hooks.tell(hooks.receivers[0], Message("msg_1", RAISED))
    moment = datetime.fromtimestamp(1_614_265_330, UTC)
    expected = Webhook(SECRET).sign("msg_1", moment, desk.body.decode())

    assert desk.headers["webhook-id"] == "msg_1"
    assert desk.headers["webhook-timestamp"] == "1614265330"
    assert desk.headers["webhook-signature"] == expected
    assert desk.headers["content-type"] == "application/json"


def test_the_body_of_a_message() -> None:
    """What receivers may rely on."""
    cleared = RAISED.changed(AT + 5_500_000)

    assert orjson.loads(payload(Message("msg_1", RAISED))) == {
        "type": "alert.raised",
        "timestamp": "2021-02-25T15:02:10Z",
        "data": {"alert": "side_silent", "about": "didomi", "detail": "nothing has come"},
    }
    assert orjson.loads(payload(Message("msg_1", cleared)))["type"] == "alert.cleared"


@pytest.mark.parametrize(
    ("status", "kind"),
    [(500, TemporaryError), (429, TemporaryError), (302, TemporaryError), (404, PermanentError)],
)
async def test_any_other_answer_is_a_failure(
    hooks: AlertHooks, desk: Desk, status: int, kind: type[Exception]
) -> None:
    """Redirects are not followed, and no error names the address, which may hold a token."""
    desk.status = status

    with pytest.raises(kind) as raised:
        await hooks.tell(hooks.receivers[0], Message("msg_1", RAISED))
    assert "token" not in str(raised.value)
    assert "of-the-receiver" not in "".join(hooks.receivers)
