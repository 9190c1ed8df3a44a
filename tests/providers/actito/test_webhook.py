"""Actito's webhook bodies, in all their shapes."""

from collections.abc import Sequence

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_sync.adapters.actito.webhook import ActitoReceiver
from consent_sync.domain.errors import RefusedError
from consent_sync.domain.events import ProfileHint, UnknownItem
from consent_sync.domain.identity import Names
from consent_sync.domain.urgency import Urgency
from consent_sync.ports.receiver import Arrival

RECEIVER = ActitoReceiver()
DATA = {"profileId": "1042", "Newsletter": "false"}
LINKS = {"webhook": {"href": "/webhooks/v4/entity/acme/webhookSubscription/7001"}}
ID = "00000000-0000-4000-8000-0000000000aa"
ETL = {
    "id": ID,
    "data": {
        "etl.id": "501",
        "etl.executionStatus": "SUCCESS",
        "_links": {"etl": {"href": "/mass-imports/v5/entities/acme/etls/501"}},
    },
    "_links": LINKS,
}


def hints(body: object, key_attribute: str = "customerId") -> list[ProfileHint]:
    """Take a body in at the door, then understand each event as it was stored."""
    understood = []
    for arrival in RECEIVER.arrivals(orjson.dumps(body), key_attribute):
        hint = RECEIVER.understand(arrival.body, key_attribute)
        assert isinstance(hint, ProfileHint)
        assert hint.names == arrival.names
        understood.append(hint)
    return understood


def refusal(body: bytes, key_attribute: str = "customerId") -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        RECEIVER.arrivals(body, key_attribute)
    return caught.value


def taken(body: bytes) -> tuple[Sequence[Arrival], str]:
    """Return the events of a body, or none and the code of the refusal."""
    try:
        return RECEIVER.arrivals(body, "customerId"), ""
    except RefusedError as error:
        return (), error.code


@pytest.mark.parametrize(
    "body",
    [
        DATA,
        {"tableId": "21", "data": DATA},
        {"id": ID, "data": DATA, "_links": LINKS},
        {"id": ID, "data": [DATA], "_links": LINKS},
        [DATA],
        [{"tableId": "21", "data": DATA}],
        [{"id": ID, "data": [DATA], "_links": LINKS}],
    ],
    ids=["bare", "table", "linked", "bulk", "array of bare", "array of table", "array of bulk"],
)
def test_every_envelope_says_the_same(body: object) -> None:
    """The wrapping does not matter: this profile changed, and this field was named."""
    assert hints(body) == [ProfileHint(Names(profile_id="1042"), {"Newsletter": False})]


@pytest.mark.parametrize(
    "body",
    [
        {"id": ID, "data": [DATA, {"profileId": 1043, "DailyDeals": True}], "_links": LINKS},
        [DATA, {"profileId": 1043, "DailyDeals": True}],
        [
            {"tableId": "21", "data": DATA},
            {"tableId": "21", "data": {"profileId": 1043, "DailyDeals": True}},
        ],
    ],
    ids=["data array", "array of bare", "array of table"],
)
def test_bulk_is_taken_apart(body: object) -> None:
    """Each event of a bulk call stands alone afterwards."""
    assert [(hint.names.profile_id, hint.subscriptions) for hint in hints(body)] == [
        ("1042", {"Newsletter": False}),
        ("1043", {"DailyDeals": True}),
    ]


def test_each_event_of_a_bulk_call_keeps_the_call_id() -> None:
    """The one id of the call stays in every stored event."""
    body = orjson.dumps({"id": ID, "data": [DATA, {"profileId": 1043}], "_links": LINKS})
    stored = [orjson.loads(arrival.body) for arrival in RECEIVER.arrivals(body, "customerId")]

    assert stored == [
        {"id": ID, "data": DATA, "_links": LINKS},
        {"id": ID, "data": {"profileId": 1043}, "_links": LINKS},
    ]


def test_a_single_event_is_stored_as_it_came() -> None:
    """Not a byte of a body with one event is changed."""
    body = b' {"data": {"Newsletter":"false",  "profileId":"1042"}, "tableId":"21"} '
    arrivals = RECEIVER.arrivals(body, "customerId")

    assert [arrival.body for arrival in arrivals] == [body]


@pytest.mark.parametrize("value", [True, 1, "1", "true", "TRUE", "True", " true "])
def test_every_spelling_of_yes(value: object) -> None:
    """Each encoding in use reads as subscribed."""
    [hint] = hints({"profileId": 1042, "Newsletter": value})

    assert (hint.subscriptions, hint.other) == ({"Newsletter": True}, {})


@pytest.mark.parametrize("value", [False, 0, "0", "false", "FALSE", "False"])
def test_every_spelling_of_no(value: object) -> None:
    """Each encoding in use reads as not subscribed."""
    [hint] = hints({"profileId": 1042, "Newsletter": value})

    assert (hint.subscriptions, hint.other) == ({"Newsletter": False}, {})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("", ""),
        (None, ""),
        ("yes", "yes"),
        ("Doe", "Doe"),
        (2, "2"),
        (-1, "-1"),
        (1.0, "1.0"),
        ([True], "[true]"),
        ({"a": 1}, '{"a":1}'),
    ],
)
def test_anything_else_is_no_choice(value: object, text: str) -> None:
    """A value that is no boolean is kept as text and never guessed at."""
    [hint] = hints({"profileId": 1042, "Newsletter": value})

    assert (hint.subscriptions, hint.other) == ({}, {"Newsletter": text})


def test_names_are_not_choices() -> None:
    """Profile id and unique attribute are names even when they look like a yes."""
    [hint] = hints({"tableId": "1", "data": {"profileId": 1, "customerId": "1", "_links": {}}})

    assert hint == ProfileHint(Names(actito_key="1", profile_id="1"))


@pytest.mark.parametrize("key", ["A-77", " A-77 ", "jane.doe@example.com", "0", "🙂"])
def test_the_unique_attribute_alone_is_enough(key: str) -> None:
    """An event without profile id is one when it holds the unique attribute, spelt as it is."""
    [hint] = hints({"tableId": "21", "data": {"customerId": key, "Newsletter": 1}})

    assert hint.names == Names(actito_key=key)


def test_a_number_may_be_the_unique_attribute() -> None:
    """A numeric key becomes its digits."""
    [hint] = hints({"customerId": 77})

    assert hint.names == Names(actito_key="77")


def test_a_subscription_may_be_called_data() -> None:
    """A plain value named `data` is a field of a bare event, not an envelope."""
    [hint] = hints({"profileId": 1042, "data": "true"})

    assert hint.subscriptions == {"data": True}


def test_a_trigger_event_is_recorded_only() -> None:
    """An import that ended is a well-formed event that says nothing about one profile."""
    body = orjson.dumps(ETL)
    [arrival] = RECEIVER.arrivals(body, "customerId")

    assert (arrival.type, arrival.names) == ("etl", Names())
    assert RECEIVER.understand(body, "customerId") == UnknownItem("etl")


def test_trigger_events_in_bulk() -> None:
    """Custom actions and imports come in bulk as well, one unknown item each."""
    body = orjson.dumps({"id": ID, "data": [ETL["data"], {"actionParameters.campaignId": "9"}]})

    assert [arrival.type for arrival in RECEIVER.arrivals(body, "customerId")] == [
        "etl",
        "actionParameters",
    ]


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"eventType": "UPDATED_SUBSCRIPTION", "data": DATA}, "UPDATED_SUBSCRIPTION"),
        ({"data": DATA}, "profile"),
        ({"eventType": "x" * 65, "data": DATA}, "profile"),
        ({"eventType": "a\nb", "data": DATA}, "profile"),
        ({"eventType": 5, "data": DATA}, "profile"),
        ({"customerId": "A-77", "some.field": 1}, "some"),
    ],
)
def test_the_type_of_an_event(body: object, word: str) -> None:
    """Actito's own word is used where there is one, and a short one of ours where not."""
    [arrival] = RECEIVER.arrivals(orjson.dumps(body), "customerId")

    assert arrival.type == word


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (b"", "line 1, column 1"),
        (b"not json", "line 1, column"),
        (b'{"profileId": 1042,\n "Newsletter": NaN}', "line 2"),
        (b'{"profileId": Infinity}', "line 1"),
        (b'{"profileId": "\xff"}', "line 1"),
        (b'{"profileId": "\\ud800"}', "line 1"),
        (b'{"profileId": 1042', "line 1"),
        (b'{"profileId": 1042} {}', "line 1"),
        (b"<html></html>", "line 1"),
        (b"[" * 5000 + b"]" * 5000, "line 1"),
        (b'{"profileId": 1, "a": ' + b"[" * 300 + b"]" * 300 + b"}", "the body"),
    ],
)
def test_what_is_not_json(body: bytes, where: str) -> None:
    """Only strict JSON in UTF-8 is read, and the error says where it ends to be that."""
    error = refusal(body)

    assert error.code == "not-json"
    assert error.where.startswith(where)


@pytest.mark.parametrize(
    ("body", "where", "found"),
    [
        (b"[]", "the body", "an empty array"),
        (b'{"data": []}', "`data` of the body", "an empty array"),
        (b"5", "the body", "a number"),
        (b"true", "the body", "a boolean"),
        (b"null", "the body", "null"),
        (b'"text"', "the body", "a text"),
        (b"{}", "the body", "an object with 0 other fields"),
        (b'{"data": {}}', "`data` of the body", "an object with 0 other fields"),
        (b'{"data": null}', "the body", "an object with 1 other fields"),
        (b'{"Newsletter": true}', "the body", "an object with 1 other fields"),
        (b'{"profileId": null}', "the body", "an object with 1 other fields"),
        (b'{"customerId": "  "}', "the body", "an object with 1 other fields"),
        (b'{"customerId": true}', "the body", "an object with 1 other fields"),
        (b'{"profileId": "../1"}', "`profileId` in the body", "a text"),
        (b'{"profileId": 1.5}', "`profileId` in the body", "a number"),
        (b'{"profileId": true}', "`profileId` in the body", "a boolean"),
        (b'{"profileId": [1]}', "`profileId` in the body", "an array"),
        (b'{"profileId": {}, "customerId": "A"}', "`profileId` in the body", "an object"),
        (b'[{"profileId": 1}, 5]', "element 2", "a number"),
        (b'[{"profileId": 1}, []]', "element 2", "an array"),
        (b'{"data": [{"profileId": 1}, "x"]}', "element 2 of `data` of the body", "a text"),
        (b'{"data": [{"Newsletter": 1}]}', "element 1 of `data` of the body", "an object with"),
    ],
)
def test_what_is_not_an_event(body: bytes, where: str, found: str) -> None:
    """The error names the place, what is there and what was expected, and no value."""
    error = refusal(body)

    assert (error.code, error.where) == ("actito-not-an-event", where)
    assert error.found.startswith(found)
    assert error.expected
    assert error.where in str(error)


def test_one_bad_event_refuses_the_whole_call() -> None:
    """A call is taken whole or not at all, so that the sender's record stays true."""
    error = refusal(orjson.dumps([DATA, DATA, {"x": 1}]))

    assert error.where == "element 3"


def test_a_stored_event_is_one_event() -> None:
    """Understanding takes one event at a time."""
    with pytest.raises(RefusedError, match="2 events"):
        RECEIVER.understand(orjson.dumps([DATA, DATA]), "customerId")


def test_equal_content_has_an_equal_digest() -> None:
    """Field order and spaces do not matter; every value and the id do."""
    first = b'{"tableId":"21","data":{"profileId":"1042","Newsletter":"false"}}'
    same = b'{ "data": {"Newsletter":"false", "profileId":"1042"}, "tableId":"21"}'
    others = [
        b'{"tableId":"21","data":{"profileId":"1042","Newsletter":"true"}}',
        b'{"tableId":"21","data":{"profileId":1042,"Newsletter":"false"}}',
        b'{"tableId":"22","data":{"profileId":"1042","Newsletter":"false"}}',
        b'{"id":"a","tableId":"21","data":{"profileId":"1042","Newsletter":"false"}}',
    ]
    digests = [RECEIVER.arrivals(body, "x")[0].digest for body in (first, same, *others)]

    assert {len(digest) for digest in digests} == {16}
    assert digests[0] == digests[1]
    assert len(set(digests)) == 5


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["data", "profileId", "customerId", "id", "etl.id", "Newsletter"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(json_values)
def test_no_json_is_too_strange(value: object) -> None:
    """Any JSON is either refused for a reason, or stored so that it can be understood later."""
    arrivals, code = taken(orjson.dumps(value))
    understood = [RECEIVER.understand(arrival.body, "customerId") for arrival in arrivals]

    assert [isinstance(item, ProfileHint) for item in understood] == [
        arrival.names != Names() for arrival in arrivals
    ]
    assert bool(arrivals) != (code == "actito-not-an-event")


@given(st.binary(max_size=60))
def test_no_body_is_too_strange(body: bytes) -> None:
    """Any bytes are either events or refused."""
    arrivals, code = taken(body)

    assert bool(arrivals) != (code in {"not-json", "actito-not-an-event"})


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"profileId": "1042", "Newsletter": "false"}, Urgency.OPT_OUT),
        ({"profileId": "1042", "Newsletter": "true", "Partners": 0}, Urgency.OPT_OUT),
        ({"profileId": "1042", "Newsletter": "true"}, Urgency.OPT_IN),
        ({"profileId": "1042", "lastName": "Doe"}, Urgency.REST),
        (ETL["data"], Urgency.REST),
    ],
)
def test_urgency_goes_by_what_the_webhook_shows(data: object, expected: Urgency) -> None:
    """A refusal comes first, and what names no choice last."""
    [arrival] = RECEIVER.arrivals(orjson.dumps({"data": data}), "customerId")

    assert arrival.urgency is expected
