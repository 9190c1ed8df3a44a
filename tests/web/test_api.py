"""The API: who may ask, for whom, and what is answered."""

from urllib.parse import quote

import orjson
import pytest
from aiohttp.test_utils import make_mocked_request
from yarl import URL

from consent_sync.domain.alerts import Alert, AlertBook
from consent_sync.domain.errors import StoreError
from consent_sync.domain.identity import Side, Subject
from consent_sync.ports.store import NewEvent
from consent_sync.services.alerting import written
from consent_sync.web.auth import ApiGate, ApiToken, Role, from_this_machine
from consent_sync.web.problems import Problem
from tests.services.people import NOON, didomi_event
from tests.web.conftest import Client, Visit
from tests.web.parts import DIDOMI, House, body

PEOPLE = [
    "ada@example.com",
    "../",
    "..",
    "a=b",
    "100%",
    "100%25",
    "a/b",
    "👩‍🦰",
    "'; DROP--",
    "a\nb",
]
TOKENS = (
    ApiToken("desk", Role.VIEWER, "viewer-token"),
    ApiToken("shift", Role.OPERATOR, "operator-token"),
)


def person_url(client: Client, ouid: str, rest: str = "") -> URL:
    path = f"/api/v1/persons/{quote(ouid, safe='')}{rest}"
    # Dots are not quoted by anybody, and a client would take `..` for the folder above.
    path = path.replace("/..", "/%2E%2E")
    return URL(f"http://{client.host}:{client.port}{path}", encoded=True)


async def get(client: Client, url: URL | str, **headers: str) -> tuple[int, dict[str, object]]:
    if isinstance(url, str):
        url = client.make_url(url)
    answer = await client.session.get(url, headers=headers)
    document = orjson.loads(await answer.read())
    assert isinstance(document, dict)
    return answer.status, document


@pytest.mark.parametrize("ouid", PEOPLE)
async def test_person_of_any_name(client: Client, ouid: str) -> None:
    """A person is found under the very text that Didomi sent, percent-encoded."""
    await client.post("/webhooks/didomi", data=body(didomi_event(ouid)), headers=DIDOMI)
    status, person = await get(client, person_url(client, ouid))
    _, timeline = await get(client, person_url(client, ouid, "/timeline"))

    assert status == 200
    assert person["person"] == ouid
    assert isinstance(timeline["entries"], list)
    assert [entry["kind"] for entry in timeline["entries"]] == ["received"]


async def test_person_shows_both_sides_of_every_line(client: Client) -> None:
    """Each line of each mapping shows both sides, what is desired and since when."""
    _, person = await get(client, person_url(client, "eve@example.com"))
    mappings = person["mappings"]
    assert isinstance(mappings, list)

    assert [one["mapping"] for one in mappings] == ["brand-a"]
    assert [line["line"] for line in mappings[0]["lines"]] == ["Newsletter", "DailyDeals"]
    assert {"didomi", "actito", "desired", "as_of"} <= set(mappings[0]["lines"][0])


async def test_timeline_entry_has_all_fields(client: Client) -> None:
    """An entry of a timeline has every field that tools rely on."""
    await client.post("/webhooks/didomi", data=body(didomi_event()), headers=DIDOMI)
    _, timeline = await get(client, person_url(client, "ada@example.com", "/timeline"))
    entries = timeline["entries"]
    assert isinstance(entries, list)

    assert {"at", "kind", "side", "mapping", "line", "verdict", "reason", "choice"} <= set(
        entries[0]
    )


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "x", "1e3", "²", ""])
async def test_wrong_limit(client: Client, limit: str) -> None:
    """A limit that is none is answered 400 with what was expected."""
    url = person_url(client, "ada@example.com", "/timeline").with_query({"limit": limit})
    status, document = await get(client, url)

    assert status == 400
    assert document["code"] == "bad-parameter"


async def test_name_that_is_no_text(client: Client) -> None:
    """A percent-encoded name that is no UTF-8 is answered 400."""
    url = URL(f"http://{client.host}:{client.port}/api/v1/persons/%FF", encoded=True)
    status, document = await get(client, url)

    assert status == 400
    assert document["code"] == "bad-parameter"


async def test_status_of_both_sides(client: Client, house: House) -> None:
    """Status tells how old a side's last event is and what is waiting."""
    event = NewEvent(
        Side.DIDOMI, "", "x", b"1" * 16, NOON, b"{}", (Subject("brand-a", "ada"),), False
    )
    await house.store.accept([event])
    house.clock.moment += 5_000_000
    status, document = await get(client, "/api/v1/status")
    sides = document["sides"]
    assert isinstance(sides, dict)

    assert status == 200
    assert sides["didomi"]["last_event_age_seconds"] == 5.0
    assert sides["actito"]["last_event_age_seconds"] is None
    assert document["waiting_turns"] == 1
    assert document["backlog_seconds"] is None
    assert document["mappings"] == {
        "in_force": [
            {"mapping": "brand-a", "file": "brand-a.yaml", "version": "v1", "current": True}
        ],
        "problems": [],
        "warnings": [],
    }


async def test_status_tells_what_is_raised(client: Client, house: House) -> None:
    """Alerts as they stand on the board, in the order of their names; what is over is left out."""
    over = Alert("dead_letters", "", 2, NOON, "3 dead letters wait for a person")
    here = Alert("side_silent", "didomi", 1, NOON, "nothing has come")
    whole = Alert("store_down", "", 1, NOON, "away")
    await house.store.pin("alerts", 0, written(AlertBook("series", NOON, (over, here, whole))))
    _, document = await get(client, "/api/v1/status")
    since = "2026-11-19T12:00:00.000Z"

    assert document["alerts"] == [
        {"alert": "side_silent", "about": "didomi", "since": since, "detail": "nothing has come"},
        {"alert": "store_down", "about": None, "since": since, "detail": "away"},
    ]


async def test_description_names_every_route(client: Client) -> None:
    """The description of the API lists exactly the routes there are."""
    _, document = await get(client, "/api/v1/openapi.json")
    paths = document["paths"]
    assert isinstance(paths, dict)
    routes = {resource.canonical for resource in client.app.router.resources()}

    assert set(paths) == {route for route in routes if route.startswith("/api/")}


@pytest.mark.parametrize(
    ("path", "schema"),
    [
        ("/api/v1/persons/ada@example.com", "Person"),
        ("/api/v1/status", "Status"),
    ],
)
async def test_description_fits_the_answers(client: Client, path: str, schema: str) -> None:
    """What the description requires is what is answered, no more and no less, at every depth."""
    await client.post("/webhooks/didomi", data=body(didomi_event()), headers=DIDOMI)
    _, document = await get(client, path)
    _, described = await get(client, "/api/v1/openapi.json")

    assert misfits(document, {"$ref": f"#/components/schemas/{schema}"}, described) == []


def misfits(value: object, schema: dict[str, object], described: dict[str, object]) -> list[str]:
    reference = schema.get("$ref")
    if isinstance(reference, str):
        components = described["components"]
        assert isinstance(components, dict)
        return misfits(value, components["schemas"][reference.rpartition("/")[2]], described)
    properties, items = schema.get("properties"), schema.get("items")
    if isinstance(value, dict) and isinstance(properties, dict):
        wrong = sorted(set(value) ^ set(properties))
        shared = set(value) & set(properties)
        return wrong + [
            m for name in shared for m in misfits(value[name], properties[name], described)
        ]
    if isinstance(value, list) and isinstance(items, dict):
        return [m for one in value for m in misfits(one, items, described)]
    return []


async def test_store_that_cannot_be_asked(
    client: Client, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the store cannot be read, the answer is 503 and says so."""

    async def broken(_subject: Subject) -> None:
        raise StoreError("disk gone")

    monkeypatch.setattr(house.store, "person", broken)
    status, document = await get(client, person_url(client, "ada@example.com"))

    assert status == 503
    assert document["code"] == "store-unavailable"


# --- who may ask ---


@pytest.mark.parametrize("path", ["/api/v1/status", "/api/v1/persons/x", "/api/v1/openapi.json"])
@pytest.mark.parametrize("token", ["viewer-token", "operator-token"])
async def test_with_a_token(visit: Visit, path: str, token: str) -> None:
    """Whoever has a token of any role may look."""
    client = await visit(House(api_tokens=TOKENS))
    status, _ = await get(client, path, Authorization=f"Bearer {token}")

    assert status == 200


@pytest.mark.parametrize(
    "said", ["", "Bearer", "Bearer wrong", "Basic viewer-token", "viewer-token"]
)
async def test_without_a_right_token(visit: Visit, said: str) -> None:
    """As soon as there are tokens, this machine needs one too."""
    client = await visit(House(api_tokens=TOKENS))
    status, document = await get(client, "/api/v1/status", Authorization=said)

    assert status == 401
    assert document["code"] == "bad-api-token"


def test_role_too_low() -> None:
    """A viewer may not do what needs an operator; an operator may do what needs a viewer."""
    gate = ApiGate(TOKENS)
    viewer = make_mocked_request("GET", "/", headers={"Authorization": "Bearer viewer-token"})
    operator = make_mocked_request("GET", "/", headers={"Authorization": "Bearer operator-token"})

    assert gate.require(operator, Role.VIEWER) == "shift"
    with pytest.raises(Problem, match="operator"):
        gate.require(viewer, Role.OPERATOR)


class Peer:
    """A transport that only knows where the connection comes from."""

    def __init__(self, address: object) -> None:
        self.address = address

    def get_extra_info(self, name: str, default: object = None) -> object:
        return self.address if name == "peername" else default


@pytest.mark.parametrize(
    ("peer", "headers", "local"),
    [
        (("127.0.0.1", 5), {}, True),
        (("127.8.8.8", 5), {}, True),
        (("::1", 5, 0, 0), {"Host": "[::1]:8080"}, True),
        (("::ffff:127.0.0.1", 5, 0, 0), {"Host": "localhost:8080"}, True),
        (("192.0.2.7", 5), {}, False),
        (("192.0.2.7", 5), {"X-Forwarded-For": "127.0.0.1"}, False),
        (("192.0.2.7", 5), {"Forwarded": "for=127.0.0.1"}, False),
        (("127.0.0.1", 5), {"X-Forwarded-For": "192.0.2.7"}, False),
        (("127.0.0.1", 5), {"X-Real-IP": "192.0.2.7"}, False),
        (("127.0.0.1", 5), {"Host": "consent.example.com"}, False),
        (("127.0.0.1", 5), {"Host": ""}, False),
        ("", {}, False),
        (None, {}, False),
    ],
)
def test_this_machine(peer: object, headers: dict[str, str], local: bool) -> None:
    """Only a direct connection from this machine, asking for this machine, counts as local."""
    request = make_mocked_request(
        "GET", "/api/v1/status", headers={"Host": "127.0.0.1:8080", **headers}
    )
    protocol = request.protocol
    protocol.transport = Peer(peer)  # type: ignore[assignment]  # only asked for the peer

    assert from_this_machine(request) is local


async def test_forwarded_request_is_not_local(client: Client) -> None:
    """Without tokens, a request that came through a proxy is answered 403."""
    headers = {"X-Forwarded-For": "127.0.0.1"}
    status, document = await get(client, "/api/v1/status", **headers)

    assert status == 403
    assert document["code"] == "local-only"
