"""What lies between the platforms and the service during the soak: it loses, doubles and delays."""

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from hashlib import blake2b
from typing import Final

import aiohttp
import orjson
from aiohttp import web

_LOSS: Final = 0.02
_DOUBLE: Final = 0.05
_DELAY: Final = 0.05
_MOST_DELAY_SECONDS: Final = 3.0
_PATIENCE: Final = aiohttp.ClientTimeout(total=8)
_PASSED_ON: Final = ("Content-Type", "X-Webhook-Secret")


class Post:
    """Passes webhooks on to any of the addresses that live; what it lost it says was taken."""

    def __init__(
        self,
        addresses: Callable[[], Sequence[str]],
        never_lost: Callable[[bytes], bool],
        chance: random.Random,
    ) -> None:
        self.url = ""
        self.rough = False
        """Whether it loses, doubles and delays."""
        self.lost = self.doubled = self.refused = 0
        self.taken: set[bytes] = set()
        """Digests of the bodies that the service answered with 200."""
        self._addresses = addresses
        self._never_lost = never_lost
        self._chance = chance
        self._http: aiohttp.ClientSession | None = None
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen on a free port of this machine."""
        self._http = aiohttp.ClientSession(timeout=_PATIENCE)
        app = web.Application()
        app.router.add_post("/{path:.*}", self._pass_on)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Listen no longer."""
        if self._runner is not None:
            await self._runner.cleanup()
        if self._http is not None:
            await self._http.close()

    async def _pass_on(self, request: web.Request) -> web.Response:
        body, chance = await request.read(), self._chance
        if self.rough and chance.random() < _DELAY:
            await asyncio.sleep(chance.random() * _MOST_DELAY_SECONDS)
        if self.rough and chance.random() < _LOSS and not self._never_lost(body):
            self.lost += 1
            return web.Response()
        status = await self._send(request, body)
        if self.rough and status == 200 and chance.random() < _DOUBLE:
            self.doubled += 1
            await self._send(request, body)
        return web.Response(status=status)

    async def _send(self, request: web.Request, body: bytes) -> int:
        addresses = self._addresses()
        if not addresses or self._http is None:
            return 502
        url = self._chance.choice(addresses) + request.path
        headers = {name: request.headers[name] for name in _PASSED_ON if name in request.headers}
        with suppress(aiohttp.ClientError, TimeoutError, OSError):
            async with self._http.post(url, data=body, headers=headers) as answer:
                content = await answer.read()
                if answer.status == 200 and "accepted" in orjson.loads(content):
                    self.taken.add(digest(body))
                else:
                    self.refused += 1
                return answer.status
        return 502


def digest(body: bytes) -> bytes:
    """Return what a body is recognised by."""
    return blake2b(body, digest_size=16).digest()
