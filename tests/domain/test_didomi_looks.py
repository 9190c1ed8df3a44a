"""What a reading of a Didomi user means, beside what was known and what we wrote there."""

from dataclasses import replace

import pytest

from consent_sync.domain.consent import Choice, ConsentTree, Pick, WriteOutcome
from consent_sync.domain.didomi_looks import (
    fold_user_missing,
    fold_user_reading,
    held_by_didomi,
    with_lists,
)
from consent_sync.domain.events import UserReading
from consent_sync.domain.state import HeldList, LineState, PersonState, Presence
from tests.domain.kit import (
    ACTITO,
    DIDOMI,
    NO,
    NONE,
    YES,
    a_context,
    a_person,
    a_user_reading,
    at,
    holds,
    said,
    wrote,
)
from tests.doubles.mappings import EMAIL, SPORT, a_line, a_mapping

LINE = a_line()
TOPICS = Pick("marketing", "topics")
AGREED = LineState(latest={DIDOMI: said(DIDOMI, YES, 0)}, agreed={DIDOMI: holds(YES, 0)})


def look(known: LineState, seen: UserReading) -> LineState:
    """Return the line after a reading."""
    return fold_user_reading(a_person(LINE, known), seen, a_context(now=1000)).lines["Newsletter"]


@pytest.mark.parametrize("held", [YES, NO])
def test_a_first_reading_is_a_baseline(held: Choice) -> None:
    """It says what Didomi holds since its own date, and is no statement."""
    line = look(LineState(), a_user_reading(100, {EMAIL: held}, dated=40))

    assert (line.agreed[DIDOMI].choice, line.agreed[DIDOMI].as_of) == (held, at(40))
    assert line.latest == {}


def test_a_no_at_first_sight_makes_an_old_yes_of_actito_late() -> None:
    """Nobody knows what its date counts for on this very line."""
    promised = LineState(latest={ACTITO: said(ACTITO, YES, 0)})
    line = look(promised, a_user_reading(3600, {EMAIL: NO}, dated=40))

    assert line.latest[ACTITO].delay >= at(3600) - at(0)
    assert line.refused_at[DIDOMI] == at(3601)


def test_a_reading_that_differs_is_a_choice_made_since() -> None:
    """Its event was lost; it was made after what we knew, and by the date of the reading."""
    choice = look(AGREED, a_user_reading(500, {EMAIL: NO}, dated=300)).latest[DIDOMI]

    assert (choice.choice, choice.not_before, choice.not_after) == (NO, at(0), at(300))


def test_a_reading_that_lags_behind_what_is_known_is_no_news() -> None:
    """Didomi may take a moment to show what it was told."""
    known = LineState(latest={DIDOMI: said(DIDOMI, NO, 50)}, agreed={DIDOMI: holds(NO, 50)})

    line = look(known, a_user_reading(60, {EMAIL: YES}, dated=10))

    assert (line.latest, line.agreed) == (known.latest, known.agreed)


def test_a_refusal_of_ours_that_did_not_take_is_no_new_agreement() -> None:
    """The yes that a reading long after our write shows is the old one."""
    known = LineState(
        latest={ACTITO: said(ACTITO, NO, 5)},
        agreed={DIDOMI: holds(NO, 10, confirmed=False)},
        writes=(wrote(DIDOMI, NO, 10),),
    )
    line = look(known, a_user_reading(700, {EMAIL: YES}, dated=0))

    assert DIDOMI not in line.latest
    assert line.agreed[DIDOMI].choice is YES


def test_a_lost_answer_is_found_and_is_nobodys_choice() -> None:
    """Our own unclear write explains what the reading shows."""
    known = replace(AGREED, writes=(wrote(DIDOMI, NO, 10, WriteOutcome.UNCLEAR),))
    line = look(known, a_user_reading(500, {EMAIL: NO}, dated=10))

    assert line.latest[DIDOMI].choice is YES
    assert line.agreed[DIDOMI].choice is NO
    assert [write.outcome for write in line.writes] == [WriteOutcome.CONFIRMED]


def test_a_choice_that_vanished_is_no_refusal_but_no_reason_for_a_yes_either() -> None:
    """None is not denied; what is gone is remembered as a moment without a yes."""
    line = look(AGREED, a_user_reading(500, {}, dated=300))

    assert line.latest[DIDOMI].choice is YES
    assert (line.agreed[DIDOMI].choice, line.refused_at[DIDOMI]) == (NONE, at(501))


def test_a_refusal_that_vanished_stays_a_refusal() -> None:
    """A cleared list may be left out altogether."""
    known = LineState(agreed={DIDOMI: holds(NO, 0)})

    assert look(known, a_user_reading(500, {}, dated=300)).agreed[DIDOMI].choice is NO


def test_an_option_outside_of_the_list_at_first_sight_counts_as_refused() -> None:
    """Only as a baseline, and only where the list is not ours."""
    line = a_line("SportNews", SPORT)
    context = a_context(a_mapping(line))
    seen = replace(
        a_user_reading(100, {}, dated=40), tree=ConsentTree(picks={TOPICS: frozenset({"news"})})
    )
    state = fold_user_reading(PersonState(), seen, context)
    ours = fold_user_reading(
        a_person(line, LineState(writes=(wrote(DIDOMI, YES, 10),))), seen, context
    )

    assert held_by_didomi(state.lines["SportNews"]) is NO
    assert state.lines["SportNews"].latest == {}
    assert held_by_didomi(ours.lines["SportNews"]) is NONE


def test_a_missing_user_holds_nothing_and_refuses_nothing() -> None:
    """What they said stays said."""
    state = fold_user_missing(a_person(LINE, AGREED, picks={TOPICS: HeldList(frozenset(), 0)}))

    assert (state.user, state.picks) == (Presence.MISSING, {})
    assert state.lines["Newsletter"].agreed == {}
    assert state.lines["Newsletter"].latest[DIDOMI].choice is YES


def test_a_list_is_kept_by_its_date() -> None:
    """An older list that comes later would resurrect what was taken out since."""
    newer = ConsentTree(picks={TOPICS: frozenset({"sport"})})
    older = ConsentTree(picks={TOPICS: frozenset({"sport", "news"})})
    state = with_lists(with_lists(PersonState(), newer, at(50)), older, at(40))

    assert state.picks[TOPICS] == HeldList(frozenset({"sport"}), at(50))
