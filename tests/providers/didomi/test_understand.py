"""What a stored event says, in our words."""

import pytest

from consent_sync.adapters.didomi.webhook import DidomiReceiver
from consent_sync.domain.consent import Choice, ConsentTree, Node, Pick
from consent_sync.domain.errors import RefusedError
from consent_sync.domain.events import DidomiItem, EventKind, UnknownItem
from tests.providers.didomi.bodies import EVENT_ID, OUID, body, created, envelope, event, user

GRANTED, DENIED = Choice.GRANTED, Choice.DENIED
AT = 1_772_360_100_000_000
"""2026-03-01T10:15:00Z"""


def understood(raw: bytes) -> DidomiItem:
    item = DidomiReceiver().understand(raw)
    assert isinstance(item, DidomiItem)
    return item


def tree_of(consents: object) -> ConsentTree:
    item = understood(created(consents=consents))
    assert item.event is not None
    return item.event.tree


def test_an_event_says_who_chose_what_when() -> None:
    """A created event carries the person, the moment, the status and the choices."""
    item = understood(created())

    assert (item.kind, item.ouid, item.regulation) == (EventKind.CONSENT_EVENT, OUID, "gdpr")
    assert item.event is not None
    assert (item.event.id, item.event.created_at, item.event.status) == (EVENT_ID, AT, "confirmed")
    assert item.event.tree.nodes == {Node("marketing"): GRANTED}
    assert item.metadata == {"brand": "north"}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("event.created", EventKind.CONSENT_EVENT),
        ("event.updated", EventKind.CONSENT_EVENT),
        ("event.deleted", EventKind.CONSENT_EVENT_DELETED),
        ("user.created", EventKind.CONSENT_USER),
        ("user.updated", EventKind.CONSENT_USER),
        ("user.deleted", EventKind.CONSENT_USER_DELETED),
    ],
)
def test_types_become_kinds(kind: str, expected: EventKind) -> None:
    """Creating and updating are one kind each; deleting is its own."""
    name = "new_entity" if kind.endswith("updated") else "entity"
    entity = event() if kind.startswith("event") else user()
    item = understood(body({"type": kind, "parameters": {name: entity}}))

    assert (item.kind, item.type, item.ouid) == (expected, kind, OUID)


def test_a_user_shows_a_state_and_the_event_behind_it() -> None:
    """An updated user has the state, its date and the source event."""
    raw = body(envelope("user.updated", source=event(), old_entity=user(), new_entity=user()))
    item = understood(raw)

    assert item.shown == ConsentTree({Node(channel="email"): DENIED})
    assert item.updated_at == AT + 1_000_000
    assert item.event is not None
    assert (item.event.id, item.event.created_at) == (EVENT_ID, AT)
    assert item.metadata == {"brand": "north"}


def test_a_user_without_a_source_has_no_event() -> None:
    """Not every change of a user has an event behind it."""
    item = understood(body(envelope("user.updated", source=None, new_entity=user())))

    assert item.event is None


def test_a_deleted_user_shows_nothing() -> None:
    """What a deleted user once chose is no state any more."""
    item = understood(body(envelope("user.deleted", entity=user())))

    assert item.shown is None


def test_an_unknown_type_stays_unknown() -> None:
    """A type of tomorrow is recorded under its own word."""
    raw = body({"type": "proof.created", "parameters": {"entity": user()}})

    assert DidomiReceiver().understand(raw) == UnknownItem("proof.created")


@pytest.mark.parametrize("raw", [b"{", b"[]", body([envelope("event.created", entity=event())])])
def test_what_is_no_single_event_is_refused(raw: bytes) -> None:
    """Only single events are stored, so nothing else can be understood."""
    with pytest.raises(RefusedError):
        DidomiReceiver().understand(raw)


@pytest.mark.parametrize(
    ("on_envelope", "on_entity", "on_source", "expected"),
    [
        ("cpra", "gdpr", None, "cpra"),
        (None, "cpra", "gdpr", "cpra"),
        (None, None, "cpra", "cpra"),
        (None, None, None, "gdpr"),
    ],
)
def test_the_regulation_is_looked_for_in_order(
    on_envelope: str | None, on_entity: str | None, on_source: str | None, expected: str
) -> None:
    """Envelope, then entity, then source; older payloads name none and mean GDPR."""
    source, new = event(regulation=on_source), user(regulation=on_entity)
    raw = body(envelope("user.updated", on_envelope, source=source, new_entity=new))

    assert understood(raw).regulation == expected


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-01T10:15:00Z", AT),
        ("2026-03-01T10:15:00.000Z", AT),
        ("2026-03-01T11:15:00+01:00", AT),
        ("2026-03-01T04:45:00.123456-05:30", AT + 123_456),
        ("2026-03-01T10:15:00.123456789Z", AT + 123_456),
        ("2026-03-01T10:15:00", AT),
        ("1969-12-31T23:59:59Z", -1_000_000),
        ("yesterday", None),
        ("", None),
        (None, None),
        ("2026-13-01T10:15:00Z", None),
    ],
)
def test_dates_become_moments(text: str | None, moment: int | None) -> None:
    """Offsets and fractions count exactly; what is no date is no moment."""
    item = understood(created(created_at=text))

    assert item.event is not None
    assert item.event.created_at == moment


def test_an_event_without_status_is_confirmed() -> None:
    """Confirmed is Didomi's default."""
    item = understood(created(status=None))

    assert item.event is not None
    assert item.event.status == "confirmed"


def test_an_event_without_an_id_gets_the_same_one_every_time() -> None:
    """The stand-in id follows from the content, so a repeat is recognised."""
    first, again, other = (
        understood(created(id=None, domain=domain)).event for domain in ("a", "a", "b")
    )

    assert first is not None
    assert first == again
    assert other is not None
    assert first.id != other.id


def test_metadata_keeps_plain_values_only() -> None:
    """Texts, numbers and booleans pass; what is nested, null or no object at all is dropped."""
    plain = {"brand": "north", "age": 5, "score": 1.5, "vip": True}
    given = {**plain, "nested": {"a": 1}, "list": [1], "nothing": None}
    item = understood(created(user={"organization_user_id": OUID, "metadata": given}))

    assert item.metadata == plain
    assert understood(created(user={"metadata": "text"})).metadata == {}


def test_three_states_are_kept_apart() -> None:
    """True and false are choices; null and absent are none and leave no trace."""
    purposes = [
        {"id": "yes", "enabled": True},
        {"id": "no", "enabled": False},
        {"id": "null", "enabled": None},
        {"id": "absent"},
    ]

    assert tree_of({"purposes": purposes}).nodes == {Node("yes"): GRANTED, Node("no"): DENIED}


def test_v1_preferences_and_channels_are_read() -> None:
    """Each place of the old generation becomes its own node, also below a purpose without a choice."""
    consents = {
        "channels": [{"id": "email", "enabled": True}],
        "purposes": [
            {
                "id": "marketing",
                "enabled": None,
                "preferences": [
                    {
                        "id": "deals",
                        "enabled": True,
                        "channels": [{"id": "sms", "enabled": False}, {"id": "push"}],
                    }
                ],
                "channels": [{"id": "sms", "enabled": True}],
            }
        ],
    }

    assert tree_of(consents) == ConsentTree(
        {
            Node(channel="email"): GRANTED,
            Node("marketing", channel="sms"): GRANTED,
            Node("marketing", "deals"): GRANTED,
            Node("marketing", "deals", channel="sms"): DENIED,
        }
    )


@pytest.mark.parametrize(
    ("values", "picks"),
    [
        ({"topics": {"value": "sport,news"}}, {"sport", "news"}),
        ({"topics": {"value": " sport , news ,"}}, {"sport", "news"}),
        ({"topics": {"value": "sport", "from_propagation": True}}, {"sport"}),
        ({"topics": {"value": ""}}, set()),
        ({"topics": {"value": None}}, set()),
        ({"topics": {}}, set()),
        ({"topics": None}, set()),
        ({}, None),
        (None, None),
    ],
)
def test_v2_values_are_read(values: object, picks: set[str] | None) -> None:
    """A list that was sent empty is not the same as a preference that was not mentioned."""
    found = tree_of({"purposes": [{"id": "marketing", "values": values}]}).picks

    assert found == ({} if picks is None else {Pick("marketing", "topics"): picks})


@pytest.mark.parametrize(
    ("preference", "picks"),
    [
        ({"value": "sport,news"}, {"sport", "news"}),
        ({"value": ""}, set()),
        ({"value": None}, None),
        ({"values": {"value": "sport"}}, {"sport"}),
        ({"values": ["sport"]}, {"sport"}),
        (
            {"values": [{"id": "sport", "enabled": True}, {"id": "news", "enabled": False}]},
            {"sport"},
        ),
        ({"values": [{"id": "sport", "enabled": False}]}, set()),
        ({"values": [{"id": "sport", "enabled": None}]}, None),
        ({"values": []}, None),
        ({"values": [5, {"enabled": True}]}, None),
        ({"values": 5}, None),
        ({}, None),
    ],
)
def test_full_tree_preferences_are_read(
    preference: dict[str, object], picks: set[str] | None
) -> None:
    """In a full tree a node without a choice is listed, and makes none."""
    purpose = {"id": "marketing", "enabled": None, "preferences": [{"id": "topics", **preference}]}
    tree = tree_of({"purposes": [purpose], "channels": [{"id": "email", "enabled": None}]})

    assert tree.nodes == {}
    assert tree.picks == ({} if picks is None else {Pick("marketing", "topics"): picks})


def test_a_place_named_twice_is_denied_when_in_doubt() -> None:
    """Contradiction inside one event can lower consent, never raise it."""
    consents = {
        "purposes": [
            {"id": "p", "enabled": True, "values": {"t": {"value": "a,b"}}},
            {"id": "p", "enabled": False, "values": {"t": {"value": "b,c"}}},
            {"id": "p", "enabled": True},
        ]
    }

    assert tree_of(consents) == ConsentTree({Node("p"): DENIED}, {Pick("p", "t"): frozenset("b")})


def test_entries_without_a_name_are_skipped() -> None:
    """A nameless purpose must not turn its channel into a channel of the person."""
    consents = {
        "purposes": [
            {"id": "", "enabled": True, "channels": [{"id": "email", "enabled": True}]},
            {
                "id": "p",
                "preferences": [{"id": "", "enabled": True}],
                "values": {"": {"value": "a"}},
            },
        ],
        "channels": [{"id": "", "enabled": True}],
    }

    assert tree_of(consents) == ConsentTree()
