"""Pausing and resuming through the API, and what stands still in the status."""

from typing import Any

import pytest

from consent_sync.domain.identity import Side
from consent_sync.services.circuits import Break, Cause
from consent_sync.web.auth import ApiToken, Role
from tests.services.people import NOON
from tests.web.conftest import Visit
from tests.web.parts import JSON, House, body


async def send(client: Any, word: str, **asked: object) -> Any:
    return await client.post(f"/api/v1/{word}", data=body(asked), headers=JSON)


async def test_a_side_is_paused_and_resumed(house: House, visit: Visit) -> None:
    """Who paused what since when stands in the status, until it is resumed."""
    client = await visit(house)
    paused = await (await send(client, "pause", to="actito", mapping="brand-a")).json()
    status = await (await client.get("/api/v1/status")).json()
    resumed = await (await send(client, "resume", to="actito")).json()

    assert (
        paused["paused"]
        == status["paused"]
        == [
            {
                "to": "actito",
                "mapping": "brand-a",
                "since": "2026-11-19T12:00:00.000Z",
                "by": "local",
            }
        ]
    )
    assert resumed == {"ended": 1, "paused": []}
    assert house.standstill.pauses.of("brand-a") == frozenset()


async def test_everything_is_paused_at_once(house: House, visit: Visit) -> None:
    """Leaving out the side and the mapping means all of them."""
    client = await visit(house)
    await send(client, "pause")

    assert house.standstill.pauses.of("brand-a") == set(Side)


async def test_what_is_not_called_stands_in_the_status(house: House, visit: Visit) -> None:
    """Side, cause and reason, and how many lines rest."""
    client = await visit(house)
    broken = Break(Side.ACTITO, "", "brand-a", Cause.CREDENTIALS, True, NOON, "it says 403")
    house.standstill.breaks = lambda: (broken,)
    status = await (await client.get("/api/v1/status")).json()

    assert status["not_called"] == [
        {
            "side": "actito",
            "account": None,
            "mapping": "brand-a",
            "cause": "credentials",
            "writes_only": True,
            "since": "2026-11-19T12:00:00.000Z",
            "why": "it says 403",
        }
    ]
    assert status["resting_lines"] == {"brand-a": 1}


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (b"", 400),
        (b"[]", 400),
        (b'{"to": "both"}', 400),
        (b'{"to": ["actito"]}', 400),
        (b'{"mapping": 7}', 400),
        (b'{"mapping": "brand-x"}', 404),
    ],
)
async def test_what_is_not_understood_pauses_nothing(
    house: House, visit: Visit, asked: bytes, status: int
) -> None:
    """The answer says what was expected."""
    client = await visit(house)
    answer = await client.post("/api/v1/pause", data=asked, headers=JSON)

    assert answer.status == status
    assert house.standstill.pauses.current == ()


@pytest.mark.parametrize(("role", "status"), [(Role.VIEWER, 403), (Role.OPERATOR, 200)])
async def test_pausing_needs_an_operator(role: Role, status: int, visit: Visit) -> None:
    """Whoever may only look may not stop anything, and an operator's name is kept."""
    house = House(api_tokens=(ApiToken("olga", role, "a-token-of-olga"),))
    client = await visit(house)
    headers = {**JSON, "Authorization": "Bearer a-token-of-olga"}
    answer = await client.post("/api/v1/pause", data=b"{}", headers=headers)

    assert answer.status == status
    assert {one.by for one in house.standstill.pauses.current} == (
        {"olga"} if status == 200 else set()
    )
