"""The answer to a stored delivery on the wire, whatever the sender wants to do with the connection."""

import asyncio

import pytest

from tests.services.people import didomi_event
from tests.web.conftest import Client
from tests.web.parts import DIDOMI, body


def delivery(number: int, version: str, *more: str) -> bytes:
    content = body(didomi_event(number=number))
    lines = [f"POST /webhooks/didomi HTTP/{version}", "Host: example.com"]
    lines += [f"{name}: {value}" for name, value in DIDOMI.items()]
    lines += [f"Content-Length: {len(content)}", *more, "", ""]
    return "\r\n".join(lines).encode() + content


async def said(client: Client, *requests: bytes, until_closed: bool) -> str:
    """Send requests in one go; return the answers until the server or this client closes."""
    assert client.port is not None
    reader, writer = await asyncio.open_connection(client.host, client.port)
    writer.write(b"".join(requests))
    text = b""
    async with asyncio.timeout(5):
        while text.count(b"}") < len(requests) or until_closed:
            piece = await reader.read(65_536)
            text += piece
            if not piece:
                break
    writer.close()
    await writer.wait_closed()
    return text.decode()


async def test_the_head_says_what_a_sender_needs(client: Client) -> None:
    """Length, type, date and server are there, and nothing closes the connection."""
    answer = await client.post("/webhooks/didomi", data=body(didomi_event()), headers=DIDOMI)

    assert answer.headers["Content-Length"] == str(len(await answer.read()))
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Date"].endswith(" GMT")
    assert answer.headers["Server"]
    assert "Connection" not in answer.headers


async def test_requests_one_after_the_other_are_answered_in_order(client: Client) -> None:
    """One connection carries many deliveries, also when they come before the first is answered."""
    requests = [delivery(number, "1.1") for number in (1, 1, 2)]
    text = await said(client, *requests, until_closed=False)

    assert text.count("HTTP/1.1 200 OK\r\n") == 3
    assert [line for line in text.split('"accepted":')[1:] if line.startswith("0")] != []


@pytest.mark.parametrize(
    ("version", "more"), [("1.1", ["Connection: close"]), ("1.0", [])], ids=["close", "old"]
)
async def test_a_connection_that_ends_is_told_so_and_closed(
    client: Client, version: str, more: list[str]
) -> None:
    """Who asks for an end gets the whole answer and then the end."""
    text = await said(client, delivery(1, version, *more), until_closed=True)

    assert "200 OK\r\n" in text
    assert text.endswith('{"accepted":1,"duplicates":0}')


async def test_an_old_sender_may_keep_the_connection(client: Client) -> None:
    """HTTP/1.0 with keep-alive is answered so that the sender knows it."""
    request = delivery(1, "1.0", "Connection: keep-alive")
    text = await said(client, request, until_closed=False)

    assert "connection: keep-alive" in text.lower()
