"""The page about alerts tells each one, and its snippet checks what is really sent."""

import re
import time
from typing import Any

from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from consent_sync.adapters.alert_hooks import AlertHooks
from consent_sync.adapters.clock import SystemClock
from consent_sync.app.bootstrap import build
from consent_sync.app.settings import Settings
from consent_sync.domain.alerts import Alert
from consent_sync.ports.messenger import Message
from tests.docs.pages import ROOT, blocks

PAGE = ROOT / "docs/how-to/be-alerted.md"
SECRETS = ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_" + "Aa09" * 8)


async def test_every_alert_is_explained() -> None:
    """Each has a part that says what to do, and none is told that does not exist."""
    variables = {
        "CONSENT_SYNC_DATABASE_URL": "sqlite:///:memory:",
        "CONSENT_SYNC_ACTITO_API_URL": "https://actito.example.com",
    }
    application = await build(Settings.from_variables(variables))
    known = set(application.alerting.watch.conditions)
    await application.session.close()
    parts = re.split(r"(?m)^### `(\w+)`$", PAGE.read_text(encoding="utf-8"))

    assert set(parts[1::2]) == known
    assert [
        name
        for name, text in zip(parts[1::2], parts[2::2], strict=True)
        if "*What to do:*" not in text
    ] == []


async def test_the_snippet_checks_what_is_sent() -> None:
    """A message of ours passes with either secret; a changed one, an old one and a strange one do not."""
    taken: list[tuple[dict[str, str], bytes]] = []

    async def take(request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        taken.append((headers, await request.read()))
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/hook", take)
    async with TestServer(app) as server, ClientSession() as session:
        url = str(server.make_url("/hook"))
        hooks = AlertHooks(session, [url], SECRETS, SystemClock())
        alert = Alert("side_silent", "didomi", 1, 1_795_089_600_000_000, "nothing has come")
        await hooks.tell(hooks.receivers[0], Message("msg_1", alert))
    [(headers, body)] = taken
    [snippet] = [content for word, content in blocks(PAGE) if word == "python"]
    page: dict[str, Any] = {}
    exec(snippet, page)  # noqa: S102 - our own page, tried as a reader would
    is_ours = page["is_ours"]
    old = {**headers, "webhook-timestamp": str(int(time.time()) - 3_600)}

    assert [is_ours(secret, headers, body) for secret in SECRETS] == [True, True]
    assert not is_ours(SECRETS[0], headers, body + b" ")
    assert not is_ours("whsec_" + "Bb18" * 8, headers, body)
    assert not is_ours(SECRETS[0], old, body)
