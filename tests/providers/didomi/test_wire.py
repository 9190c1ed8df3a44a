"""Drafts to Didomi's JSON, and users back."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_sync.adapters.didomi.models import Entity
from consent_sync.adapters.didomi.webhook import DidomiReceiver
from consent_sync.adapters.didomi.wire import event_json, of_person, read_origin, read_users
from consent_sync.domain.consent import Choice, ConsentTree, Node, Pick
from consent_sync.domain.events import DidomiItem, Origin, UserMissing, UserReading
from consent_sync.domain.moments import OPEN
from consent_sync.ports.platforms import ConsentDraft
from tests.providers.didomi.bodies import body, envelope, user

GRANTED, DENIED = Choice.GRANTED, Choice.DENIED
AT = 1_772_360_100_000_000
"""2026-03-01T10:15:00Z"""

ORIGIN = Origin("brand-a", "user-123@example.com", "actito", OPEN, AT)
DRAFT = ConsentDraft(
    id="5f0c7d2e-0000-4000-8000-000000000001",
    created_at=AT,
    ouid="user-123@example.com",
    regulation="gdpr",
    nodes={Node("marketing"): GRANTED},
    picks={},
    origin=ORIGIN,
)


def test_a_draft_becomes_an_event() -> None:
    """The body names the event, the moment, the person, the choices and where they come from."""
    assert event_json(DRAFT, "acme") == {
        "id": DRAFT.id,
        "created_at": "2026-03-01T10:15:00.000Z",
        "organization_id": "acme",
        "regulation": "gdpr",
        "user": {"organization_user_id": DRAFT.ouid},
        "consents": {"purposes": [{"id": "marketing", "enabled": True}]},
        "metadata": {
            "sync_origin": "consent-sync",
            "consent_sync_mapping": "brand-a",
            "consent_sync_person": "user-123@example.com",
            "consent_sync_basis": "actito",
            "consent_sync_not_before": None,
            "consent_sync_not_after": "2026-03-01T10:15:00.000000Z",
        },
    }


def test_everything_about_a_purpose_is_one_entry() -> None:
    """Choice, channels, preferences and values of a purpose stand together; its id appears once."""
    nodes = {
        Node(channel="email"): DENIED,
        Node("marketing", "deals", channel="sms"): GRANTED,
        Node("marketing", "deals"): DENIED,
        Node("marketing"): GRANTED,
        Node("marketing", channel="push"): DENIED,
    }
    picks = {Pick("marketing", "topics"): ("news", "sport")}

    assert event_json(replace(DRAFT, nodes=nodes, picks=picks), "acme")["consents"] == {
        "channels": [{"id": "email", "enabled": False}],
        "purposes": [
            {
                "id": "marketing",
                "enabled": True,
                "values": {"topics": {"value": "news,sport"}},
                "preferences": [
                    {
                        "id": "deals",
                        "enabled": False,
                        "channels": [{"id": "sms", "enabled": True}],
                    }
                ],
                "channels": [{"id": "push", "enabled": False}],
            }
        ],
    }


def test_a_purpose_that_only_carries_a_list_has_no_choice() -> None:
    """Writing options must not also agree to the purpose; an emptied list is written as such."""
    draft = replace(DRAFT, nodes={}, picks={Pick("marketing", "topics"): ()})

    assert event_json(draft, "acme")["consents"] == {
        "purposes": [{"id": "marketing", "values": {"topics": {"value": ""}}}]
    }


def test_no_choice_is_never_written() -> None:
    """None is not denied, and there is nothing to say about it."""
    draft = replace(DRAFT, nodes={Node("marketing"): Choice.NONE})

    assert event_json(draft, "acme")["consents"] == {}


def test_an_option_needs_its_list() -> None:
    """Didomi replaces the whole list, so a lone option would clear all others."""
    option = {Node("marketing", "topics", "sport"): GRANTED}

    with pytest.raises(ValueError, match="whole list"):
        event_json(replace(DRAFT, nodes=option), "acme")
    listed = replace(DRAFT, nodes=option, picks={Pick("marketing", "topics"): ("sport",)})
    assert event_json(listed, "acme")["consents"] == {
        "purposes": [{"id": "marketing", "values": {"topics": {"value": "sport"}}}]
    }


def test_dates_are_never_rounded_down() -> None:
    """An event must not slip before the state that it is meant to follow."""
    draft = replace(DRAFT, created_at=AT + 1)

    assert event_json(draft, "acme")["created_at"] == "2026-03-01T10:15:00.001Z"


moments = st.integers(-10_000_000_000_000_000, 10_000_000_000_000_000)
ids = st.text(st.characters(exclude_characters=",", exclude_categories=["Cs"]), min_size=1).filter(
    lambda text: text == text.strip()
)
nodes = st.one_of(
    st.builds(lambda c: Node(channel=c), ids),
    ids.map(Node),
    st.builds(lambda p, c: Node(p, channel=c), ids, ids),
    st.tuples(ids, ids).map(lambda names: Node(*names)),
    st.builds(lambda p, q, c: Node(p, q, channel=c), ids, ids, ids),
)
drafts = st.builds(
    ConsentDraft,
    id=ids,
    created_at=moments,
    ouid=ids,
    regulation=ids,
    nodes=st.dictionaries(nodes, st.sampled_from([GRANTED, DENIED]), max_size=5),
    picks=st.dictionaries(
        st.builds(Pick, ids, ids), st.frozensets(ids, max_size=3).map(tuple), max_size=3
    ),
    origin=st.builds(Origin, ids, ids, ids, moments | st.just(OPEN), moments),
)


@given(drafts)
def test_our_own_event_comes_back_as_it_was_written(draft: ConsentDraft) -> None:
    """Choices, lists, person and origin survive the way through a webhook unchanged."""
    returned = body(envelope("event.created", entity=event_json(draft, "acme")))
    item = DidomiReceiver().understand(returned)

    assert isinstance(item, DidomiItem)
    assert item.event is not None
    assert item.event.origin == draft.origin
    assert item.event.tree.nodes == draft.nodes
    assert item.event.tree.picks == {pick: set(chosen) for pick, chosen in draft.picks.items()}
    assert (item.event.id, item.ouid) == (draft.id, draft.ouid)
    assert item.event.created_at is not None
    assert 0 <= item.event.created_at - draft.created_at < 1000


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        "text",
        {},
        {"sync_origin": "engine"},
        {"sync_origin": "consent-sync"},
        {"sync_origin": "consent-sync", "consent_sync_mapping": 5},
        {
            "sync_origin": "consent-sync",
            "consent_sync_mapping": "m",
            "consent_sync_person": "p",
            "consent_sync_basis": "b",
            "consent_sync_not_after": "soon",
        },
    ],
)
def test_half_a_mark_is_no_mark(metadata: object) -> None:
    """Only a whole mark of an engine of ours counts as its origin."""
    assert read_origin(metadata) is None


def reading(*records: Entity) -> UserReading:
    found = read_users(records, asked_at=1, read_at=2)
    assert isinstance(found, UserReading)
    return found


def record(updated_at: str | None, **purposes: bool | None) -> Entity:
    entries = [{"id": name, "enabled": enabled} for name, enabled in purposes.items()]
    return Entity.model_validate(user(updated_at=updated_at, consents={"purposes": entries}))


def listed(updated_at: str, value: str) -> Entity:
    purpose = {"id": "p", "values": {"t": {"value": value}}}
    return Entity.model_validate(user(updated_at=updated_at, consents={"purposes": [purpose]}))


def test_nobody_found_is_missing() -> None:
    """No record means that Didomi does not know the person."""
    assert read_users([], asked_at=1, read_at=2) == UserMissing(read_at=2)


def test_one_record_is_the_reading() -> None:
    """A single record is taken as it is, with its date."""
    assert reading(record("2026-03-01T10:15:00Z", a=True, b=False, c=None)) == UserReading(
        1, 2, AT, ConsentTree({Node("a"): GRANTED, Node("b"): DENIED})
    )


def test_of_several_records_the_newest_word_counts_per_place() -> None:
    """The state may be spread over records: each place is taken from the newest that mentions it."""
    old = record("2026-01-01T00:00:00Z", a=False, b=True)
    new = record("2026-03-01T10:15:00Z", a=True, c=False)

    for records in ((old, new), (new, old)):
        found = reading(*records)
        assert found.updated_at == AT
        assert found.tree.nodes == {Node("a"): GRANTED, Node("b"): GRANTED, Node("c"): DENIED}


def test_equally_new_records_that_differ_are_denied() -> None:
    """Nobody can say which was later, so the no counts."""
    yes, no = (record("2026-03-01T10:15:00Z", a=choice) for choice in (True, False))

    for records in ((yes, no), (no, yes), (yes, no, yes)):
        assert reading(*records).tree.nodes == {Node("a"): DENIED}


def test_a_record_without_a_date_is_the_oldest() -> None:
    """An undated record only fills what no dated one mentions."""
    undated, dated = record(None, a=False, b=False), record("2020-01-01T00:00:00Z", a=True)

    found = reading(undated, dated)
    assert found.tree.nodes == {Node("a"): GRANTED, Node("b"): DENIED}
    assert reading(undated).updated_at is None


def test_lists_of_several_records_merge_like_choices() -> None:
    """The newest list counts; of equally new ones only what both hold."""
    old, new, same = (
        listed("2026-01-01T00:00:00Z", "a,b,c"),
        listed("2026-03-01T00:00:00Z", "a,b"),
        listed("2026-03-01T01:00:00+01:00", "b,c"),
    )

    assert reading(new, old).tree.picks == {Pick("p", "t"): {"a", "b"}}
    for records in ((old, new, same), (same, new, old)):
        assert reading(*records).tree.picks == {Pick("p", "t"): {"b"}}


def test_records_of_others_are_not_believed() -> None:
    """A filter that the platform ignored mixes neither persons nor regulations."""
    records = [
        Entity.model_validate(user(id="1")),
        Entity.model_validate(user(id="2", organization_user_id="USER-123@example.com ")),
        Entity.model_validate(user(id="3", organization_user_id="other@example.com")),
        Entity.model_validate(user(id="4", regulation="cpra")),
        Entity.model_validate(user(id="5", regulation="gdpr", organization_user_id=None)),
    ]
    kept = of_person(records, "user-123@example.com", "gdpr")

    assert [one.id for one in kept] == ["1", "2", "5"]
