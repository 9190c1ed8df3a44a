"""Garbage, strangers and strange names at the door: refused with a reason, kept, and nothing else harmed."""

import gzip
from urllib.parse import quote

import pytest

from tests.system.harness import (
    ACTITO_SECRET,
    AT_ACTITO,
    AT_DIDOMI,
    DIDOMI_SECRET,
    JSON,
    Town,
    didomi_event,
    moment,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

NO_EVENTS = {
    "nothing": b"",
    "blanks": b"  \n",
    "garbage": b"\xff\xfe\x00garbage",
    "half": b'{"type": "event.created", "parameters": {',
    "html": b"<html><body>Service unavailable</body></html>",
    "null": b"null",
    "number": b"42",
    "text": b'"event.created"',
    "not_a_number": b'{"type": "event.created", "parameters": {"entity": {"created_at": NaN}}}',
    "infinity": b"[Infinity, -Infinity]",
    "brackets": b"[" * 20_000,
    "closed_brackets": b"[" * 20_000 + b"]" * 20_000,
    "objects": b'{"data":' * 20_000 + b"1" + b"}" * 20_000,
    "empty_array": b"[]",
    "array_of_nothing": b"[null, 1, []]",
    "lone_surrogate": b'{"type": "\xed\xa0\x80"}',
    "huge_number": b'{"profileId": ' + b"9" * 5_000 + b"}",
}
"""Bodies that are no event to either side."""

NO_DIDOMI_EVENTS = {
    "no_parameters": {"type": "event.created"},
    "parameters_list": {"type": "event.created", "parameters": []},
    "entity_text": {"type": "event.created", "parameters": {"entity": "x"}},
    "entity_missing": {"type": "user.updated", "parameters": {"entity": None}},
    "type_number": {"type": 7, "parameters": {"entity": {}}},
    "choice_as_text": {
        "type": "event.created",
        "parameters": {"entity": {"consents": {"channels": [{"id": "email", "enabled": "yes"}]}}},
    },
    "choice_as_number": {
        "type": "event.created",
        "parameters": {"entity": {"consents": {"channels": [{"id": "email", "enabled": 1}]}}},
    },
    "flattened": {
        "type": "event.created",
        "regulation": "gdpr",
        "entity__id": "flat-1",
        "entity__user__organization_user_id": "flat@example.com",
        "entity__consents__channels__0__id": "email",
        "entity__consents__channels__0__enabled": False,
    },
    "nul_in_name": {
        "type": "event.created",
        "parameters": {
            "entity": {"user": {"organization_user_id": "\x00profile:1001"}, "consents": {}}
        },
    },
}

NO_ACTITO_EVENTS = {
    "nobody": {"tableId": "21", "data": {"Newsletter": "false"}},
    "data_text": {"data": "Newsletter"},
    "data_empty": {"data": []},
    "data_of_numbers": {"data": [1, 2]},
    "profile_object": {"data": {"profileId": {"$gt": 0}}},
    "profile_words": {"data": {"profileId": "1 OR 1=1"}},
    "profile_path": {"data": {"profileId": "../webhookSubscription/1"}},
    "profile_negative": {"data": {"profileId": -1}},
}


# --- bodies ---


@pytest.mark.parametrize("body", NO_EVENTS.values(), ids=NO_EVENTS)
async def test_garbage_is_refused_with_a_reason_and_kept(place: Town, body: bytes) -> None:
    """What is no JSON or no event is answered 400 on both webhooks, kept, and harms nobody."""
    before = await place.refused()

    replies = [await place.didomi_says(body), await place.actito_says(body)]

    assert [reply.status for reply in replies] == [400, 400]
    assert all(reply.body["code"] and reply.body["detail"] for reply in replies)
    assert await place.refused() == before + 2
    assert (await place.get("/readyz")).status == 200


@pytest.mark.parametrize("body", NO_DIDOMI_EVENTS.values(), ids=NO_DIDOMI_EVENTS)
async def test_wrong_types_are_refused_by_the_didomi_webhook(place: Town, body: object) -> None:
    """A known event with a part of the wrong kind is answered 400 that says where."""
    reply = await place.didomi_says(body)

    assert reply.status == 400
    assert {"code", "where", "found", "expected"} <= reply.body.keys()


@pytest.mark.parametrize("body", NO_ACTITO_EVENTS.values(), ids=NO_ACTITO_EVENTS)
async def test_wrong_types_are_refused_by_the_actito_webhook(place: Town, body: object) -> None:
    """A delivery that names no profile in a form we can ask for is answered 400 that says where."""
    reply = await place.actito_says(body)

    assert reply.status == 400
    assert {"code", "where", "found", "expected"} <= reply.body.keys()


async def test_flattened_webhooks_are_named_as_such(place: Town) -> None:
    """Didomi's flatten option loses what a choice is about, and the answer says to turn it off."""
    place.didomi.turn(flatten=True, webhook_retry_schedule="one_try")
    place.didomi.click("flat@example.com", {"channels": {"email": False}})
    await place.didomi.settled()

    reply = await place.didomi_says(NO_DIDOMI_EVENTS["flattened"])

    assert place.didomi.sender.attempts[-1].status == 400
    assert "flatten" in reply.text.lower()


async def test_one_bad_event_refuses_its_whole_array(place: Town) -> None:
    """All or nothing: of an array with one bad element nothing is taken."""
    ada = place.person("ada", Newsletter=True)
    good = didomi_event(ada.ouid, "good-1", moment(), Newsletter=False)

    reply = await place.didomi_says([good, {"type": "event.created"}])
    await place.quiet()

    assert reply.status == 400
    assert place.in_actito(ada, "Newsletter") is True
    assert (await place.didomi_says(good)).body == {"accepted": 1, "duplicates": 0}


async def test_unknown_events_are_kept_and_do_nothing(place: Town) -> None:
    """Events that a platform adds later are accepted, recorded and lead to no call."""
    bodies = [
        {"type": "event.archived", "parameters": {"entity": {"id": "e-1"}}},
        {"type": "proof.created", "parameters": {"proof": {"x": [1]}}},
    ]

    replies = [await place.didomi_says(body) for body in bodies]
    replies.append(await place.actito_says({"data": {"campaign.id": "7", "campaign.name": "May"}}))
    await place.quiet()

    assert [(reply.status, reply.body["accepted"]) for reply in replies] == [(200, 1)] * 3
    assert not place.calls()


async def test_unknown_properties_are_ignored(place: Town) -> None:
    """Properties that a platform adds later stop nothing."""
    bo = place.person("bo", Newsletter=True)
    body = didomi_event(bo.ouid, "more-1", moment(), Newsletter=False)
    body["sentBy"] = {"region": "eu"}
    body["parameters"]["entity"]["score"] = [0.5, None, {"deep": True}]

    assert (await place.didomi_says(body)).status == 200
    await place.agree_in_actito(bo, "Newsletter", False)


async def test_large_bodies(place: Town) -> None:
    """Nine mebibytes are refused with 413, however they are packed; just below eight are taken."""
    event = didomi_event("huge@example.com", "huge-1", moment(), Newsletter=False)
    packed = gzip.compress(b'{"padding": "' + b"x" * (9 * 1024**2) + b'"}')
    almost = {**event, "padding": "x" * (8 * 1024**2 - 2048)}
    event["padding"] = "x" * (9 * 1024**2)

    assert (await place.didomi_says(event)).status == 413
    assert (await place.actito_says(event)).status == 413
    assert (
        await place.didomi_says(packed, {**AT_DIDOMI, "Content-Encoding": "gzip"})
    ).status == 413
    assert (await place.didomi_says(almost)).body == {"accepted": 1, "duplicates": 0}


async def test_content_types(place: Town) -> None:
    """Only JSON is taken, by whatever name; anything else is answered 415."""
    body = didomi_event("typed@example.com", "typed-1", moment())
    kinds = {
        "text/plain": 415,
        "application/x-www-form-urlencoded": 415,
        "application/json; charset=utf-8": 200,
        "application/vnd.didomi+json": 200,
    }

    answers = {
        kind: (await place.didomi_says(body, {**AT_DIDOMI, "Content-Type": kind})).status
        for kind in kinds
    }

    assert answers == kinds


# --- secrets ---


@pytest.mark.parametrize(
    "headers",
    [
        JSON,
        {**JSON, "X-Webhook-Secret": ""},
        {**JSON, "X-Webhook-Secret": "wrong"},
        {**JSON, "X-Webhook-Secret": DIDOMI_SECRET[:-1]},
        {**JSON, "X-Webhook-Secret": f"{DIDOMI_SECRET},{ACTITO_SECRET}"},
        {**JSON, "Authorization": f"Bearer {DIDOMI_SECRET}"},
        AT_ACTITO,
    ],
    ids=["none", "empty", "wrong", "cut", "both", "bearer", "other_side"],
)
async def test_wrong_secret_is_refused_and_changes_nothing(
    place: Town, headers: dict[str, str]
) -> None:
    """Without the right secret a perfectly good event is answered 401 and not believed."""
    cleo = place.people.get("cleo") or place.person("cleo", Newsletter=True)

    reply = await place.didomi_says(
        didomi_event(cleo.ouid, "forged-1", moment(), Newsletter=False), headers
    )
    await place.quiet()

    assert reply.status == 401
    assert place.in_actito(cleo, "Newsletter") is True
    assert DIDOMI_SECRET not in reply.text


async def test_didomi_secret_does_not_open_the_actito_webhook(place: Town) -> None:
    """Each side has secrets of its own."""
    assert (await place.actito_says({"data": {"profileId": 1}}, AT_DIDOMI)).status == 401


async def test_unknown_mapping_is_not_found(place: Town) -> None:
    """A delivery to a mapping that does not exist is answered 404 and kept."""
    before = await place.refused()
    paths = ["/webhooks/actito/brand-z", "/webhooks/actito/..%2Fbrand-a", "/webhooks/actito/%00"]

    statuses = [
        (await place.actito_says({"data": {"profileId": 1}}, path=path)).status for path in paths
    ]

    assert statuses == [404, 404, 404]
    assert await place.refused() == before + 3


# --- names ---


STRANGE_NAMES = {
    "path": "../",
    "deeper_path": "../../webhookSubscription/7001",
    "dot": ".",
    "dots": "..",
    "slash": "/",
    "equals": "a=b",
    "percent": "100%",
    "encoded": "%2e%2e%2f",
    "question": "who?x=1#y",
    "semicolon": "a;category=b",
    "plus": "ada+news@example.com",
    "space": "ada lovelace",
    "emoji": "💌@example.com",
    "accents": "zoë.çelik@example.com",
    "arabic": "ليلى@example.com",
    "sql": "'; DROP TABLE event; --",
    "sql_like": "%' OR '1'='1",
    "html": "<script>alert(1)</script>",
    "quotes": "\"double\" and 'single'",
    "newline": "a\r\nX-Injected: 1",
    "edge_newline": "ada@example.com\n",
    "backslash": "C:\\temp",
    "number": "0012345",
    "number_like_profile": "1001",
    "long": "x" * 200 + "@example.com",
    "python": "${jndi:ldap://example.com}",
    "template": "{{7*7}}{0}%s",
}


@pytest.mark.parametrize("name", STRANGE_NAMES.values(), ids=STRANGE_NAMES)
async def test_person_with_a_strange_name_is_a_person(place: Town, name: str) -> None:
    """Whatever somebody is called, both directions reach exactly them, and can be looked up."""
    bystander = place.people.get("bystander") or place.person("bystander", Newsletter=True)
    odd = place.person(name, Newsletter=True)

    place.didomi.click(odd.ouid, {"channels": {"email": False}})
    await place.agree(odd, "Newsletter", False)
    place.actito.people.subscribe(odd.profile, "Newsletter", "DailyDeals")
    await place.agree(odd, "Newsletter", True)
    await place.agree(odd, "DailyDeals", True)

    assert place.both(bystander, "DailyDeals") == (None, None)
    assert place.both(bystander, "Newsletter") == (True, True)
    view = (await place.get(f"/api/v1/persons/{quote(name, safe='')}")).body
    assert view["mappings"][0]["profile_id"] == str(odd.profile)
    assert "applied" in await place.verdicts(odd)
