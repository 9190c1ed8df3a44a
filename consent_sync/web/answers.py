"""The answer to a stored delivery: always the same head, so it is put together once a second."""

from email.utils import formatdate
from typing import Final

from aiohttp import HttpVersion11, hdrs, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import SERVER_SOFTWARE
from multidict import CIMultiDict

from consent_sync.domain.moments import SECOND
from consent_sync.ports.clock import Clock

_JSON: Final = "application/json"


class Heads:
    """The headers of small JSON answers by the length of their body, made anew every second."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._second = 0
        self._by_length: dict[int, CIMultiDict[str]] = {}

    def of(self, length: int) -> CIMultiDict[str]:
        """Return the headers for a body of this length; they are shared and not to be changed."""
        second = self._clock.now() // SECOND
        if second != self._second:
            self._second, self._by_length = second, {}
        head = self._by_length.get(length)
        if head is None:
            head = self._by_length[length] = CIMultiDict(
                {
                    hdrs.CONTENT_LENGTH: str(length),
                    hdrs.CONTENT_TYPE: _JSON,
                    hdrs.DATE: formatdate(second, usegmt=True),
                    hdrs.SERVER: SERVER_SOFTWARE,
                }
            )
        return head


class _Brief(web.StreamResponse):
    """`200` on a connection that stays open."""

    def __init__(self, body: bytes, heads: Heads) -> None:
        super().__init__()
        self._content = body
        self._heads = heads
        self._writer: AbstractStreamWriter | None = None

    @property
    def keep_alive(self) -> bool:
        """Say that the connection stays open."""
        return True

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter:
        """Hand the head to the connection, once."""
        if self._writer is None:
            self._writer = request.writer
            self._writer.length = len(self._content)
            head = self._heads.of(len(self._content))
            await self._writer.write_headers("HTTP/1.1 200 OK", head)
        return self._writer

    async def write_eof(self, data: bytes = b"") -> None:
        """Send head and body together."""
        if self._writer is not None:
            await self._writer.write_eof(self._content)


def stored(request: web.Request, body: bytes, heads: Heads) -> web.StreamResponse:
    """Return the answer `200` with a JSON body.

    aiohttp's own answer puts its head together anew for each request, which costs about a tenth of
    what the program does for an event; it is used where the head has to say more.
    """
    if request.keep_alive and request.version == HttpVersion11:
        return _Brief(body, heads)
    return web.Response(body=body, content_type=_JSON)
