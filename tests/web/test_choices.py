"""Rows of a loaded file through the API."""

import pytest

from consent_sync.domain.identity import Desk, Subject
from consent_sync.web.auth import ApiToken, Role
from tests.web.conftest import Visit
from tests.web.parts import JSON, House

URL = "/api/v1/choices/brand-a"
ROW = {"person": "ada@example.com", "lines": {"Newsletter": "denied"}, "between": None}


async def test_rows_are_stored_for_their_person_once(visit: Visit) -> None:
    """The same row again is a duplicate."""
    house = House()
    client = await visit(house)
    first = await (await client.post(URL, json=[ROW])).json()
    again = await (await client.post(URL, json=[ROW, ROW | {"person": "\x00profile:1"}])).json()
    [item] = await house.store.waiting(Subject("brand-a", "ada@example.com"))

    assert (first, again) == (
        {"accepted": 1, "duplicates": 0},
        {"accepted": 1, "duplicates": 1},
    )
    assert (item.event.source, item.event.type) == (Desk.FILE, "choices.loaded")


@pytest.mark.parametrize(
    "body",
    [b"no json", b"{}", b"[1]", b'[{"person": 1, "lines": {}, "between": null}]', b"[[]]"],
)
async def test_what_is_no_row_is_refused(body: bytes, visit: Visit) -> None:
    """With 400, and nothing of it is stored."""
    house = House()
    client = await visit(house)
    answer = await client.post(URL, data=body, headers=JSON)

    assert answer.status == 400
    assert await house.store.events(refused=False, before=None, limit=10) == []


async def test_a_mapping_must_be_in_force(visit: Visit) -> None:
    """Rows of another mapping have nowhere to go."""
    client = await visit(House())
    answer = await client.post("/api/v1/choices/brand-z", json=[ROW])

    assert answer.status == 404
    assert (await answer.json())["code"] == "unknown-mapping"


async def test_only_an_admin_may_load(visit: Visit) -> None:
    """An operator may not."""
    client = await visit(House(api_tokens=(ApiToken("olga", Role.OPERATOR, "t" * 40),)))
    answer = await client.post(URL, json=[ROW], headers={"Authorization": f"Bearer {'t' * 40}"})

    assert answer.status == 403
