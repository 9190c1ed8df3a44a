"""The one wall between the program and HTTP: every call ends in an answer or in one of our errors."""

import asyncio
import re
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Final, TypeAlias

import aiohttp
import orjson
from aiohttp import ClientHandlerType
from yarl import URL

from consent_sync.adapters.cleaning import cleaned
from consent_sync.domain.errors import (
    ConsentSyncError,
    CredentialError,
    PermanentError,
    TemporaryError,
    ThrottledError,
    UnclearError,
)
from consent_sync.domain.values import dataclass

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
"""A decoded JSON value."""

BeforeWrite: TypeAlias = Callable[[float], None]
"""Asked right before a write goes out, with the seconds it takes at most; raises TemporaryError."""

Observer: TypeAlias = Callable[[str, str, float], None]
"""Told after every call: route name, status or error word, seconds it took."""

MAX_BODY = 16 * 1024 * 1024
MAX_ERROR_BODY = 64 * 1024
_SHORT = 64 * 1024
MAX_RETRY_AFTER_SECONDS = 900.0

# The request cannot have been sent: no connection, or none that may be used.
_NOT_SENT = (
    aiohttp.ClientConnectorError,
    aiohttp.ClientConnectorCertificateError,
    aiohttp.ClientHttpProxyError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.ServerFingerprintMismatch,
)
# The address itself is wrong, so asking again is useless.
_NEVER_SENT = (
    aiohttp.InvalidURL,
    aiohttp.NonHttpUrlClientError,
    aiohttp.RedirectClientError,
    aiohttp.TooManyRedirects,
)

_HEADERS: Final = {"Accept": "application/json", "User-Agent": "consent-sync"}
_HEADERS_WITH_BODY: Final = {**_HEADERS, "Content-Type": "application/json"}
_NUMBER = re.compile(r"\d{1,9}(?:\.\d{1,9})?")
_RESET = re.compile(r"(?:\breset|;\s*t)\s*=\s*(\d{1,9})")


class InterruptedWriteError(aiohttp.ClientError):
    """The connection broke during a write."""


class AnswerTooLargeError(aiohttp.ClientError):
    """The answer is longer than anything a platform has to say."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer of a named route; `headers` are found in any letter case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    name: str = ""


class HttpWall:
    """Sends requests with timeouts and turns every failure into an error of ours.

    Neither errors nor the observer ever see an address: `name` stands for the route.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        connect_seconds: float = 10,
        read_seconds: float = 40,
        observer: Observer | None = None,
        before_write: BeforeWrite | None = None,
    ) -> None:
        self._session = session
        self._before_write = before_write
        self._most_seconds = connect_seconds + read_seconds
        self._observer = observer
        self._timeout = aiohttp.ClientTimeout(
            total=connect_seconds + read_seconds, connect=connect_seconds, sock_read=read_seconds
        )

    def may_write(self) -> None:
        """Return when the turn that runs here may begin a write; raises TemporaryError."""
        if self._before_write is not None:
            self._before_write(self._most_seconds)

    async def send(
        self,
        method: str,
        url: URL,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        write: bool = False,
        name: str,
        accept: frozenset[int] = frozenset(),
    ) -> Answer:
        """Return a 2xx answer or one whose status is in `accept`; raise for everything else.

        TemporaryError: not sent, held back, redirected, or a read without a clear answer.
        ThrottledError: 429.
        UnclearError: a write without one. CredentialError: 401, 402, 403, 407. PermanentError: other 4xx.
        """
        all_headers = {**(_HEADERS if body is None else _HEADERS_WITH_BODY), **headers}
        if write:
            self.may_write()
        clock = asyncio.get_running_loop().time
        started, outcome = clock(), "cancelled"
        try:
            answer = await self._fetch(method, url, all_headers, body, name, accept, write=write)
            outcome = str(answer.status)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            outcome = type(error).__name__
            raise failure(error, name, write=write) from None
        finally:
            if self._observer is not None:
                self._observer(name, outcome, clock() - started)
        if 200 <= answer.status < 300 or answer.status in accept:
            return answer
        raise refusal(answer, name, write=write)

    async def _fetch(
        self,
        method: str,
        url: URL,
        headers: Mapping[str, str],
        body: bytes | None,
        name: str,
        accept: frozenset[int],
        *,
        write: bool,
    ) -> Answer:
        async with self._session.request(
            method,
            url,
            headers=headers,
            data=body,
            timeout=self._timeout,
            # A redirect would carry our credentials to an address nobody configured.
            allow_redirects=False,
            # The library repeats a request once when the connection breaks: fine for reads only.
            middlewares=(_send_once,) if write else (),
        ) as response:
            wanted = 200 <= response.status < 300 or response.status in accept
            content = await (_whole(response) if wanted else _beginning(response))
            return Answer(response.status, response.headers, content, name)


def failure(error: Exception, name: str, *, write: bool) -> ConsentSyncError:
    """Return our error for one of the library's: was the request sent, and does it matter?"""
    word = type(error).__name__.lstrip("_")
    if isinstance(error, _NEVER_SENT):
        return PermanentError(f"{name}: the address cannot be called ({word})")
    if isinstance(error, _NOT_SENT):
        return TemporaryError(f"{name}: no connection ({word})")
    if write:
        return UnclearError(f"{name}: sent, but no clear answer came ({word})")
    return TemporaryError(f"{name}: no clear answer came ({word})")


def refusal(answer: Answer, name: str, *, write: bool) -> ConsentSyncError:
    """Return our error for an answer whose status is not the one hoped for."""
    status = answer.status
    if status == 429:
        wait = retry_after(answer.headers)
        return ThrottledError(f"{name}: too many calls (429)", retry_after=wait)
    # 408 and 425: the platform gave up on the request before it had decided anything.
    if status >= 500 or status in (408, 425):
        kind = UnclearError if write else TemporaryError
        wait = retry_after(answer.headers)
        return kind(f"{name}: the platform failed ({status})", retry_after=wait)
    # An account that is not paid for and a proxy that wants to know us say nothing about what was
    # sent either: a person has to act, and nobody's choice is given up meanwhile.
    if status in (401, 402, 403, 407):
        return CredentialError(f"{name}: the platform refuses our credentials ({status})")
    if status < 400:
        # A gateway's or a wrong address's doing: it says nothing about what was sent.
        return TemporaryError(f"{name}: redirected ({status}), check the address")
    text = cleaned(answer.body)
    return PermanentError(f"{name}: refused ({status}): {text}", status=status, answer=text)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return how many seconds the platform asks us to wait, at most 15 minutes; None if not said.

    Retry-After as seconds or HTTP date, else the reset of RateLimit (IETF drafts of both forms).
    """
    asked = headers.get("Retry-After", "").strip()
    seconds = float(asked) if _NUMBER.fullmatch(asked) else _until(asked, headers.get("Date", ""))
    if seconds is None:
        found = _RESET.search(headers.get("RateLimit", ""))
        reset = found[1] if found else headers.get("RateLimit-Reset", "").strip()
        seconds = float(reset) if _NUMBER.fullmatch(reset) else None
    return None if seconds is None else min(max(seconds, 0.0), MAX_RETRY_AFTER_SECONDS)


def json_value(answer: Answer, *, write: bool) -> Json:
    """Return the JSON in a 2xx answer; raise UnclearError or TemporaryError when it is none."""
    try:
        value: Json = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        raise _not_as_expected(answer.name, "JSON", write=write) from None
    return value


def json_object(answer: Answer, *, write: bool) -> dict[str, Json]:
    """Return the JSON object in a 2xx answer; raise as `json_value` does when it is none."""
    value = json_value(answer, write=write)
    if not isinstance(value, dict):
        raise _not_as_expected(answer.name, "a JSON object", write=write)
    return value


def _not_as_expected(name: str, expected: str, *, write: bool) -> TemporaryError:
    # A gateway's or login page instead of the platform: nobody knows what became of the request.
    kind = UnclearError if write else TemporaryError
    return kind(f"{name}: the answer is not {expected}")


def _until(date: str, now: str) -> float | None:
    # Both dates are the platform's own, so a difference between our clocks does not matter.
    try:
        return (parsedate_to_datetime(date) - parsedate_to_datetime(now)).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None


async def _whole(response: aiohttp.ClientResponse) -> bytes:
    length = response.content_length
    plain = "Content-Encoding" not in response.headers
    if plain and length is not None and length <= _SHORT:
        # Nearly every answer: its length is said and small, so nothing has to be watched.
        return await response.read()
    body = bytearray()
    content = response.content
    while not content.at_eof():
        body += await content.readany()
        if len(body) > MAX_BODY:
            raise AnswerTooLargeError
    return bytes(body)


async def _beginning(response: aiohttp.ClientResponse) -> bytes:
    # Only a refusal that explains itself is worth reading.
    if not 400 <= response.status < 500:
        return b""
    body = bytearray()
    async for piece in response.content.iter_chunked(16 * 1024):
        body += piece
        if len(body) >= MAX_ERROR_BODY:
            break
    return bytes(body[:MAX_ERROR_BODY])


async def _send_once(
    request: aiohttp.ClientRequest, handler: ClientHandlerType
) -> aiohttp.ClientResponse:
    """Keep the library from repeating a write by itself when a kept-alive connection breaks."""
    try:
        return await handler(request)
    except _NOT_SENT:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise InterruptedWriteError from error
