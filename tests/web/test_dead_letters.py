"""Dead letters, and an operator's word on them, through the API."""

from typing import Any

import pytest

from consent_sync.domain.consent import Choice, Statement
from consent_sync.domain.identity import Desk, Names, Side, Subject
from consent_sync.domain.state import LineState, PersonState, Presence
from consent_sync.ports.store import NewEvent, Settlement, StoredEvent, Summary
from consent_sync.web.auth import ApiToken, Role
from tests.services.people import NOON, mapping
from tests.web.conftest import Visit
from tests.web.parts import JSON, House, body

ADA = "ada@example.com"
ADAS = Subject("brand-a", ADA)
URL = "/api/v1/dead-letters"


def whom_actito_refused(*unread: int) -> PersonState:
    """Return somebody whose no in Didomi Actito has refused, with items that came to nothing."""
    line = mapping("brand-a").lines[0]
    no = Statement("e1", Side.DIDOMI, Choice.DENIED, NOON, NOON, NOON, 0, "event e1")
    known = LineState(
        latest={Side.DIDOMI: no},
        failed={Side.ACTITO: "Actito refused the write for good (status 400): not today"},
        shape=line.shape,
    )
    return PersonState(
        Names(ouid=ADA, actito_key=ADA),
        Presence.PRESENT,
        Presence.PRESENT,
        {line.id: known},
        unread=dict.fromkeys(unread, "it could not be read: the date is no date"),
    )


async def opened(house: House, visit: Visit, *unread: int) -> Any:
    client = await visit(house)
    await remember(house, whom_actito_refused(*unread))
    return client


async def remember(house: House, state: PersonState) -> int:
    """Let a turn of an event end in this state; return the event's number."""
    new = NewEvent(Side.DIDOMI, "", "event.created", b"d", NOON, b"odd", (ADAS,), repeatable=False)
    await house.store.accept([new])
    [turn] = await house.store.claim(1)
    done = tuple(item.id for item in turn.items)
    await house.store.settle(Settlement(ADAS, state, None, done, summary=Summary(failed=1)))
    return turn.items[0].event.id


async def words(house: House) -> list[StoredEvent]:
    """Return what operators have said."""
    return [one for one in await house.accepted() if one.source is Desk.OPERATOR]


async def letters(client: Any, query: str = f"person={ADA}", **headers: str) -> list[Any]:
    answer = await client.get(f"{URL}?{query}", headers=headers)
    return list((await answer.json())["letters"])


def chosen(*found: Any) -> bytes:
    names = ("mapping", "person", "id")
    return body({"letters": [{name: one[name] for name in names} for one in found]})


async def test_a_dead_letter_tells_what_was_to_be_written_and_why_not(
    house: House, visit: Visit
) -> None:
    """Person, line, side, choice, and the platform's answer."""
    [one] = await letters(await opened(house, visit))

    assert {key: one[key] for key in ("person", "line", "side", "choice", "event")} == {
        "person": ADA,
        "line": "Newsletter",
        "side": "actito",
        "choice": "denied",
        "event": None,
    }
    assert "not today" in one["reason"]


@pytest.mark.parametrize(
    ("query", "number"),
    [
        (f"person={ADA}", 1),
        ("person=ben@example.com", 0),
        (f"person={ADA}&mapping=brand-b", 0),
        (f"person={ADA}&line=DailyDeals", 0),
        (f"person={ADA}&error=NOT%20TODAY", 1),
        (f"person={ADA}&error=timeout", 0),
        # Nobody knows when it failed: the timeline does not tell.
        (f"person={ADA}&since=2026-01-01", 0),
        (f"person={ADA}&until=2027-01-01", 0),
        ("", 1),
    ],
)
async def test_dead_letters_are_found_by_person_place_error_and_window(
    query: str, number: int, house: House, visit: Visit
) -> None:
    """What is not asked for is left out."""
    assert len(await letters(await opened(house, visit), query)) == number


@pytest.mark.parametrize(("word", "kind"), [("replay", "replayed"), ("purge", "purged")])
async def test_a_word_is_stored_for_the_persons_turn(
    word: str, kind: str, house: House, visit: Visit
) -> None:
    """It is durable when it is answered, and says who, about whom and about what."""
    client = await opened(house, visit)
    [one] = await letters(client)
    answer = await client.post(f"{URL}/{word}", data=chosen(one), headers=JSON)
    [event] = await words(house)

    assert await answer.json() == {"taken": 1, "changed": 0}
    assert (event.source, event.type) == (Desk.OPERATOR, f"dead-letters.{kind}")
    assert one["id"].encode() in event.body
    assert b"local" in event.body


async def test_an_item_is_queued_again_beside_the_word(house: House, visit: Visit) -> None:
    """Its turn takes both, and what can be read by now is read."""
    client = await opened(house, visit)
    [event] = await house.accepted()
    number = event.id
    house.store.know(ADAS, whom_actito_refused(number))
    found = [one for one in await letters(client) if one["event"] == number]
    answer = await client.post(f"{URL}/replay", data=chosen(*found), headers=JSON)

    assert await answer.json() == {"taken": 1, "changed": 0}
    assert [item.event.id for item in await house.store.waiting(ADAS)].count(number) == 1


async def test_an_item_whose_content_is_gone_can_only_be_put_away(
    house: House, visit: Visit
) -> None:
    """Nothing is left that could be read."""
    client = await opened(house, visit, 99)
    found = [one for one in await letters(client) if one["event"] == 99]
    again = await client.post(f"{URL}/replay", data=chosen(*found), headers=JSON)
    away = await client.post(f"{URL}/purge", data=chosen(*found), headers=JSON)

    assert await again.json() == {"taken": 0, "changed": 1}
    assert await away.json() == {"taken": 1, "changed": 0}


async def test_what_has_changed_since_is_left_alone(house: House, visit: Visit) -> None:
    """A word on something else than what there is now is not even stored."""
    client = await opened(house, visit)
    [one] = await letters(client)
    data = chosen({**one, "id": "another"})
    answer = await client.post(f"{URL}/replay", data=data, headers=JSON)

    assert await answer.json() == {"taken": 0, "changed": 1}
    assert await words(house) == []


async def test_a_mapping_that_is_not_in_force_has_no_dead_letters(
    house: House, visit: Visit
) -> None:
    """Nobody could try them again; they come back with the mapping."""
    client = await opened(house, visit)
    house.mappings.mappings.clear()

    assert await letters(client, "") == []


@pytest.mark.parametrize("wrong", [b"", b"{}", b'{"letters": [{"id": 7}]}'])
async def test_a_body_that_is_no_decision_is_refused(
    wrong: bytes, house: House, visit: Visit
) -> None:
    """The answer says what was expected."""
    client = await opened(house, visit)
    answer = await client.post(f"{URL}/purge", data=wrong, headers=JSON)

    assert answer.status == 400
    assert "letters" in (await answer.json())["detail"]


@pytest.mark.parametrize(("role", "status"), [(Role.VIEWER, 403), (Role.OPERATOR, 200)])
async def test_a_word_needs_an_operator(role: Role, status: int, visit: Visit) -> None:
    """Whoever may only look may look at dead letters, and an operator's name is kept."""
    house = House(api_tokens=(ApiToken("olga", role, "a-token-of-olga"),))
    client = await opened(house, visit)
    bearer = {"Authorization": "Bearer a-token-of-olga"}
    data = chosen(*await letters(client, **bearer))
    answer = await client.post(f"{URL}/replay", data=data, headers={**JSON, **bearer})

    assert answer.status == status
    assert [b"olga" in event.body for event in await words(house)] == [True] * (status == 200)
