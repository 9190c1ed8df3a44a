"""What a reading leaves behind beside its choice: what is agreed, since when, and what is told."""

from typing import Any

import pytest

from consent_sync.domain.actito_hints import Hint
from consent_sync.domain.actito_looks import (
    fold_profile_missing,
    fold_profile_reading,
    fold_unread_hints,
)
from consent_sync.domain.consent import Choice, Statement, WriteOutcome
from consent_sync.domain.events import ProfileMissing
from consent_sync.domain.identity import Source
from consent_sync.domain.lines import Outcome
from consent_sync.domain.mapping import SyncMode
from consent_sync.domain.state import LineState, Presence
from consent_sync.domain.verdicts import Kind, Verdict
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
UNCLEAR = WriteOutcome.UNCLEAR


def fold(known: LineState, seen: Any, *hints: Hint, **more: Any) -> Outcome:
    return fold_profile_reading(a_person(LINE, known, **more), seen, hints, a_context(now=1000))


def line_of(outcome: Outcome) -> LineState:
    return outcome.state.lines["Newsletter"]


@pytest.mark.parametrize(
    ("known", "held", "kind", "verdict", "choice"),
    [
        (
            LineState(writes=(wrote(ACTITO, YES, 50, UNCLEAR),)),
            {"Newsletter": True},
            Kind.CONFIRMED,
            Verdict.CONFIRMED,
            YES,
        ),
        (LineState(agreed={ACTITO: holds(YES, 0)}), {}, Kind.DECIDED, Verdict.NO_CHANGE, NONE),
    ],
)
def test_what_a_look_decides_is_told_with_its_line(
    known: LineState, held: dict[str, bool], kind: Kind, verdict: Verdict, choice: object
) -> None:
    """The entry names the side, the line, its place in the file, the moment and the choice."""
    (entry,) = fold(known, a_reading(100, **held)).entries

    assert (entry.at, entry.kind, entry.verdict) == (at(1000), kind, verdict)
    assert (entry.side, entry.line, entry.line_number) == (ACTITO, "Newsletter", 14)
    assert entry.choice is choice
    assert entry.reason


def test_a_refusal_that_our_agreement_ran_over_is_agreed_as_seen() -> None:
    """The yes is what Actito holds; the no is what was said, and it counts as a new statement."""
    known = LineState(agreed={ACTITO: holds(YES, 90)}, writes=(wrote(ACTITO, YES, 90),))
    outcome = fold(known, a_reading(100, Newsletter=True), a_hint(95, Newsletter=False))
    (entry,) = outcome.entries

    assert outcome.touched == {"Newsletter"}
    assert line_of(outcome).agreed[ACTITO].choice is YES
    assert line_of(outcome).latest[ACTITO].choice is NO
    assert line_of(outcome).refused_at == {ACTITO: line_of(outcome).latest[ACTITO].not_after}
    assert (entry.verdict, entry.choice) == (Verdict.CONFLICT_STRICTEST, NO)


def test_a_refusal_before_our_unclear_one_is_a_statement() -> None:
    """Its webhook came before our own no was sent, so that one is not the cause of it."""
    known = LineState(writes=(wrote(ACTITO, NO, 50, UNCLEAR),))
    outcome = fold(known, a_reading(100, Newsletter=False), a_hint(40, Newsletter=False))

    assert outcome.touched == {"Newsletter"}
    assert line_of(outcome).latest[ACTITO].choice is NO


@pytest.mark.parametrize("shown", [True, False])
def test_anything_else_beside_an_unclear_write_is_explained_by_it(shown: bool) -> None:
    """A webhook with a yes is no refusal of hers, so nothing new was said."""
    known = LineState(writes=(wrote(ACTITO, YES if shown else NO, 50, UNCLEAR),))
    outcome = fold(known, a_reading(100, Newsletter=shown), a_hint(60, Newsletter=True))

    assert outcome.touched == frozenset()
    assert line_of(outcome).latest == {}


def test_a_refusal_that_only_a_webhook_shows_is_what_actito_holds() -> None:
    """The reading lists nothing any more: the no is agreed as of the question, seen at the answer."""
    outcome = fold(LineState(), a_reading(100), a_hint(90, Newsletter=False))

    assert outcome.touched == {"Newsletter"}
    assert line_of(outcome).agreed == {ACTITO: holds(NO, 100)}
    assert line_of(outcome).refused_at == {ACTITO: at(101)}


def test_a_refusal_that_vanished_stays_agreed_since_the_look() -> None:
    """The no is not taken back by being left out."""
    known = LineState(latest={ACTITO: said(ACTITO, NO, 0)}, agreed={ACTITO: holds(NO, 0)})

    assert line_of(fold(known, a_reading(100))).agreed == {ACTITO: holds(NO, 100)}


def test_an_agreement_that_vanished_is_refused_by_a_webhook_that_says_so() -> None:
    """Unless she is known to have refused already."""
    yes = LineState(latest={ACTITO: said(ACTITO, YES, 0)}, agreed={ACTITO: holds(YES, 0)})
    no = LineState(latest={ACTITO: said(ACTITO, NO, 0)}, agreed={ACTITO: holds(YES, 0)})
    hint = a_hint(90, Newsletter=False)

    assert fold(yes, a_reading(100), hint).touched == {"Newsletter"}
    assert fold(no, a_reading(100), hint).touched == frozenset()


def test_to_and_fro_is_a_new_refusal() -> None:
    """A yes in between shows that the no is one more, which matters beside Didomi's yes."""
    known = LineState(
        latest={ACTITO: said(ACTITO, NO, 0), DIDOMI: said(DIDOMI, YES, 50)},
        agreed={ACTITO: holds(NO, 0)},
    )
    outcome = fold(known, a_reading(100, Newsletter=False), a_hint(60, Newsletter=True))

    assert outcome.touched == {"Newsletter"}
    assert line_of(outcome).latest[ACTITO].not_after == at(101)


@pytest.mark.parametrize(("arrived", "believed"), [(50, False), (51, True)])
def test_she_came_back_only_after_our_refusal_was_sent(arrived: float, believed: bool) -> None:
    """A webhook with a yes from before it, or of that very instant, is no sign of it."""
    known = LineState(
        agreed={ACTITO: holds(NO, 50, confirmed=False)}, writes=(wrote(ACTITO, NO, 50),)
    )
    outcome = fold(known, a_reading(100, Newsletter=True), a_hint(arrived, Newsletter=True))

    assert (outcome.touched == {"Newsletter"}) is believed


def test_a_webhook_with_a_no_is_no_sign_of_a_return() -> None:
    """However late it came."""
    known = LineState(
        agreed={ACTITO: holds(NO, 50, confirmed=False)}, writes=(wrote(ACTITO, NO, 50),)
    )

    assert fold(known, a_reading(100, Newsletter=True), a_hint(60, Newsletter=False)).entries


@pytest.mark.parametrize("told", [True, False])
def test_only_a_new_choice_makes_a_missing_user_worth_a_look(told: bool) -> None:
    """Somebody who refuses may have come to Didomi meanwhile."""
    person = a_person(LINE, LineState(), user=Presence.MISSING)
    hints = [a_hint(10, Newsletter=False)] if told else [a_hint(10, Newsletter=True)]
    outcome = fold_unread_hints(person, hints, a_context(now=20))

    assert outcome.state.user is (Presence.UNKNOWN if told else Presence.MISSING)


def test_a_profile_that_is_gone_holds_nothing_and_was_sent_nothing() -> None:
    """What Didomi holds stays known; a later profile gets everything anew."""
    known = LineState(agreed={ACTITO: holds(YES, 0), DIDOMI: holds(YES, 0)})
    person = a_person(LINE, known, sent={"brand": "x"})
    after = fold_profile_missing(person, ProfileMissing(at(5)), (), a_context(now=10)).state

    assert after.profile is Presence.MISSING
    assert after.sent == {}
    assert after.lines["Newsletter"].agreed == {DIDOMI: holds(YES, 0)}


# --- a reading as it was known -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "arrived", "counts"),
    [
        (LineState(agreed={ACTITO: holds(YES, 50)}), 60, True),
        (LineState(agreed={ACTITO: holds(YES, 50)}, writes=(wrote(ACTITO, YES, 1),)), 60, False),
        (LineState(agreed={ACTITO: holds(YES, 50, said(DIDOMI, YES, 1))}), 60, False),
        (LineState(agreed={ACTITO: holds(YES, 50)}, writes=(wrote(DIDOMI, YES, 1),)), 60, True),
    ],
)
def test_a_choice_that_a_look_saw_before_its_webhook_counts_with_it(
    known: LineState, arrived: float, counts: bool
) -> None:
    """The first sight was only a baseline; where we wrote or were told, it is no news."""
    outcome = fold(known, a_reading(100, Newsletter=True), a_hint(arrived, Newsletter=True))

    assert (outcome.touched == {"Newsletter"}) is counts


@pytest.mark.parametrize("named", [{}, {"Newsletter": False}, {"Other": True}])
def test_a_webhook_that_does_not_name_what_is_shown_makes_nothing_of_a_first_sight(
    named: dict[str, bool],
) -> None:
    """It tells of another change."""
    known = LineState(agreed={ACTITO: holds(YES, 50)})

    assert fold(known, a_reading(100, Newsletter=True), a_hint(60, **named)).touched == set()


def test_nothing_shown_beside_nothing_known_says_nothing() -> None:
    """Whatever came before it."""
    known = LineState(agreed={ACTITO: holds(NONE, 50)})

    assert fold(known, a_reading(100), a_hint(60, Other=True)).touched == set()


@pytest.mark.parametrize(("arrived", "counts"), [(20, True), (20.001, False)])
def test_a_refusal_that_came_before_we_wrote_ours_is_the_persons_own(
    arrived: float, counts: bool
) -> None:
    """A webhook that came later may be the echo of ours."""
    known = LineState(
        latest={DIDOMI: said(DIDOMI, NO, 5)},
        agreed={ACTITO: holds(NO, 20)},
        writes=(wrote(ACTITO, NO, 20, WriteOutcome.CONFIRMED),),
    )
    outcome = fold(known, a_reading(100, Newsletter=False), a_hint(arrived, Newsletter=False))

    assert (outcome.touched == {"Newsletter"}) is counts


@pytest.mark.parametrize(
    ("other", "wrote_yes", "arrived", "counts"),
    [
        (YES, None, 60, True),
        (NO, None, 60, False),
        (None, None, 60, False),
        (YES, 60, 60, False),
        (YES, 50, 3650, False),
        (YES, 50, 3650.001, True),
        (YES, 61, 60, True),
    ],
)
def test_a_yes_in_between_makes_the_no_one_more_refusal(
    other: Choice | None, wrote_yes: float | None, arrived: float, counts: bool
) -> None:
    """Where Didomi agreed meanwhile, and the yes in between is not the echo of one of ours."""
    latest: dict[Source, Statement] = {ACTITO: said(ACTITO, NO, 0)}
    if other is not None:
        latest[DIDOMI] = said(DIDOMI, other, 50)
    echo = wrote(ACTITO, YES, wrote_yes or 0, WriteOutcome.CONFIRMED)
    known = LineState(
        latest=latest,
        agreed={ACTITO: holds(NO, 0)},
        writes=() if wrote_yes is None else (echo,),
    )
    outcome = fold(known, a_reading(4000, Newsletter=False), a_hint(arrived, Newsletter=True))

    assert (outcome.touched == {"Newsletter"}) is counts


def test_a_doubled_refusal_reaches_up_to_its_webhook() -> None:
    """It may be the doubled webhook, or one more refusal; a webhook with a yes moves nothing."""
    known = LineState(latest={ACTITO: said(ACTITO, NO, 0)}, agreed={ACTITO: holds(NO, 0)})
    again = fold(known, a_reading(100, Newsletter=False), a_hint(60, Newsletter=False))
    other = fold(known, a_reading(100, Newsletter=False), a_hint(60, Newsletter=True))

    assert line_of(again).latest[ACTITO].not_after == at(60)
    assert line_of(other).latest[ACTITO].not_after == at(0)


def test_a_refusal_that_a_reading_no_longer_shows_needs_a_webhook_that_is_no_echo() -> None:
    """A webhook with a yes is no refusal, nor is one that our own no may have caused."""
    known = LineState(
        latest={ACTITO: said(ACTITO, YES, 0)},
        agreed={ACTITO: holds(NONE, 20)},
        writes=(wrote(ACTITO, NO, 20, WriteOutcome.CONFIRMED),),
    )
    agreed = fold(known, a_reading(100), a_hint(10, Newsletter=True))
    echo = fold(known, a_reading(100), a_hint(30, Newsletter=False))
    own = fold(known, a_reading(100), a_hint(10, Newsletter=False))

    assert not agreed.touched | echo.touched
    assert own.touched == {"Newsletter"}


def test_a_yes_that_counts_only_in_didomi_is_told_with_its_choice() -> None:
    """The entry says what was shown, and nothing is touched."""
    line = a_line(sync=SyncMode.TO_ACTITO)
    known = LineState(agreed={ACTITO: holds(NO, 0)})
    outcome = fold_profile_reading(
        a_person(line, known),
        a_reading(100, Newsletter=True),
        (),
        a_context(a_mapping(line), now=1000),
    )
    (entry,) = outcome.entries

    assert (entry.choice, outcome.touched) == (YES, frozenset())
    assert outcome.state.lines["Newsletter"].latest == {}
