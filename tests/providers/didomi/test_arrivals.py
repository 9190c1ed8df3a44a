"""What the door takes and what it refuses."""

import json

import orjson
import pytest

from consent_sync.adapters.didomi.webhook import DidomiReceiver, parse_envelope
from consent_sync.domain.errors import RefusedError
from consent_sync.domain.identity import Names
from tests.providers.didomi.bodies import OUID, body, created, envelope, event, user

RECEIVER = DidomiReceiver()


def refusal(raw: bytes) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        RECEIVER.arrivals(raw)
    return caught.value


@pytest.mark.parametrize(
    "value",
    [
        envelope("event.created", entity=event()),
        envelope("event.updated", source=event(), old_entity=event(), new_entity=event()),
        envelope("event.deleted", entity=event()),
        envelope("user.created", entity=user()),
        envelope("user.updated", source=event(), old_entity=user(), new_entity=user()),
        envelope("user.deleted", entity=user()),
    ],
    ids=lambda value: str(value["type"]),
)
def test_each_of_the_six_types_arrives(value: dict[str, object]) -> None:
    """An event arrives with its type, its own bytes and the organisation user id it is about."""
    raw = body(value)
    [arrival] = RECEIVER.arrivals(raw)

    assert (arrival.type, arrival.body, arrival.names) == (value["type"], raw, Names(ouid=OUID))
    assert len(arrival.digest) == 16


def test_an_update_without_a_new_name_goes_by_the_old_one() -> None:
    """When the new entity lost its organisation user id, the old entity tells whose it was."""
    new = user(organization_user_id=None)
    [arrival] = RECEIVER.arrivals(body(envelope("user.updated", old_entity=user(), new_entity=new)))

    assert arrival.names.ouid == OUID


def test_a_guest_arrives_without_a_name() -> None:
    """A user whom the organisation does not know is taken in, with empty names."""
    [arrival] = RECEIVER.arrivals(created(user={"id": "device-1"}))

    assert arrival.names == Names()


def test_a_numeric_name_is_read_as_text() -> None:
    """A customer number that arrives as a JSON number is the same name as its digits."""
    [arrival] = RECEIVER.arrivals(created(user={"organization_user_id": 4711}))

    assert arrival.names.ouid == "4711"


def test_a_sparse_deletion_arrives() -> None:
    """A deleted event of which only id and date are left is an event all the same."""
    sparse = {"id": "e-1", "created_at": "2026-03-01T10:15:00Z"}
    [arrival] = RECEIVER.arrivals(body(envelope("event.deleted", entity=sparse)))

    assert (arrival.type, arrival.names) == ("event.deleted", Names())


def test_an_array_arrives_as_its_elements() -> None:
    """Each element of an array is an event of its own, with a body that can be read alone."""
    values = [
        envelope("event.created", entity=event()),
        envelope("user.created", entity=user()),
    ]
    arrivals = RECEIVER.arrivals(body(values))

    assert [orjson.loads(arrival.body) for arrival in arrivals] == values


def test_the_digest_is_about_the_content() -> None:
    """Other spaces, another order of keys and being inside an array change nothing; a value does."""
    value = envelope("event.created", entity=event())
    other = json.dumps(dict(reversed(value.items())), indent=2).encode()
    digests = {RECEIVER.arrivals(raw)[0].digest for raw in (body(value), other, body([value]))}

    assert len(digests) == 1
    assert RECEIVER.arrivals(created(status="pending_approval"))[0].digest not in digests


@pytest.mark.parametrize("parameters", [{"thing": 5}, {"entity": "text"}, {"entity": user()}])
def test_an_unknown_type_arrives(parameters: dict[str, object]) -> None:
    """A type of tomorrow is taken in whatever its parameters look like."""
    [arrival] = RECEIVER.arrivals(body({"type": "proof.created", "parameters": parameters}))

    assert arrival.type == "proof.created"


def test_unknown_fields_are_ignored() -> None:
    """Didomi may add properties anywhere at any time."""
    [arrival] = RECEIVER.arrivals(created(novelty={"deep": [1, {"x": None}]}, version="seven"))

    assert arrival.names.ouid == OUID


@pytest.mark.parametrize(
    ("value", "where", "found", "expected"),
    [
        ("text", "body", "a text", "an event object or an array of them"),
        (5, "body", "a number", "an event object or an array of them"),
        (None, "body", "null", "an event object or an array of them"),
        ([], "body", "an empty array", "an array with at least one event"),
        ({}, "type", "nothing", "a text"),
        ({"type": "event.created"}, "parameters", "nothing", "an object"),
        ({"type": 5, "parameters": {}}, "type", "a number", "a text"),
        ({"type": "x.y", "parameters": []}, "parameters", "an array", "an object"),
        (envelope("event.created"), "parameters.entity", "nothing", "an object"),
        (envelope("user.updated", old_entity={}), "parameters.new_entity", "nothing", "an object"),
        (
            envelope("event.created", entity=event(created_at=5)),
            "parameters.entity.created_at",
            "a number",
            "a text",
        ),
        (
            envelope(
                "event.created",
                entity=event(consents={"purposes": [{"id": "x", "enabled": "yes"}]}),
            ),
            "parameters.entity.consents.purposes[0].enabled",
            'the text "yes"',
            "true, false or null",
        ),
        (
            envelope("event.created", entity=event(consents={"purposes": {}})),
            "parameters.entity.consents.purposes",
            "an object",
            "an array",
        ),
    ],
)
def test_a_refusal_says_where_and_what(
    value: object, where: str, found: str, expected: str
) -> None:
    """JSON that is no event is refused with the place, what was found and what was expected."""
    error = refusal(body(value))

    assert error.code == "didomi-not-an-event"
    assert (error.where, error.found, error.expected) == (where, found, expected)


def test_one_bad_element_refuses_the_array_and_is_named() -> None:
    """An array is taken in whole or not at all; the refusal counts from zero."""
    error = refusal(body([envelope("event.created", entity=event()), {"type": "event.created"}]))

    assert (error.code, error.where) == ("didomi-not-an-event", "[1].parameters")


def test_an_element_that_is_no_object_is_named() -> None:
    """A bare text inside an array is refused by its index."""
    assert refusal(body([envelope("user.created", entity=user()), "x"])).where == "[1]"


@pytest.mark.parametrize(
    "value",
    [
        {"type": "event.created", "entity__id": "e-1", "entity__user__organization_user_id": OUID},
        {"parameters__entity__id": "e-1", "type": "event.created"},
        envelope("event.created", entity__id="e-1", entity__consents__purposes__0__id="marketing"),
        envelope("user.updated", entity={"id": "e", "consents__purposes__0__enabled": True}),
        envelope("user.created", entity={"organization_user_id": OUID, "metadata__brand": "north"}),
    ],
)
def test_a_flattened_event_is_refused_with_advice(value: object) -> None:
    """Keys joined with a double underscore are refused, and the option to switch off is named."""
    error = refusal(body(value))

    assert error.code == "didomi-flattened"
    assert "Flatten" in str(error)


def test_double_underscores_elsewhere_are_no_flattening() -> None:
    """An id or a metadata key with a double underscore is just a name."""
    consents = {"purposes": [{"id": "a__b", "enabled": True}]}
    raw = created(consents=consents, metadata={"user__x": "1"}, tracking__id="t")

    assert RECEIVER.arrivals(raw)[0].type == "event.created"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b"{",
        b"not json",
        b"a=1&b=2",
        b"\xef\xbb\xbf{}",
        created()[:-5],
        created() + b"x",
        created(domain="N").replace(b'"N"', b"NaN"),
        created(domain="N").replace(b'"N"', b"-Infinity"),
        created(domain="N").replace(b'"N"', b"1e999"),
        created(domain="N").replace(b'"N"', b'"\xff"'),
        created(domain="N").replace(b'"N"', b'"\\ud800"'),
        created(domain="N").replace(b'"N"', b"[" * 300 + b"]" * 300),
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
    ids=lambda raw: raw[:12],
)
def test_what_is_not_strict_json_is_refused(raw: bytes) -> None:
    """Broken text, bytes that are no UTF-8, NaN, endless nesting: refused, never a crash."""
    assert refusal(raw).code == "not-json"


def test_nan_as_a_word_in_a_text_is_fine() -> None:
    """Only the bare words are not JSON; people may be called Nan."""
    raw = created(user={"organization_user_id": "NaN", "metadata": {"x": "Infinity"}})

    assert RECEIVER.arrivals(raw)[0].names.ouid == "NaN"


def test_a_name_with_a_nul_character_is_refused() -> None:
    """No platform hands out such names, and the program uses the character for itself."""
    error = refusal(created(user={"organization_user_id": "a\x00b"}))

    assert (error.code, error.found) == ("didomi-not-an-event", "a text with a NUL character")


def test_a_refusal_never_tells_a_value() -> None:
    """Neither values nor odd keys of the body appear in an error."""
    secret = "erika.musterfrau@example.com"
    consents = {"purposes": [{"id": "x", "values": {secret: secret}, "enabled": secret}]}
    error = refusal(created(consents=consents, user=secret))
    told = " ".join([str(error), error.where, error.found, error.expected, repr(error.__cause__)])

    assert secret not in told


def test_a_very_long_type_is_cut() -> None:
    """A type is a word, not a place to store text."""
    [arrival] = RECEIVER.arrivals(body({"type": "x" * 5000, "parameters": {}}))

    assert len(arrival.type) == 100


def test_the_envelope_can_be_parsed_alone() -> None:
    """Parsing without receiving gives the same event, and refuses the same things."""
    assert parse_envelope(created()).ouid() == OUID
    with pytest.raises(RefusedError):
        parse_envelope(body({"type": "x.y", "parameters": {"entity": 1}}))
