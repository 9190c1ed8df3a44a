"""Every way a call can end, and the error it ends in."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest
from yarl import URL

from consent_sync.adapters.http import (
    MAX_BODY,
    Answer,
    HttpWall,
    failure,
    json_object,
    json_value,
    retry_after,
)
from consent_sync.domain.errors import (
    ConsentSyncError,
    CredentialError,
    PermanentError,
    TemporaryError,
    ThrottledError,
    UnclearError,
)
from tests.providers.canned import (
    Behaviour,
    answering,
    dripping,
    read_request,
    resetting,
    saying,
    serving,
    silent,
)

HTML = b"<html><body><h1>Sorry</h1></body></html>"

NOT_SENT = {
    "ClientConnectorCertificateError",
    "ClientConnectorDNSError",
    "ClientConnectorError",
    "ClientConnectorSSLError",
    "ClientHttpProxyError",
    "ClientProxyConnectionError",
    "ClientSSLError",
    "ConnectionTimeoutError",
    "ServerFingerprintMismatch",
    "UnixClientConnectorError",
}
NEVER_SENT = {
    "InvalidURL",
    "InvalidUrlClientError",
    "InvalidUrlRedirectClientError",
    "NonHttpUrlClientError",
    "NonHttpUrlRedirectClientError",
    "RedirectClientError",
    "TooManyRedirects",
}
PERHAPS_SENT = {
    "ClientConnectionError",
    "ClientConnectionResetError",
    "ClientError",
    "ClientOSError",
    "ClientPayloadError",
    "ClientResponseError",
    "ContentTypeError",
    "ServerConnectionError",
    "ServerDisconnectedError",
    "ServerTimeoutError",
    "SocketTimeoutError",
    "UploadAbortedError",
    "WSServerHandshakeError",
}


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def wall(session: aiohttp.ClientSession) -> HttpWall:
    return HttpWall(session, connect_seconds=0.5, read_seconds=0.2)


async def call(
    wall: HttpWall, url: URL, *, write: bool = False, accept: frozenset[int] = frozenset()
) -> Answer:
    method, body = ("PUT", b'{"a":1}') if write else ("GET", None)
    return await wall.send(
        method, url, headers={}, body=body, write=write, name="some route", accept=accept
    )


async def error_of(wall: HttpWall, behaviour: Behaviour, *, write: bool) -> ConsentSyncError:
    async with serving(behaviour) as url:
        with pytest.raises(ConsentSyncError) as caught:
            await call(wall, url, write=write)
    return caught.value


def library_errors(kind: type[aiohttp.ClientError]) -> Iterator[type[aiohttp.ClientError]]:
    yield kind
    for inner in kind.__subclasses__():
        yield from library_errors(inner)


def test_every_error_of_the_library_has_a_place() -> None:
    """A new version of the library with a new error makes this test fail until it is sorted in."""
    found = {
        kind.__name__
        for kind in library_errors(aiohttp.ClientError)
        if kind.__module__ == "aiohttp.client_exceptions"
    }

    assert found == NOT_SENT | NEVER_SENT | PERHAPS_SENT


@pytest.mark.parametrize("kind", sorted(set(library_errors(aiohttp.ClientError)), key=repr))
@pytest.mark.parametrize("write", [True, False])
def test_every_error_of_the_library_is_turned_into_ours(
    kind: type[aiohttp.ClientError], write: bool
) -> None:
    """What was not sent is temporary, a wrong address permanent, and a write in doubt unclear."""
    ours = failure(kind.__new__(kind), "some route", write=write)
    places = {
        **dict.fromkeys(NOT_SENT, TemporaryError),
        **dict.fromkeys(NEVER_SENT, PermanentError),
    }

    assert type(ours) is places.get(kind.__name__, UnclearError if write else TemporaryError)


@pytest.mark.parametrize(
    "error", [TimeoutError(), OSError(5, "broken"), ssl.SSLError(1, "bad record")]
)
def test_errors_of_the_machine_leave_a_write_in_doubt(error: Exception) -> None:
    """Timeouts, sockets and TLS can fail at any moment, also after the request has left."""
    ours = [type(failure(error, "some route", write=write)) for write in (True, False)]

    assert ours == [UnclearError, TemporaryError]


@pytest.mark.parametrize("status", [200, 201, 204])
async def test_every_2xx_is_an_answer(wall: HttpWall, status: int) -> None:
    """A success is handed over with status, headers in any letter case, body and route name."""
    body = b"" if status == 204 else b'{"a":1}'
    async with serving(answering(status, body, Location="/here")) as url:
        answer = await call(wall, url)

    assert (answer.status, answer.headers["location"], answer.body, answer.name) == (
        status,
        "/here",
        body,
        "some route",
    )


async def test_an_accepted_status_is_an_answer(wall: HttpWall) -> None:
    """A status that the caller knows what to do with is no error."""
    async with serving(answering(404, b"gone")) as url:
        answer = await call(wall, url, accept=frozenset({404}))

    assert (answer.status, answer.body) == (404, b"gone")


@pytest.mark.parametrize(
    ("status", "reading", "writing"),
    [
        (301, TemporaryError, TemporaryError),
        (308, TemporaryError, TemporaryError),
        (400, PermanentError, PermanentError),
        (401, CredentialError, CredentialError),
        (402, CredentialError, CredentialError),
        (403, CredentialError, CredentialError),
        (404, PermanentError, PermanentError),
        (407, CredentialError, CredentialError),
        (408, TemporaryError, UnclearError),
        (409, PermanentError, PermanentError),
        (425, TemporaryError, UnclearError),
        (429, ThrottledError, ThrottledError),
        (500, TemporaryError, UnclearError),
        (503, TemporaryError, UnclearError),
        (599, TemporaryError, UnclearError),
    ],
)
async def test_every_other_status_is_an_error(
    wall: HttpWall,
    status: int,
    reading: type[ConsentSyncError],
    writing: type[ConsentSyncError],
) -> None:
    """The status decides, and after a write only a clear refusal counts as one."""
    errors = [await error_of(wall, answering(status), write=write) for write in (False, True)]

    assert [type(error) for error in errors] == [reading, writing]


async def test_a_redirect_is_not_followed(wall: HttpWall) -> None:
    """Credentials stay with the address that was configured, and the call is tried again later."""
    visits = []

    async def elsewhere(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visits.append(await read_request(reader))

    async with serving(elsewhere) as other:
        error = await error_of(wall, answering(302, Location=str(other)), write=False)

    assert (type(error), visits) == (TemporaryError, [])


@pytest.mark.parametrize(
    ("write", "kind"), [(False, TemporaryError), (True, UnclearError)], ids=["read", "write"]
)
@pytest.mark.parametrize(
    "behaviour",
    [
        resetting,
        silent,
        dripping,
        saying(b""),
        saying(b"this is not HTTP\r\n\r\n"),
        saying(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"),
        saying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
        saying(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope"),
    ],
    ids=["reset", "hang", "drip", "closed", "not HTTP", "cut", "bad chunk", "bad gzip"],
)
async def test_an_answer_that_never_came_whole(
    wall: HttpWall, behaviour: Behaviour, write: bool, kind: type[TemporaryError]
) -> None:
    """A read may simply be repeated; what became of a write is not known."""
    error = await error_of(wall, behaviour, write=write)

    assert type(error) is kind


async def test_a_broken_connection_does_not_send_a_write_twice(wall: HttpWall) -> None:
    """The library would repeat a PUT on a kept-alive connection that breaks; it must not."""
    requests = []

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await read_request(reader))
        if len(requests) == 1:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
            requests.append(await read_request(reader))

    async with serving(once) as url:
        await call(wall, url, write=True)
        with pytest.raises(UnclearError):
            await call(wall, url, write=True)

    assert len(requests) == 2


async def test_a_refused_connection_means_nothing_was_sent(wall: HttpWall) -> None:
    """A write to a port where nobody listens certainly did not happen."""
    async with serving(silent) as url:
        pass
    with pytest.raises(TemporaryError) as caught:
        await call(wall, url, write=True)

    assert type(caught.value) is TemporaryError


async def test_waiting_for_a_free_connection_means_nothing_was_sent() -> None:
    """When the pool of connections stays busy, the write never left."""
    connector = aiohttp.TCPConnector(limit=1)
    async with aiohttp.ClientSession(connector=connector) as session, serving(silent) as url:
        patient = HttpWall(session, connect_seconds=1, read_seconds=1)
        hasty = HttpWall(session, connect_seconds=0.02, read_seconds=1)
        first = asyncio.create_task(call(patient, url))
        await asyncio.sleep(0.01)
        with pytest.raises(TemporaryError) as caught:
            await call(hasty, url, write=True)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)

    assert type(caught.value) is TemporaryError


@pytest.mark.parametrize("address", ["http://", "ftp://example.com/", "/place"])
async def test_a_wrong_address_will_not_get_better(wall: HttpWall, address: str) -> None:
    """An address that cannot be called is a permanent error that does not repeat it."""
    with pytest.raises(PermanentError, match="some route: the address cannot be called") as caught:
        await call(wall, URL(address))

    assert "example.com" not in str(caught.value)


async def test_a_giant_answer_is_not_read_to_its_end(wall: HttpWall) -> None:
    """Reading stops at the limit, so that nobody can fill our memory."""
    error = await error_of(wall, answering(200, b" " * (MAX_BODY + 1)), write=False)

    assert "AnswerTooLargeError" in str(error)


async def test_a_refusal_is_told_without_personal_data(wall: HttpWall) -> None:
    """A permanent error names route, status and reason, masked and cut."""
    body = b'{"message": "Value \'Doe\' of jane.doe@example.com (0470123456) is not good", "x": "Jane"}'
    error = await error_of(wall, answering(400, body), write=True)

    assert isinstance(error, PermanentError)
    assert (error.status, error.answer) == (
        400,
        "message: Value *** of *** (***) is not good; x: ***",
    )
    assert str(error) == f"some route: refused (400): {error.answer}"


async def test_an_error_body_that_is_slow_is_not_waited_for(wall: HttpWall) -> None:
    """A 503 is believed without its body."""
    head = b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 1000\r\n\r\n"
    error = await error_of(wall, saying(head), write=False)

    assert isinstance(error, TemporaryError)
    assert error.retry_after == 7


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "12"}, 12),
        ({"Retry-After": "0"}, 0),
        ({"Retry-After": "1.5"}, 1.5),
        ({"Retry-After": "86400"}, 900),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "Fri, 02 Jan 99999999999999999999 10:00:30 GMT"}, None),
        (
            {
                "Retry-After": "Fri, 02 Jan 2026 10:00:30 GMT",
                "Date": "Fri, 02 Jan 2026 10:00:00 GMT",
            },
            30,
        ),
        (
            {
                "Retry-After": "Fri, 02 Jan 2026 09:00:00 GMT",
                "Date": "Fri, 02 Jan 2026 10:00:00 GMT",
            },
            0,
        ),
        ({"Retry-After": "Fri, 02 Jan 2026 10:00:30 GMT"}, None),
        (
            {
                "Retry-After": "Fri, 02 Jan 2026 10:00:30",
                "Date": "Fri, 02 Jan 2026 10:00:00 GMT",
            },
            None,
        ),
        ({"RateLimit": "limit=100, remaining=0, reset=7"}, 7),
        ({"RateLimit": '"default";r=0;t=9'}, 9),
        ({"RateLimit-Reset": "8"}, 8),
        ({"RateLimit-Reset": "1767348000"}, None),
        ({"Retry-After": "3", "RateLimit": "limit=100, remaining=0, reset=7"}, 3),
    ],
)
def test_how_long_the_platform_asks_us_to_wait(
    headers: dict[str, str], seconds: float | None
) -> None:
    """Seconds, a date by the platform's own clock, or the reset of its rate; never over 15 min."""
    assert retry_after(headers) == seconds


async def test_the_wish_to_wait_comes_with_the_error(wall: HttpWall) -> None:
    """A 429 carries the seconds to wait."""
    error = await error_of(wall, answering(429, Retry_After="2"), write=True)

    assert isinstance(error, TemporaryError)
    assert error.retry_after == 2


@pytest.mark.parametrize(
    ("write", "kind"), [(False, TemporaryError), (True, UnclearError)], ids=["read", "write"]
)
@pytest.mark.parametrize("body", [HTML, b"", b"[1]", b"null", b'{"a":NaN}', b"\xff", b"[" * 5000])
def test_a_success_that_is_not_the_json_expected(
    body: bytes, write: bool, kind: type[TemporaryError]
) -> None:
    """A page instead of an object says nothing about what became of the request."""
    with pytest.raises(TemporaryError) as caught:
        json_object(Answer(200, {}, body, "some route"), write=write)

    assert type(caught.value) is kind


def test_json_is_read() -> None:
    """An object is returned as such, and any other value by the wider reader."""
    answer = Answer(200, {}, b'{"a": [1, null]}')

    assert json_object(answer, write=False) == {"a": [1, None]}
    assert json_value(Answer(200, {}, b"[1]"), write=False) == [1]


async def test_every_call_is_observed(session: aiohttp.ClientSession) -> None:
    """The observer hears the route name, the status or error word, and a span; never an address."""
    heard: list[tuple[str, str, float]] = []
    wall = HttpWall(
        session, read_seconds=0.2, observer=lambda *report: heard.append((report[0], *report[1:]))
    )
    for behaviour in (answering(200), answering(503), resetting):
        async with serving(behaviour) as url:
            await asyncio.gather(call(wall, url, write=True), return_exceptions=True)

    assert [(name, word) for name, word, _ in heard] == [
        ("some route", "200"),
        ("some route", "503"),
        ("some route", "InterruptedWriteError"),
    ]
    assert all(0 <= seconds < 5 for _, _, seconds in heard)


async def test_what_we_say_about_ourselves(wall: HttpWall) -> None:
    """Requests ask for JSON, say that they send it, and the caller's headers win."""
    heard = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await read_request(reader))
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")

    async with serving(listen) as url:
        await wall.send(
            "POST", url, headers={"Accept": "text/plain"}, body=b"{}", write=True, name="some route"
        )
    head = heard[0].lower()

    assert b"\r\naccept: text/plain\r\n" in head
    assert b"\r\ncontent-type: application/json\r\n" in head
    assert b"\r\nuser-agent: consent-sync\r\n" in head
