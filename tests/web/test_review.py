"""What is held, and deciding about it, through the API."""

from dataclasses import replace
from typing import Any

import pytest

from consent_sync.domain.consent import Agreed, Choice, Statement
from consent_sync.domain.identity import Desk, Names, Side, Subject
from consent_sync.domain.moments import MINUTE
from consent_sync.domain.state import LineState, PersonState, Presence
from consent_sync.domain.verdicts import Verdict
from consent_sync.web.auth import ApiToken, Role
from tests.services.people import NOON, mapping
from tests.web.conftest import Visit
from tests.web.parts import JSON, House, body

ADA = "ada@example.com"
URL = "/api/v1/held"


def a_held_person() -> PersonState:
    """Return somebody whose yes in Didomi came late, beside a no in Actito."""
    line = mapping("brand-a").lines[0]
    yes = Statement("e1", Side.DIDOMI, Choice.GRANTED, NOON, NOON, NOON, 20 * MINUTE, "event e1")
    known = LineState(
        latest={Side.DIDOMI: yes},
        agreed={
            Side.DIDOMI: Agreed(Choice.GRANTED, NOON),
            Side.ACTITO: Agreed(Choice.DENIED, NOON + MINUTE),
        },
        refused_at={Side.ACTITO: NOON + MINUTE},
        held=Verdict.HELD_REVIEW,
        shape=line.shape,
    )
    names = Names(ouid=ADA, actito_key=ADA)
    return PersonState(names, Presence.PRESENT, Presence.PRESENT, {line.id: known})


async def opened(house: House, visit: Visit) -> Any:
    client = await visit(house)
    house.store.know(Subject("brand-a", ADA), a_held_person())
    return client


async def ticket(client: Any, **headers: str) -> str:
    answer = await client.get(f"{URL}?person={ADA}", headers=headers)
    return str((await answer.json())["lines"][0]["ticket"])


def chosen(ticket: str, line: str = "Newsletter") -> bytes:
    one = {"mapping": "brand-a", "person": ADA, "line": line, "ticket": ticket}
    return body({"lines": [one]})


async def test_what_is_held_is_told_with_its_ticket(house: House, visit: Visit) -> None:
    """Person, line, side, reason and the moment of the agreement."""
    client = await opened(house, visit)
    answer = await client.get(f"{URL}?person={ADA}&line=Newsletter")
    told = await answer.json()

    assert told["total"] == 1
    assert told["lines"][0]["side"] == "actito"
    assert told["lines"][0]["agreed_at"] == "2026-11-19T12:00:00.000Z"


@pytest.mark.parametrize("word", ["approve", "reject"])
async def test_a_word_is_stored_for_the_persons_turn(word: str, house: House, visit: Visit) -> None:
    """It is durable when it is answered, and says who, about whom and about what."""
    client = await opened(house, visit)
    answer = await client.post(f"{URL}/{word}", data=chosen(await ticket(client)), headers=JSON)
    [event] = await house.accepted()

    assert await answer.json() == {"taken": 1, "changed": 0}
    assert event.source is Desk.OPERATOR
    assert (b"approve" in event.body) is (word == "approve")
    assert b"local" in event.body
    assert ADA.encode() in event.body


async def test_what_has_changed_since_is_not_decided(house: House, visit: Visit) -> None:
    """A word on something else than what is held now is not even stored."""
    client = await opened(house, visit)
    answer = await client.post(f"{URL}/approve", data=chosen("another"), headers=JSON)

    assert await answer.json() == {"taken": 0, "changed": 1}
    assert await house.accepted() == []


@pytest.mark.parametrize(
    "wrong",
    [b"", b"[]", b"{}", b'{"lines": 7}', b'{"lines": [{}]}', chosen("x").replace(b'"x"', b"7")],
)
async def test_a_body_that_is_no_decision_is_refused(
    wrong: bytes, house: House, visit: Visit
) -> None:
    """The answer says what was expected."""
    client = await opened(house, visit)
    answer = await client.post(f"{URL}/approve", data=wrong, headers=JSON)

    assert answer.status == 400
    assert (await answer.json())["code"] == "bad-request"


@pytest.mark.parametrize("query", ["since=soon", "until=x", "limit=0", "limit=1001"])
async def test_a_wrong_question_is_refused(query: str, house: House, visit: Visit) -> None:
    """Moments are dates of ISO 8601, the limit a number."""
    client = await opened(house, visit)
    answer = await client.get(f"{URL}?{query}")

    assert answer.status == 400


async def test_a_page_of_another_site_cannot_decide(house: House, visit: Visit) -> None:
    """Without the content type that browsers ask about first, nothing is done."""
    client = await opened(house, visit)
    headers = {"Content-Type": "text/plain"}
    answer = await client.post(f"{URL}/approve", data=chosen("x"), headers=headers)

    assert answer.status == 415


@pytest.mark.parametrize(("role", "status"), [(Role.VIEWER, 403), (Role.OPERATOR, 200)])
async def test_deciding_needs_an_operator(role: Role, status: int, visit: Visit) -> None:
    """Whoever may only look may look at what is held, and an operator's name is kept."""
    house = House(api_tokens=(ApiToken("olga", role, "a-token-of-olga"),))
    client = await opened(house, visit)
    bearer = {"Authorization": "Bearer a-token-of-olga"}
    data = chosen(await ticket(client, **bearer))
    answer = await client.post(f"{URL}/approve", data=data, headers={**JSON, **bearer})

    assert answer.status == status
    assert [b"olga" in event.body for event in await house.accepted()] == [True] * (status == 200)


async def test_conflicts_are_told_to_whoever_asks_for_them(house: House, visit: Visit) -> None:
    """Nothing of them waits, so they are told apart; a word on one is taken like any other."""
    client = await visit(house)
    no = Statement("a1", Side.ACTITO, Choice.DENIED, NOON - MINUTE, NOON + MINUTE, NOON, 0, "look")
    held = a_held_person()
    line = mapping("brand-a").lines[0]
    known = held.lines[line.id]
    at_odds = replace(known, latest={**known.latest, Side.ACTITO: no}, held="")
    house.store.know(Subject("brand-a", ADA), replace(held, lines={line.id: at_odds}))
    plain = await (await client.get(f"{URL}?person={ADA}")).json()
    told = await (await client.get(f"{URL}?conflicts=true")).json()
    answer = await client.post(
        f"{URL}/approve", data=chosen(told["lines"][0]["ticket"]), headers=JSON
    )

    assert plain["total"] == 0
    assert (told["total"], told["lines"][0]["verdict"]) == (1, "conflict_strictest")
    assert await answer.json() == {"taken": 1, "changed": 0}
