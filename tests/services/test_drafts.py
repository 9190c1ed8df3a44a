"""The exact writes: which key, which event, which date, which list."""

import pytest

from consent_sync.domain.consent import Choice, Pick
from consent_sync.domain.identity import Names, Normalise
from consent_sync.domain.moments import MILLISECOND
from consent_sync.domain.own_events import own_event_id
from consent_sync.domain.state import HeldList, LineState, PersonState
from consent_sync.services.drafts import (
    METADATA_WAY,
    EventsDraft,
    actito_keys,
    didomi_ouids,
    events_draft,
    profile_draft,
)
from tests.domain.kit import (
    ACTITO,
    ANN,
    DIDOMI,
    NO,
    YES,
    a_context,
    a_person,
    at,
    holds,
    said,
)
from tests.doubles.mappings import EMAIL, MARKETING, NEWS, SPORT, a_line, a_mapping

LINE = a_line()
TOPICS = Pick("marketing", "topics")


def events(known: LineState, choice: Choice, **person: object) -> EventsDraft:
    return events_draft(
        a_person(LINE, known, **person), {"Newsletter": choice}, a_context(now=1000)
    )


# --- whom ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "names", "keys"),
    [
        (Normalise.LOWER, Names(ouid=" Ann@Example.com "), ("Ann@Example.com", ANN.person)),
        (Normalise.LOWER, Names("Ann@Example.com", "ANN@example.com"), ("ANN@example.com",)),
        (Normalise.LOWER, Names(ouid="ann@example.com"), (ANN.person,)),
        (Normalise.NONE, Names(ouid="Ann"), (ANN.person,)),
    ],
)
def test_the_profile_is_asked_for_as_actito_spells_it(
    how: Normalise, names: Names, keys: tuple[str, ...]
) -> None:
    """Until that is known, Didomi's spelling is tried before the normalised one."""
    assert actito_keys(PersonState(names=names), a_context(a_mapping(normalise=how))) == keys


def test_every_spelling_that_didomi_used_is_written() -> None:
    """Nobody knows which of them the person will be asked under."""
    spellings = ("ann@example.com", "Ann@example.com")
    draft = events(LineState(latest={ACTITO: said(ACTITO, NO, 0)}), NO, spellings=spellings)

    assert [event.ouid for event in draft.events] == list(spellings)
    assert len({event.id for event in draft.events}) == 2


def test_somebody_didomi_never_named_is_called_as_in_actito() -> None:
    """With hashed ids it is the hash: the key itself never reaches Didomi."""
    state = PersonState(names=Names(actito_key="Ann@Example.com"))

    assert didomi_ouids(state, a_context()) == ("Ann@Example.com",)
    assert didomi_ouids(state, a_context(a_mapping(normalise=Normalise.SHA256))) == (ANN.person,)


# --- to Actito -----------------------------------------------------------------------------------


def test_a_profile_is_told_what_changes_and_nothing_else() -> None:
    """An old copy of the whole list cannot resurrect anything."""
    mapping = a_mapping(LINE, a_line("DailyDeals", MARKETING))
    known = LineState(latest={DIDOMI: said(DIDOMI, NO, 5)})
    draft = profile_draft(
        a_person(LINE, known), {"Newsletter": NO}, {"tier": "gold"}, a_context(mapping)
    )

    assert draft.change.subscriptions == {"Newsletter": False}
    assert draft.change.attributes == {"tier": "gold"}
    assert draft.write.attributes == (("tier", "gold"),)


def test_actito_is_told_when_and_how_the_person_chose() -> None:
    """The date of the statement, not of the write."""
    known = LineState(latest={DIDOMI: said(DIDOMI, NO, 5)})
    collected = profile_draft(
        a_person(LINE, known), {"Newsletter": NO}, {}, a_context(now=1000)
    ).change.collection

    assert collected.date == at(5)
    assert collected.way == f"consent event {said(DIDOMI, NO, 5).id}"


def test_attributes_alone_are_collected_from_metadata() -> None:
    """No choice stands behind them."""
    collected = profile_draft(
        PersonState(), {}, {"tier": "gold"}, a_context(now=1000)
    ).change.collection

    assert (collected.way, collected.date) == (METADATA_WAY, at(1000))


def test_an_inverted_line_is_unsubscribed_by_an_agreement() -> None:
    """The subscription means the opposite."""
    mapping = a_mapping(a_line(inverted=True))
    draft = profile_draft(PersonState(), {"Newsletter": YES}, {}, a_context(mapping))

    assert draft.change.subscriptions == {"Newsletter": False}


# --- to Didomi: dates ----------------------------------------------------------------------------


@pytest.mark.parametrize(("choice", "dated"), [(YES, 10), (NO, 20)])
def test_a_yes_is_dated_early_and_a_no_late(choice: Choice, dated: float) -> None:
    """Within the time in which it was made: uncertainty lowers consent."""
    known = LineState(latest={ACTITO: said(ACTITO, choice, 10, until=20)})

    assert [event.created_at for event in events(known, choice).events] == [at(dated)]


def test_an_event_is_dated_past_what_didomi_holds() -> None:
    """Didomi merges by date and would silently ignore an earlier one."""
    known = LineState(latest={ACTITO: said(ACTITO, NO, 10)}, agreed={DIDOMI: holds(YES, 50)})

    assert events(known, NO).events[0].created_at == at(50) + MILLISECOND


def test_the_original_interval_travels_with_the_event() -> None:
    """Another installation can still tell when the person really chose."""
    known = LineState(
        latest={ACTITO: said(ACTITO, NO, 10, until=20)}, agreed={DIDOMI: holds(YES, 50)}
    )
    origin = events(known, NO).events[0].origin

    assert (origin.not_before, origin.not_after) == (at(10), at(20))


def test_the_same_grounds_give_the_same_event() -> None:
    """Sent twice after a crash it is stored once; another choice is another event."""
    refuses = LineState(latest={ACTITO: said(ACTITO, NO, 10)})
    later = LineState(latest={ACTITO: said(ACTITO, NO, 11)})
    first, again = events(refuses, NO).events[0], events(refuses, NO).events[0]

    assert first.id == again.id == own_event_id(ANN, first.origin.basis)
    assert first.id != events(later, NO).events[0].id


def test_agreements_and_refusals_of_one_turn_are_two_events_oldest_first() -> None:
    """They are dated differently; each line stands in one of them only."""
    deals = a_line("DailyDeals", MARKETING)
    state = PersonState(
        lines={
            "Newsletter": LineState(latest={ACTITO: said(ACTITO, NO, 20)}, shape=LINE.shape),
            "DailyDeals": LineState(latest={ACTITO: said(ACTITO, YES, 10)}, shape=deals.shape),
        }
    )
    draft = events_draft(
        state, {"Newsletter": NO, "DailyDeals": YES}, a_context(a_mapping(LINE, deals))
    )

    assert [dict(event.nodes) for event in draft.events] == [{MARKETING: YES}, {EMAIL: NO}]
    assert [[line.line for line in write.lines] for write in draft.writes] == [
        ["DailyDeals"],
        ["Newsletter"],
    ]


# --- to Didomi: lists ----------------------------------------------------------------------------


def test_a_list_is_rebuilt_whole_from_what_is_held() -> None:
    """What nobody changed stays in it."""
    sport = a_line("SportNews", SPORT)
    state = a_person(
        sport,
        LineState(latest={ACTITO: said(ACTITO, NO, 10)}),
        picks={TOPICS: HeldList(frozenset({"sport", "culture"}), at(0))},
    )
    [event] = events_draft(state, {"SportNews": NO}, a_context(a_mapping(sport))).events

    assert event.picks == {TOPICS: ("culture",)}
    assert event.nodes == {}


def test_a_list_with_a_refusal_and_an_agreement_goes_with_the_refusals() -> None:
    """It cannot be sent in two halves, and a refusal must not be dated early."""
    sport, news = a_line("SportNews", SPORT), a_line("Headlines", NEWS)
    state = PersonState(
        lines={
            "SportNews": LineState(latest={ACTITO: said(ACTITO, NO, 20)}, shape=sport.shape),
            "Headlines": LineState(latest={ACTITO: said(ACTITO, YES, 10)}, shape=news.shape),
        },
        picks={TOPICS: HeldList(frozenset({"sport"}), at(0))},
    )
    [event] = events_draft(
        state, {"SportNews": NO, "Headlines": YES}, a_context(a_mapping(sport, news))
    ).events

    assert event.picks == {TOPICS: ("news",)}
    assert event.created_at == at(20)
