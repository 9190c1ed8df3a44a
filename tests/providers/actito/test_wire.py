"""Actito's requests and answers, without any network."""

from urllib.parse import unquote
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_sync.adapters.actito import wire
from consent_sync.adapters.actito.settings import ActitoSettings
from consent_sync.adapters.http import Answer
from consent_sync.domain.errors import PermanentError, RefusedError, TemporaryError
from consent_sync.domain.identity import Names
from consent_sync.domain.moments import SECOND
from tests.providers.actito.samples import NOON, change, mapping

HOST = "https://api3.example.com"
SETTINGS = ActitoSettings(HOST, "FAKEKEY")
ROUTES = wire.V4Routes(SETTINGS)
BASE = f"{HOST}/profiles/v4/entity/acme/table/Customers/profile"


def answer(body: object) -> Answer:
    return Answer(200, {}, orjson.dumps(body), "actito profile read")


def sent(request: wire.Request) -> object:
    assert request.body is not None
    return orjson.loads(request.body)


def test_reading_by_key_leaves_the_equals_sign_bare() -> None:
    """The key stands as attribute=value in the path, and a 404 is an answer."""
    request = ROUTES.read_by_key(mapping(), "A-77")

    assert (request.method, str(request.url)) == ("GET", f"{BASE}/customerId=A-77")
    assert (request.body, request.write, request.accept) == (None, False, frozenset({404}))


def test_reading_by_number() -> None:
    """Actito's number stands alone in the path."""
    assert str(ROUTES.read_by_id(mapping(), "1042").url) == f"{BASE}/1042"


@pytest.mark.parametrize(
    ("key", "encoded"),
    [
        ("../", "..%2F"),
        ("a=b", "a%3Db"),
        ("100%", "100%25"),
        ("%2F", "%252F"),
        ("a b+c", "a%20b%2Bc"),
        ("🙂é", "%F0%9F%99%82%C3%A9"),
        ("x'; DROP TABLE profile; --", "x%27%3B%20DROP%20TABLE%20profile%3B%20--"),
        ("?a#b", "%3Fa%23b"),
        ("jane@example.com", "jane%40example.com"),
        ("\r\nX: y", "%0D%0AX%3A%20y"),
    ],
)
def test_odd_keys_stay_one_segment(key: str, encoded: str) -> None:
    """Whatever a key holds, it cannot change the path, the query or the headers."""
    request = ROUTES.read_by_key(mapping(), key)

    assert request.url.raw_path_qs == (
        f"/profiles/v4/entity/acme/table/Customers/profile/customerId={encoded}"
    )


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_any_text_comes_back_from_its_segment(text: str) -> None:
    """A segment decodes to the text it was made from and holds no character with a meaning."""
    segment = wire.segment(text)

    assert unquote(segment) == text
    assert not set(segment) & set("/?#=&;+ ")
    assert segment not in (".", "..")


def test_odd_entities_tables_and_attributes_are_encoded() -> None:
    """Each name stays in its own segment."""
    odd = mapping(entity="a/b", table="..", key_attribute="é=")
    path = ROUTES.read_by_key(odd, "1").url.raw_path

    assert path == "/profiles/v4/entity/a%2Fb/table/%2E%2E/profile/%C3%A9%3D=1"


@pytest.mark.parametrize("number", ["", "../1", "customerId=A", "1 2", "٣"])
def test_only_numbers_are_profile_ids(number: str) -> None:
    """Anything else would mean another place."""
    with pytest.raises(PermanentError, match="not a number"):
        ROUTES.read_by_id(mapping(), number)


def test_an_empty_key_is_nobody() -> None:
    """Neither reading nor writing is done without a key."""
    with pytest.raises(PermanentError, match="empty"):
        ROUTES.read_by_key(mapping(), "")
    with pytest.raises(PermanentError, match="empty"):
        ROUTES.update(mapping(), "", change())
    with pytest.raises(PermanentError, match="empty"):
        ROUTES.create(mapping(), "", change())


@pytest.mark.parametrize("prefix", ["", "/"])
def test_the_category_may_be_empty(prefix: str) -> None:
    """Without a prefix the version follows the host."""
    routes = wire.V4Routes(ActitoSettings(f"{HOST}/", "FAKEKEY", profiles_prefix=prefix))

    assert str(routes.read_by_id(mapping(), "1").url) == (
        f"{HOST}/v4/entity/acme/table/Customers/profile/1"
    )


def test_an_update_sends_only_what_changes() -> None:
    """Changed subscriptions, attributes and where they come from: nothing else."""
    request = ROUTES.update(
        mapping(), "A-77", change({"age": 42, "vip": True, "name": "Doe"}, Newsletter=False)
    )

    assert (request.method, str(request.url), request.write) == (
        "PUT",
        f"{BASE}/customerId=A-77",
        True,
    )
    assert sent(request) == {
        "subscriptions": [{"name": "Newsletter", "subscribe": False}],
        "attributes": [
            {"name": "age", "value": 42},
            {"name": "vip", "value": True},
            {"name": "name", "value": "Doe"},
        ],
        "dataCollectionInformation": {
            "date": "2026-01-15 12:00:00",
            "source": "Didomi",
            "way": "consent",
        },
    }


def test_an_update_without_attributes_does_not_mention_them() -> None:
    """A section that would be empty is left out, so that it can clear nothing."""
    body = sent(ROUTES.update(mapping(), "A-77", change(Newsletter=True)))

    assert isinstance(body, dict)
    assert set(body) == {"subscriptions", "dataCollectionInformation"}


def test_a_creation_never_updates() -> None:
    """The key goes along as an attribute, and an existing profile is to be refused."""
    request = ROUTES.create(mapping(), "A-77", change({"lastName": "Doe"}, Newsletter=True))
    body = sent(request)

    assert (request.method, str(request.url)) == ("POST", f"{BASE}?allowUpdate=false")
    assert isinstance(body, dict)
    assert body["attributes"] == [
        {"name": "customerId", "value": "A-77"},
        {"name": "lastName", "value": "Doe"},
    ]


@pytest.mark.parametrize(
    ("seconds", "date"),
    [
        (0, "2026-01-15 12:00:00"),
        (181 * 86_400, "2026-07-15 13:00:00"),
        (-NOON // SECOND, "1970-01-01 01:00:00"),
    ],
)
def test_dates_are_local(seconds: int, date: str) -> None:
    """Dates carry no zone, so they are written in the zone of the account, summer or winter."""
    assert wire.local_date(NOON + seconds * SECOND + 999_999, ZoneInfo("Europe/Brussels")) == date


def test_an_unknown_zone_is_refused() -> None:
    """A zone that the machine does not know is found at once, not at the first write."""
    with pytest.raises(RefusedError) as caught:
        wire.V4Routes(ActitoSettings(HOST, "FAKEKEY", timezone="Europe/Atlantis"))

    assert (caught.value.code, caught.value.found) == ("unknown-timezone", "Europe/Atlantis")


def test_the_key_stays_out_of_sight() -> None:
    """Printing the settings does not print the key."""
    assert "FAKEKEY" not in repr(SETTINGS)


@pytest.mark.parametrize("number", [1042, "1042"])
def test_a_profile_is_read(number: object) -> None:
    """Names as Actito returned them, and the subscriptions that it lists."""
    body = {
        "attributes": [
            {"name": "profileId", "value": number},
            {"name": "customerId", "value": "a-77"},
            {"name": "tags", "values": ["x"]},
        ],
        "subscriptions": [
            {"name": "Newsletter", "subscribe": True},
            {"name": "DailyDeals", "subscribe": "false"},
            {"name": "SportNews", "subscribe": "0"},
            {"name": "Odd", "subscribe": "perhaps"},
            {"name": "Empty", "subscribe": None},
        ],
        "segmentations": [],
        "somethingNew": 1,
    }
    profile = ROUTES.profile(answer(body), mapping(), Names(actito_key="A-77"))

    assert profile.names == Names(actito_key="a-77", profile_id="1042")
    assert profile.subscriptions == {"Newsletter": True, "DailyDeals": False, "SportNews": False}


def test_flat_objects_are_read_too() -> None:
    """The newer version lists names and values in plain objects."""
    body = {"attributes": {"customerId": 77, "profileId": 5}, "subscriptions": {"Newsletter": 1}}
    profile = ROUTES.profile(answer(body), mapping(), Names())

    assert profile == wire.Profile(Names("", "77", "5"), {"Newsletter": True})


def test_a_name_that_is_not_returned_is_the_one_asked_for() -> None:
    """What was asked with success is known."""
    body: dict[str, object] = {"attributes": [], "subscriptions": []}
    profile = ROUTES.profile(answer(body), mapping(), Names(profile_id="1042"))

    assert profile == wire.Profile(Names(profile_id="1042"), {})


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"attributes": [], "subscriptions": None},
        {"attributes": [5], "subscriptions": []},
        {"attributes": [], "subscriptions": [{"subscribe": True}]},
        {"attributes": [], "subscriptions": [{"name": "Newsletter", "subscribe": "perhaps"}]},
    ],
)
def test_an_answer_that_is_no_profile_is_not_believed(body: object) -> None:
    """A reading that cannot be understood is not taken for a refusal or for nothing."""
    with pytest.raises(TemporaryError):
        ROUTES.profile(answer(body), mapping(), Names())


def test_the_other_requests() -> None:
    """Token, tables, entities and webhooks have their places."""
    urls = [
        str(request.url)
        for request in (
            wire.token_request(SETTINGS),
            wire.tables_request(SETTINGS, "my acme"),
            wire.entities_request(SETTINGS),
            wire.webhooks_request(SETTINGS, "acme", "21", 2),
        )
    ]

    assert urls == [
        f"{HOST}/auth/token",
        f"{HOST}/profile-table-structure/v5/entities/my%20acme/profile-tables",
        f"{HOST}/entities/v5/entities",
        f"{HOST}/webhooks/v4/entity/acme/webhookSubscription"
        "?tableType=PROFILE_TABLE&tableId=21&page=2&pageSize=100",
    ]
