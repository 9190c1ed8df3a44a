"""Alerts of the real process: told once when they begin and once when they are over."""

from pathlib import Path

import orjson
from aiohttp import web
from aiohttp.test_utils import TestServer
from standardwebhooks import Webhook

from tests.system.harness import town, until

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Pager:
    """A receiver that may be away."""

    def __init__(self) -> None:
        self.away = False
        self.ids: list[str] = []
        self.heard: list[tuple[str, str, str]] = []

    async def take(self, request: web.Request) -> web.Response:
        if self.away:
            return web.Response(status=503)
        body = await request.read()
        Webhook(SECRET).verify(body, dict(request.headers))
        said = orjson.loads(body)
        self.ids.append(request.headers["webhook-id"])
        self.heard.append((said["type"], said["data"]["alert"], said["data"]["about"]))
        return web.Response()


async def test_a_wrong_file_is_told_once_through_a_kill(tmp_path: Path) -> None:
    """Whoever starts after a kill does not tell it again, and tells when it is over."""
    pager, app = Pager(), web.Application()
    app.router.add_post("/hook", pager.take)
    async with TestServer(app) as server:
        variables = {
            "ALERT_WEBHOOK_URLS": str(server.make_url("/hook")),
            "ALERT_WEBHOOK_SECRETS": SECRET,
            "ALERT_EVERY_SECONDS": "0.1",
        }
        async with town(tmp_path, variables=variables) as place:
            file = next(place.service.mappings.glob("*.yaml"))
            good = file.read_bytes()
            file.write_bytes(b"name: [\n")
            await until("it is told", lambda: bool(pager.heard))
            gauge = f'consent_sync_alert_raised{{about="{file.name}",alert="mapping_invalid"}} 1.0'

            async def shown() -> bool:
                return gauge in (await place.get("/metrics")).text

            # The end of a round: whoever was told is written down.
            await until("the metric shows it", shown)
            await place.service.kill()
            await place.service.start()
            await until("somebody looks", lambda: bool(place.service.events("mapping_kept")))
            file.write_bytes(good)
            await until("its end is told", lambda: len(pager.heard) > 1)

        about = ("mapping_invalid", file.name)
        assert pager.heard == [("alert.raised", *about), ("alert.cleared", *about)]
        assert len(set(pager.ids)) == 2
        assert len(place.service.events("alert_raised")) == 1
