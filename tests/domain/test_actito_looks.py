"""What a reading of the profile means, beside what was agreed and what its webhooks hinted at."""

from dataclasses import replace

import pytest

from consent_sync.domain.actito_hints import Hint
from consent_sync.domain.actito_looks import (
    fold_profile_missing,
    fold_profile_reading,
    fold_unread_hints,
)
from consent_sync.domain.consent import WriteOutcome
from consent_sync.domain.events import ProfileMissing, ProfileReading
from consent_sync.domain.lines import Outcome
from consent_sync.domain.mapping import SyncMode
from consent_sync.domain.moments import OPEN
from consent_sync.domain.state import LineState, PersonState, Presence
from consent_sync.domain.verdicts import Verdict
from tests.domain.kit import (
    ACTITO,
    DIDOMI,
    NO,
    NONE,
    YES,
    a_context,
    a_hint,
    a_person,
    a_reading,
    at,
    holds,
    said,
    wrote,
)
from tests.doubles.mappings import a_line, a_mapping

LINE = a_line()
STRANGER = LineState()
SUBSCRIBED = LineState(latest={ACTITO: said(ACTITO, YES, 0)}, agreed={ACTITO: holds(YES, 0)})
REFUSED = LineState(latest={ACTITO: said(ACTITO, NO, 0)}, agreed={ACTITO: holds(NO, 0)})


def look(known: LineState, seen: ProfileReading, *hints: Hint) -> LineState:
    """Return the line after a reading in a turn with these webhooks."""
    return fold(known, seen, *hints).state.lines["Newsletter"]


def fold(known: LineState, seen: ProfileReading, *hints: Hint) -> Outcome:
    return fold_profile_reading(a_person(LINE, known), seen, hints, a_context(now=1000))


# --- the first sight -----------------------------------------------------------------------------


@pytest.mark.parametrize(("held", "choice"), [(True, YES), (False, NO)])
def test_a_first_reading_is_a_baseline(held: bool, choice: object) -> None:
    """It says what Actito holds; nobody knows who chose it or when, so it is no statement."""
    line = look(STRANGER, a_reading(100, Newsletter=held))

    assert line.agreed[ACTITO].choice is choice
    assert line.latest == {}


def test_a_first_reading_counts_for_what_its_webhook_names() -> None:
    """Somebody changed that subscription just now, whichever way; the rest stays a baseline."""
    mapping = a_mapping(LINE, a_line("DailyDeals"))
    hints = [a_hint(100, Newsletter=True)]
    seen = a_reading(101, Newsletter=False, DailyDeals=False)
    state = fold_profile_reading(PersonState(), seen, hints, a_context(mapping)).state

    assert state.lines["Newsletter"].latest[ACTITO].choice is NO
    assert state.lines["DailyDeals"].latest == {}


def test_a_subscription_that_is_not_listed_is_no_refusal() -> None:
    """None is not denied."""
    line = look(STRANGER, a_reading(100))

    assert line.agreed[ACTITO].choice is NONE
    assert line.latest == {}


def test_a_no_at_first_sight_makes_an_old_yes_of_the_other_side_late() -> None:
    """Nobody knows when that no was made: a yes from long before must not overrule it."""
    promised = LineState(latest={DIDOMI: said(DIDOMI, YES, 0)})
    line = look(promised, a_reading(3600, Newsletter=False))

    assert line.latest[DIDOMI].delay >= at(3600) - at(0)


# --- a difference --------------------------------------------------------------------------------


def test_a_reading_that_differs_is_a_choice_made_since_the_last_one() -> None:
    """After we last knew the old value, and before we saw the new one."""
    choice = look(SUBSCRIBED, a_reading(500, Newsletter=False)).latest[ACTITO]

    assert (choice.choice, choice.not_before, choice.not_after) == (NO, at(0), at(501))


def test_a_webhook_narrows_when_it_was_made() -> None:
    """It was not under way for longer than a webhook may be."""
    choice = look(
        SUBSCRIBED, a_reading(9000, Newsletter=False), a_hint(8990, Newsletter=False)
    ).latest[ACTITO]

    assert choice.not_before == at(8990 - 3600)
    assert choice.delay == 0


def test_a_choice_after_our_write_is_newer_than_all_that_it_carried() -> None:
    """What we wrote, they knew, whatever the clocks say."""
    theirs = said(DIDOMI, NO, 90)
    known = LineState(
        latest={DIDOMI: theirs},
        agreed={ACTITO: holds(NO, 10, theirs)},
        writes=(wrote(ACTITO, NO, 10, WriteOutcome.CONFIRMED, theirs),),
    )
    choice = look(known, a_reading(80, Newsletter=True)).latest[ACTITO]

    assert choice.not_before > theirs.not_after


def test_a_reading_as_agreed_is_no_news() -> None:
    """It only says that it still holds."""
    outcome = fold(SUBSCRIBED, a_reading(500, Newsletter=True))

    assert outcome.touched == set()
    assert outcome.state.lines["Newsletter"].agreed[ACTITO].as_of == at(500)


def test_an_agreement_that_counts_only_in_didomi_is_said_to() -> None:
    """On a line that flows to Actito only, subscribing there raises nothing in Didomi."""
    line = a_line(sync=SyncMode.TO_ACTITO)
    context = a_context(a_mapping(line))
    outcome = fold_profile_reading(
        a_person(line, REFUSED), a_reading(500, Newsletter=True), (), context
    )

    assert outcome.state.lines["Newsletter"].latest[ACTITO].choice is NO
    assert [one.reason for one in outcome.entries] == [
        "on this line an agreement counts only when given in Didomi"
    ]


def test_a_vanished_subscription_is_no_choice_but_no_reason_for_a_yes_either() -> None:
    """It is remembered as a moment at which there was no yes."""
    line = look(SUBSCRIBED, a_reading(500))

    assert line.latest[ACTITO].choice is YES
    assert line.refused_at[ACTITO] == at(501)


def test_a_vanished_refusal_stays_a_refusal() -> None:
    """What is not listed any more was not agreed to."""
    assert look(REFUSED, a_reading(500)).agreed[ACTITO].choice is NO


# --- our own writes ------------------------------------------------------------------------------


def test_a_yes_that_an_unclear_write_explains_is_put_right_and_not_believed() -> None:
    """Our own write landed late; nobody agreed."""
    known = replace(REFUSED, writes=(wrote(ACTITO, YES, 10, WriteOutcome.UNCLEAR),))
    outcome = fold(known, a_reading(500, Newsletter=True))

    assert outcome.state.lines["Newsletter"].latest[ACTITO].choice is NO
    assert [one.verdict for one in outcome.entries] == [Verdict.CONFIRMED]


def test_a_refusal_of_ours_that_did_not_take_is_no_new_agreement() -> None:
    """The 200 did nothing: the yes that is still there is the old one."""
    known = LineState(
        latest={DIDOMI: said(DIDOMI, NO, 5)},
        agreed={ACTITO: holds(NO, 10, confirmed=False)},
        writes=(wrote(ACTITO, NO, 10),),
    )
    outcome = fold(known, a_reading(700, Newsletter=True))

    assert ACTITO not in outcome.state.lines["Newsletter"].latest
    assert "did not take in Actito; it is written again" in outcome.entries[0].reason


def test_somebody_who_came_back_after_our_refusal_is_believed() -> None:
    """A webhook that arrived after our write shows their yes."""
    known = LineState(
        agreed={ACTITO: holds(NO, 10, confirmed=False)}, writes=(wrote(ACTITO, NO, 10),)
    )
    line = look(known, a_reading(700, Newsletter=True), a_hint(690, Newsletter=True))

    assert line.latest[ACTITO].choice is YES


def test_a_refusal_that_our_yes_ran_over_stands() -> None:
    """The webhook shows a no that is not ours, the reading our yes: the person said no."""
    known = LineState(
        latest={DIDOMI: said(DIDOMI, YES, 0)},
        agreed={ACTITO: holds(YES, 10, confirmed=False)},
        writes=(wrote(ACTITO, YES, 10),),
    )
    outcome = fold(known, a_reading(20, Newsletter=True), a_hint(15, Newsletter=False))

    assert outcome.state.lines["Newsletter"].latest[ACTITO].choice is NO
    assert [one.verdict for one in outcome.entries] == [Verdict.CONFLICT_STRICTEST]


def test_without_a_yes_of_ours_the_person_came_back() -> None:
    """A late webhook with a no, and a reading with a yes: they changed their mind twice."""
    outcome = fold(SUBSCRIBED, a_reading(20, Newsletter=True), a_hint(15, Newsletter=False))

    assert outcome.state.lines["Newsletter"].latest[ACTITO].choice is YES
    assert outcome.touched == set()


# --- no profile ----------------------------------------------------------------------------------


def test_a_missing_profile_holds_nothing_and_refuses_nothing() -> None:
    """Everything is needed anew when it comes back."""
    state = a_person(LINE, SUBSCRIBED, sent={"tier": "gold"})
    outcome = fold_profile_missing(state, ProfileMissing(at(500)), (), a_context())

    assert outcome.state.profile is Presence.MISSING
    assert outcome.state.sent == {}
    assert outcome.state.lines["Newsletter"].agreed == {}
    assert outcome.state.lines["Newsletter"].latest[ACTITO].choice is YES


def test_a_refusal_made_before_the_profile_went_still_counts() -> None:
    """Its webhook is all that is left of it."""
    hints = [a_hint(490, Newsletter=False)]
    missing = ProfileMissing(at(500))
    outcome = fold_profile_missing(a_person(LINE, SUBSCRIBED), missing, hints, a_context())

    assert outcome.state.lines["Newsletter"].latest[ACTITO].choice is NO
    assert outcome.touched == {"Newsletter"}


@pytest.mark.parametrize(("subscribed", "ends"), [(False, NO), (True, YES)])
def test_of_webhooks_nobody_could_look_after_only_refusals_count(
    subscribed: bool, ends: object
) -> None:
    """A no is never given up; a yes needs to be seen."""
    known = SUBSCRIBED if ends is YES else replace(SUBSCRIBED, agreed={})
    hints = [a_hint(490, Newsletter=subscribed)]
    outcome = fold_unread_hints(a_person(LINE, known), hints, a_context())

    assert outcome.state.lines["Newsletter"].latest[ACTITO].choice is ends
    assert bool(outcome.touched) is (ends is NO)


def test_a_webhook_nobody_could_look_after_is_no_refusal_where_it_may_be_our_own() -> None:
    """The echo of a no that we wrote says nothing about the person."""
    known = replace(SUBSCRIBED, writes=(wrote(ACTITO, NO, 480),))
    outcome = fold_unread_hints(a_person(LINE, known), [a_hint(490, Newsletter=False)], a_context())

    assert outcome.touched == set()


def test_a_first_webhook_alone_has_no_beginning() -> None:
    """Where nothing was ever known, its time reaches back as far as a webhook may be late."""
    known = replace(STRANGER, agreed={})
    seen = a_reading(9000, Newsletter=True)
    [choice] = look(known, seen, a_hint(8000, Newsletter=True)).latest.values()

    assert choice.not_before == at(8000 - 3600) != OPEN
