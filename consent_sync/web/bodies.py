"""Reads request bodies: within a size, within a time, and never more than needed."""

import asyncio
import zlib
from dataclasses import dataclass
from typing import Final

import aiohttp
from aiohttp import StreamReader, hdrs, web

from consent_sync.web.problems import Problem

MAX_BODY: Final = 8 * 1024 * 1024
MAX_PARTS: Final = 100
READ_SECONDS: Final = 30.0
GLANCE_SECONDS: Final = 2.0

_COMPRESSED: Final = frozenset({"gzip", "x-gzip", "deflate"})
_ENCODINGS: Final = _COMPRESSED | {"", "identity"}
_BROKEN: Final = (
    aiohttp.ClientPayloadError,
    aiohttp.http.HttpProcessingError,
    web.RequestPayloadError,
    ConnectionError,
)


def require_json(request: web.Request) -> None:
    """Return when the request says that its body is JSON; raise Problem 415 otherwise."""
    said = request.headers.get(hdrs.CONTENT_TYPE, "")
    if said != "application/json":
        kind = said.partition(";")[0].strip().lower()
        main, _, sub = kind.partition("/")
        if main != "application" or (sub != "json" and not sub.endswith("+json")):
            raise Problem("not-json-type", "Expected Content-Type: application/json.")
    encoding = request.headers.get(hdrs.CONTENT_ENCODING)
    if encoding is not None and encoding.strip().lower() not in _ENCODINGS:
        raise Problem("bad-encoding", "Expected no content encoding, gzip or deflate.")


@dataclass(slots=True)
class Arrived:
    """What has arrived of a body so far, as it was sent."""

    body: bytes | bytearray = b""


async def read_body(request: web.Request, limit: int, arrived: Arrived) -> bytes:
    """Return the whole body, decompressed; raise Problem 400, 408 or 413.

    The limit holds for the body as sent and for what it becomes. What was read is in `arrived`
    even when this fails.
    """
    content = request.content
    if content.is_eof() and content.exception() is None:
        # Small bodies come together with their headers: there is nothing to wait for.
        arrived.body = body = content.read_nowait()
        if len(body) > limit:
            raise _too_large(limit)
    else:
        body = await _arriving(content, limit, arrived)
    encoding = request.headers.get(hdrs.CONTENT_ENCODING)
    return body if encoding is None else _decoded(body, encoding, limit)


async def _arriving(content: StreamReader, limit: int, arrived: Arrived) -> bytes:
    arrived.body = body = bytearray()
    try:
        async with asyncio.timeout(READ_SECONDS):
            while piece := await content.readany():
                body += piece
                if len(body) > limit:
                    raise _too_large(limit)
    except TimeoutError:
        detail = f"Expected the whole body within {READ_SECONDS:.0f} seconds."
        raise Problem("body-timeout", detail) from None
    except _BROKEN:
        raise Problem("body-incomplete", "Expected as many bytes as announced.") from None
    return bytes(body)


async def glance(request: web.Request, arrived: Arrived, limit: int) -> bytes:
    """Return what was read before, and what arrives of the rest within a short time.

    Reads on up to `limit` bytes in all.
    """
    body = bytearray(arrived.body)
    try:
        async with asyncio.timeout(GLANCE_SECONDS):
            while len(body) < limit and (piece := await request.content.readany()):
                body += piece
    except (TimeoutError, *_BROKEN):
        pass
    return bytes(body)


def _decoded(body: bytes, encoding: str, limit: int) -> bytes:
    if encoding.strip().lower() not in _COMPRESSED:
        return body
    text = bytearray()
    try:
        # A gzip body may consist of several parts, one after the other.
        for _ in range(MAX_PARTS):
            unpack = zlib.decompressobj(wbits=47)
            text += unpack.decompress(body, limit + 1 - len(text))
            if len(text) > limit:
                raise _too_large(limit)
            if not unpack.eof:
                raise Problem("bad-compression", "The compressed body ends too early.")
            body = unpack.unused_data
            if not body:
                return bytes(text)
    except zlib.error:
        raise Problem("bad-compression", "The body is not what its encoding says.") from None
    raise Problem("bad-compression", f"Expected at most {MAX_PARTS} compressed parts.")


def _too_large(limit: int) -> Problem:
    return Problem("body-too-large", f"Expected at most {limit} bytes.")
