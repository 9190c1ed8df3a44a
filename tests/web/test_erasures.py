"""Erasures through the API: at once, or after both sides were dealt with."""

import pytest

from consent_sync.domain.identity import Subject
from tests.web.conftest import Visit
from tests.web.parts import House

URL = "/api/v1/erasures"
ADA = "ada@example.com"


async def test_a_policy_lets_the_person_leave_both_sides_first(visit: Visit) -> None:
    """The word waits for their turn, by whom and with which policy."""
    house = House()
    client = await visit(house)
    answer = await (await client.post(URL, json={"person": ADA, "policy": "delete"})).json()
    [item] = await house.store.waiting(Subject("brand-a", ADA))

    assert answer == {"leaving": 1}
    assert item.event.type == "erasure.asked"
    assert b'"policy": "delete"' in item.event.body


@pytest.mark.parametrize("policy", ["burn", 1, None])
async def test_an_unknown_policy_is_refused(policy: object, visit: Visit) -> None:
    """With the words that are known."""
    client = await visit(House())
    answer = await client.post(URL, json={"person": ADA, "policy": policy})

    assert answer.status == 400
    assert "keep, opt-out, delete" in (await answer.json())["detail"]
