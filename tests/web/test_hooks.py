"""The webhooks: what each delivery is answered, and that nothing refused is lost."""

import asyncio
import gzip
import zlib
from io import BytesIO

import orjson
import pytest
from aiohttp import ClientResponse

from consent_sync.domain.errors import StoreError
from consent_sync.domain.identity import Side, Subject
from consent_sync.services.intake import KEPT_BYTES
from consent_sync.web import bodies
from tests.services.people import didomi_event
from tests.web.conftest import Client, Visit
from tests.web.parts import DIDOMI, JSON, NEXT_SECRET, SECRET, House, body

ACTITO_ROUTE = "/webhooks/actito/brand-a"
PROFILE = {"profileId": 7, "customerId": "ada-1", "Newsletter": "true"}


async def problem(answer: ClientResponse) -> str:
    assert answer.content_type == "application/problem+json"
    document = orjson.loads(await answer.read())
    assert document["status"] == answer.status
    return str(document["code"])


# --- accepted ---


async def test_didomi_delivery_is_stored_and_counted(client: Client, house: House) -> None:
    """A delivery is answered 200 with its counts, and what was sent is in the store."""
    answer = await client.post("/webhooks/didomi", data=body(didomi_event()), headers=DIDOMI)

    assert answer.status == 200
    assert await answer.json() == {"accepted": 1, "duplicates": 0}
    assert [one.body for one in await house.accepted()] == [body(didomi_event())]


async def test_repeated_delivery_is_a_quiet_success(client: Client) -> None:
    """A duplicate is answered 200 and counted as such."""
    events = [didomi_event(number=1), didomi_event(number=1), didomi_event(number=2)]
    answer = await client.post("/webhooks/didomi", data=body(events), headers=DIDOMI)

    assert await answer.json() == {"accepted": 2, "duplicates": 1}


@pytest.mark.parametrize(
    ("delivery", "accepted"),
    [
        (PROFILE, 1),
        ({"id": "1", "data": PROFILE, "_links": []}, 1),
        ({"id": "1", "data": [PROFILE, {**PROFILE, "profileId": 8}]}, 2),
        ([PROFILE, {"id": "1", "data": {**PROFILE, "profileId": 8}}], 2),
    ],
)
async def test_every_actito_envelope(client: Client, delivery: object, accepted: int) -> None:
    """Actito's four envelopes are all taken in."""
    answer = await client.post(ACTITO_ROUTE, data=body(delivery), headers=DIDOMI)

    assert await answer.json() == {"accepted": accepted, "duplicates": 0}


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "application/json; charset=utf-8",
        "application/json;charset=ISO-8859-1",
        "APPLICATION/JSON",
        "application/cloudevents+json",
    ],
)
async def test_json_by_any_of_its_names(client: Client, kind: str) -> None:
    """Any charset parameter and every +json type is JSON."""
    headers = {**DIDOMI, "Content-Type": kind}
    answer = await client.post("/webhooks/didomi", data=body(didomi_event()), headers=headers)

    assert answer.status == 200


@pytest.mark.parametrize(
    ("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)]
)
async def test_compressed_delivery(client: Client, encoding: str, pack: object) -> None:
    """A compressed body is read like a plain one."""
    assert callable(pack)
    headers = {**DIDOMI, "Content-Encoding": encoding}
    data = pack(body(didomi_event()))
    answer = await client.post("/webhooks/didomi", data=data, headers=headers)

    assert await answer.json() == {"accepted": 1, "duplicates": 0}


@pytest.mark.parametrize(
    "ouid", ["../", "a=b", "100%", "👩‍🦰", "'; DROP TABLE event; --", "a/b?c#d"]
)
async def test_any_name_of_a_person(client: Client, house: House, ouid: str) -> None:
    """A person may be named by any text."""
    await client.post("/webhooks/didomi", data=body(didomi_event(ouid)), headers=DIDOMI)

    assert len(await house.store.waiting(Subject("brand-a", ouid.lower()))) == 1


# --- who may deliver ---


@pytest.mark.parametrize("secret", [SECRET, NEXT_SECRET])
async def test_rotated_secrets(client: Client, secret: str) -> None:
    """While a secret is changed, the old and the new one are both accepted."""
    headers = {**JSON, "X-Webhook-Secret": secret}

    for route, delivery in [("/webhooks/didomi", didomi_event()), (ACTITO_ROUTE, PROFILE)]:
        assert (await client.post(route, data=body(delivery), headers=headers)).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Webhook-Secret": ""},
        {"X-Webhook-Secret": SECRET[:-1]},
        {"X-Webhook-Secret": SECRET + "x"},
        {"X-Webhook-Secret": "gêheim"},
        {"Authorization": f"Bearer {SECRET}"},
    ],
)
@pytest.mark.parametrize("route", ["/webhooks/didomi", ACTITO_ROUTE, "/webhooks/actito/nobody"])
async def test_wrong_secret(
    client: Client, house: House, headers: dict[str, str], route: str
) -> None:
    """Without a right secret the answer is 401, also for a mapping that does not exist."""
    answer = await client.post(route, data=b"[1]", headers={**JSON, **headers})

    assert answer.status == 401
    assert await problem(answer) == "bad-secret"
    assert [(one.status, one.body) for one in await house.refused()] == [(401, b"[1]")]


async def test_secret_is_kept_nowhere(client: Client, house: House) -> None:
    """What is kept of a refused request holds none of its headers."""
    await client.post("/webhooks/didomi", data=b"[]", headers=DIDOMI)
    kept = await house.refused()

    assert SECRET not in repr(kept)
    assert len(kept) == 1


async def test_side_without_secret_refuses_everything(visit: Visit) -> None:
    """A side that cannot know its sender answers 503, whatever is sent."""
    house = House(secrets=(), oauth=False)
    client = await visit(house)
    answer = await client.post("/webhooks/didomi", data=body(didomi_event()), headers=DIDOMI)

    assert answer.status == 503
    assert "Retry-After" in answer.headers
    assert await problem(answer) == "side-not-configured"
    assert [one.status for one in await house.refused()] == [503]


async def test_trial_without_secret(visit: Visit) -> None:
    """Where the operator allows it, a side without a secret takes deliveries from anybody."""
    client = await visit(House(secrets=(), oauth=False, optional=True))
    answer = await client.post("/webhooks/didomi", data=body(didomi_event()), headers=JSON)

    assert answer.status == 200


async def test_permission_for_trials_lifts_no_secret(visit: Visit) -> None:
    """A side that has a secret asks for it even where trials are allowed."""
    client = await visit(House(optional=True))
    answer = await client.post("/webhooks/didomi", data=body(didomi_event()), headers=JSON)

    assert answer.status == 401


async def test_strangers_beyond_the_limit_are_counted(client: Client, house: House) -> None:
    """Of a flood without a secret only so many requests are kept; all are counted."""
    for _ in range(70):
        await client.post("/webhooks/didomi", data=b"[]", headers=JSON)
    page = await (await client.get("/metrics")).text()

    assert len(await house.refused()) == 60
    labels = 'code="bad-secret",kept="no",side="didomi",status="401"'
    assert f"consent_sync_refused_requests_total{{{labels}}} 10.0" in page


# --- wrong content ---


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"not json",
        b'{"type": NaN}',
        b"[" * 20_000,
        b"[" * 20_000 + b"]" * 20_000,
        b'{"a":' * 600 + b"1" + b"}" * 600,
        b"3",
        b"null",
        b'"text"',
        b"[]",
        b"[[]]",
        b"[3]",
        b"{}",
        b'{"type": 3, "parameters": {}}',
        b'{"data": [3]}',
        b'{"data": []}',
        b"\xff\xfe\x00",
        b'{"type": "event.created", "parameters": {"entity": {"id": "\xff"}}}',
        b'{"type": "event.created", "parameters": []}',
    ],
)
@pytest.mark.parametrize("route", ["/webhooks/didomi", ACTITO_ROUTE])
async def test_garbage_is_refused_and_kept_whole(
    client: Client, house: House, route: str, garbage: bytes
) -> None:
    """What is no event is answered 400 with what is wrong, and kept to the last byte."""
    answer = await client.post(route, data=garbage, headers=DIDOMI)
    kept = await house.refused()

    assert answer.status == 400
    assert await problem(answer)
    assert [(one.status, one.body) for one in kept] == [(400, garbage)]
    assert await house.accepted() == []


async def test_refusal_says_where_found_and_expected(client: Client) -> None:
    """A refused body is answered with the place, what was found and what was expected."""
    answer = await client.post("/webhooks/didomi", data=b'{"type": 3}', headers=DIDOMI)
    document = orjson.loads(await answer.read())

    assert {"where", "found", "expected"} <= set(document)


async def test_problem_is_stored_with_its_code(client: Client, house: House) -> None:
    """A kept request carries the code and the sentence it was answered with."""
    await client.post("/webhooks/didomi", data=b"not json", headers=DIDOMI)
    kept = await house.refused()

    assert kept[0].problem.startswith("not-json: ")
    assert kept[0].source is Side.DIDOMI


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "jsonx", ""])
async def test_wrong_type(client: Client, house: House, kind: str) -> None:
    """A body that does not say it is JSON is answered 415 and kept."""
    headers = {**DIDOMI, "Content-Type": kind}
    answer = await client.post("/webhooks/didomi", data=body(didomi_event()), headers=headers)

    assert answer.status == 415
    assert [one.body for one in await house.refused()] == [body(didomi_event())]


async def test_unknown_encoding(client: Client, house: House) -> None:
    """A content encoding nobody can read is answered 415."""
    headers = {**DIDOMI, "Content-Encoding": "compress"}
    answer = await client.post("/webhooks/didomi", data=b"[]", headers=headers)

    assert answer.status == 415
    assert await problem(answer) == "bad-encoding"


async def test_too_large(client: Client, house: House) -> None:
    """More than 8 MiB is answered 413, and the beginning is kept."""
    answer = await client.post("/webhooks/didomi", data=BytesIO(b" " * (9 << 20)), headers=DIDOMI)

    assert answer.status == 413
    assert [len(one.body) for one in await house.refused()] == [KEPT_BYTES]


async def test_largest_body(client: Client) -> None:
    """Exactly 8 MiB is read, and judged by its content."""
    answer = await client.post("/webhooks/didomi", data=BytesIO(b" " * (8 << 20)), headers=DIDOMI)

    assert answer.status == 400


async def test_small_body_that_expands(client: Client, house: House) -> None:
    """The limit holds for what a compressed body becomes."""
    headers = {**DIDOMI, "Content-Encoding": "gzip"}
    bomb = gzip.compress(b" " * (200 << 20))
    answer = await client.post("/webhooks/didomi", data=bomb, headers=headers)

    assert answer.status == 413
    assert [one.body for one in await house.refused()] == [bomb[:KEPT_BYTES]]


@pytest.mark.parametrize(
    "sent", [b"", b"no gzip at all", gzip.compress(b"[]")[:-3], gzip.compress(b"") * 101]
)
async def test_broken_compression(client: Client, house: House, sent: bytes) -> None:
    """A body that cannot be decompressed is answered 400 and kept as it was sent."""
    headers = {**DIDOMI, "Content-Encoding": "gzip"}
    answer = await client.post("/webhooks/didomi", data=sent, headers=headers)

    assert answer.status == 400
    assert await problem(answer) == "bad-compression"
    assert [one.body for one in await house.refused()] == [sent]


async def test_compressed_in_parts(client: Client) -> None:
    """A gzip body of several parts is one body."""
    headers = {**DIDOMI, "Content-Encoding": "gzip"}
    whole = body(didomi_event())
    sent = gzip.compress(whole[:50]) + gzip.compress(whole[50:])
    answer = await client.post("/webhooks/didomi", data=sent, headers=headers)

    assert answer.status == 200


async def test_slow_body(client: Client, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A body that does not arrive in time is answered 408, and what came is kept."""
    monkeypatch.setattr(bodies, "READ_SECONDS", 0.02)
    monkeypatch.setattr(bodies, "GLANCE_SECONDS", 0.02)
    reader, writer = await _raw(client)
    head = f"POST /webhooks/didomi HTTP/1.1\r\nHost: x\r\nX-Webhook-Secret: {SECRET}\r\n"
    head += "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n[1,"
    writer.write(head.encode())
    first = await reader.readline()
    writer.close()

    assert b" 408 " in first
    assert [one.body for one in await house.refused()] == [b"[1,"]


async def test_sender_that_hangs_up(client: Client, house: House) -> None:
    """A connection that ends within a body leaves nothing half stored."""
    _, writer = await _raw(client)
    head = f"POST /webhooks/didomi HTTP/1.1\r\nHost: x\r\nX-Webhook-Secret: {SECRET}\r\n"
    head += "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n[1,"
    writer.write(head.encode())
    writer.close()
    answer = await client.get("/healthz")

    assert answer.status == 200
    assert await house.accepted() == []


async def _raw(client: Client) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(str(client.host), client.port)


# --- which mapping ---


async def test_unknown_mapping_names_no_other(client: Client, house: House) -> None:
    """An unknown mapping is answered 404 without telling which ones there are."""
    answer = await client.post("/webhooks/actito/brand-z", data=body(PROFILE), headers=DIDOMI)

    assert answer.status == 404
    assert "brand-a" not in await answer.text()
    assert await problem(answer) == "unknown-mapping"
    assert [(one.mapping, one.body) for one in await house.refused()] == [
        ("brand-z", body(PROFILE))
    ]


async def test_size_is_checked_before_the_mapping(client: Client) -> None:
    """A body that is too large is refused as such, whether the mapping exists or not."""
    answer = await client.post(
        "/webhooks/actito/nobody", data=BytesIO(b" " * (9 << 20)), headers=DIDOMI
    )

    assert answer.status == 413


async def test_qualifio_is_not_available(client: Client) -> None:
    """The Qualifio route says so instead of losing participations."""
    answer = await client.post("/webhooks/qualifio/brand-a", data=b"{}", headers=DIDOMI)

    assert answer.status == 404
    assert await problem(answer) == "qualifio-not-available"


# --- when it cannot be done ---


async def test_store_that_cannot(
    client: Client, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be stored is answered 503 with Retry-After, never as done."""

    async def full(_events: object) -> list[bool]:
        raise StoreError("disk full")

    monkeypatch.setattr(house.store, "accept", full)
    answer = await client.post("/webhooks/didomi", data=body(didomi_event()), headers=DIDOMI)

    assert answer.status == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert await problem(answer) == "store-unavailable"


async def test_refusal_that_cannot_be_kept(
    client: Client, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refused body that cannot be kept is asked for again instead of being dropped."""

    async def full(_request: object) -> int:
        raise StoreError("disk full")

    monkeypatch.setattr(house.store, "refuse", full)
    answer = await client.post("/webhooks/didomi", data=b"not json", headers=DIDOMI)

    assert answer.status == 503
    assert await problem(answer) == "store-unavailable"


async def test_unforeseen_failure(
    client: Client, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error nobody foresaw is answered 503 without its words, and the body is kept."""

    def broken(_body: bytes) -> list[object]:
        raise ZeroDivisionError("ada@example.com")

    monkeypatch.setattr(house.didomi, "arrivals", broken)
    answer = await client.post("/webhooks/didomi", data=body(didomi_event()), headers=DIDOMI)

    assert answer.status == 503
    assert "ada@example.com" not in await answer.text()
    assert [one.body for one in await house.refused()] == [body(didomi_event())]


# --- other addresses ---


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 404, "not-found"),
        ("GET", "/webhooks/didomi", 405, "method-not-allowed"),
        ("POST", "/api/v1/status", 405, "method-not-allowed"),
        ("POST", "/webhooks/actito/", 404, "not-found"),
    ],
)
async def test_other_addresses(
    client: Client, method: str, path: str, status: int, code: str
) -> None:
    """Addresses and methods that do not exist are problems too."""
    answer = await client.request(method, path)

    assert answer.status == status
    assert await problem(answer) == code
