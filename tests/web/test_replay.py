"""Replaying through the API."""

from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from pytest_aiohttp.plugin import AiohttpClient

from consent_sync.web.auth import ApiToken, Role
from consent_sync.web.routes import http_application
from tests.services.people import didomi_event
from tests.web.parts import DIDOMI, JSON, House, body


async def client_of(house: House, aiohttp_client: AiohttpClient) -> TestClient[Any, Any]:
    await house.store.open()
    return await aiohttp_client(http_application(house.parts()))


async def test_an_event_is_taken_once_more(aiohttp_client: AiohttpClient) -> None:
    """The answer counts persons, events and duplicates."""
    client = await client_of(House(), aiohttp_client)
    await client.post("/webhooks/didomi", data=body(didomi_event()), headers=DIDOMI)
    answer = await client.post("/api/v1/events/1/replay", headers=JSON)

    assert answer.status == 200
    assert await answer.json() == {
        "number": 1,
        "source": "didomi",
        "refused": False,
        "persons": 1,
        "accepted": 1,
        "duplicates": 0,
    }


async def test_a_page_of_another_site_cannot_replay(aiohttp_client: AiohttpClient) -> None:
    """Without the content type that browsers ask about first, nothing is done."""
    client = await client_of(House(), aiohttp_client)
    await client.post("/webhooks/didomi", data=body(didomi_event()), headers=DIDOMI)
    answer = await client.post(
        "/api/v1/events/1/replay", data=b"{}", headers={"Content-Type": "text/plain"}
    )

    assert answer.status == 415


@pytest.mark.parametrize(("role", "status"), [(Role.VIEWER, 403), (Role.OPERATOR, 404)])
async def test_replaying_needs_an_operator(
    role: Role, status: int, aiohttp_client: AiohttpClient
) -> None:
    """Whoever may only look may not replay; an operator is told that there is no such event."""
    house = House(api_tokens=(ApiToken("somebody", role, "a-token-of-somebody"),))
    client = await client_of(house, aiohttp_client)
    headers = {**JSON, "Authorization": "Bearer a-token-of-somebody"}
    answer = await client.post("/api/v1/events/7/replay", headers=headers)

    assert answer.status == status
    assert (await answer.json())["code"] in {"role-too-low", "unknown-event"}


async def test_what_cannot_be_read_is_answered_with_the_reason(
    aiohttp_client: AiohttpClient,
) -> None:
    """A refused body that is still nonsense is refused again, with its code."""
    client = await client_of(House(), aiohttp_client)
    await client.post("/webhooks/didomi", data=b"nonsense", headers=DIDOMI)
    answer = await client.post("/api/v1/events/1/replay", headers=JSON)

    assert answer.status == 400
    assert (await answer.json())["code"] == "not-json"
