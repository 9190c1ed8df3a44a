"""Reads request bodies: within a size, within a time, and never more than needed."""

import asyncio
from typing import Final

import aiohttp
from aiohttp import hdrs, web

from consent_sync.web.problems import Problem

MAX_BODY: Final = 8 * 1024 * 1024
READ_SECONDS: Final = 30.0
GLANCE_SECONDS: Final = 2.0

_ENCODINGS: Final = frozenset({"", "identity", "gzip", "deflate"})


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


async def read_body(request: web.Request, limit: int, into: bytearray | None = None) -> bytes:
    """Return the whole body, decompressed; raise Problem 400, 408 or 413.

    The limit holds for the decompressed size. What was read goes to `into` even when it fails.
    """
    content = request.content
    body = bytearray() if into is None else into
    try:
        async with asyncio.timeout(READ_SECONDS):
            # One piece at a time, so that a small body that expands is noticed at the limit.
            while piece := await content.readany():
                body += piece
                if len(body) > limit:
                    raise Problem("body-too-large", f"Expected at most {limit} bytes.")
    except TimeoutError:
        detail = f"Expected the whole body within {READ_SECONDS:.0f} seconds."
        raise Problem("body-timeout", detail) from None
    except (aiohttp.ClientPayloadError, aiohttp.http.HttpProcessingError, web.RequestPayloadError):
        raise Problem("body-incomplete", "The body is cut off or wrongly compressed.") from None
    return bytes(body)


async def glance(request: web.Request, body: bytearray, limit: int) -> None:
    """Add to `body` what arrives of the rest within a short time, up to `limit` bytes in all."""
    try:
        async with asyncio.timeout(GLANCE_SECONDS):
            while len(body) < limit and (piece := await request.content.readany()):
                body += piece
    except (
        TimeoutError,
        aiohttp.ClientPayloadError,
        aiohttp.http.HttpProcessingError,
        web.RequestPayloadError,
        ConnectionError,
    ):
        return
