"""What both sides ought to hold, from what was said on each and when."""

from dataclasses import replace

import pytest

from consent_sync.domain.consent import Choice, Statement, Word
from consent_sync.domain.desired import Desired, desired_choice
from consent_sync.domain.identity import Side, Source
from consent_sync.domain.mapping import SyncMode
from consent_sync.domain.moments import OPEN, SECOND, Micros
from consent_sync.domain.rules import Rules
from consent_sync.domain.state import LineState
from consent_sync.domain.words import conflict_of, statements_of
from tests.domain import kit
from tests.doubles.mappings import a_line

YES, NO, NONE = Choice.GRANTED, Choice.DENIED, Choice.NONE
DIDOMI, ACTITO = Side.DIDOMI, Side.ACTITO
Said = tuple[Side, Choice, Micros, Micros]


def said(side: Side, choice: Choice, after: float | None, until: float) -> Said:
    """Somebody chose on a side, after one second of the story and until another."""
    return side, choice, OPEN if after is None else int(after * SECOND), int(until * SECOND)


@pytest.mark.parametrize(
    ("mode", "story", "ends"),
    [
        (SyncMode.TWO_WAY, [], NONE),
        (SyncMode.TWO_WAY, [said(DIDOMI, YES, 10, 10)], YES),
        (SyncMode.TWO_WAY, [said(DIDOMI, NO, 10, 10)], NO),
        (SyncMode.TWO_WAY, [said(ACTITO, YES, None, 10)], YES),
        (SyncMode.TWO_WAY, [said(DIDOMI, NO, 10, 10), said(ACTITO, NO, 5, 20)], NO),
        (SyncMode.TWO_WAY, [said(DIDOMI, NO, 10, 10), said(ACTITO, YES, 20, 25)], YES),
        (SyncMode.TWO_WAY, [said(DIDOMI, NO, 10, 10), said(ACTITO, YES, 5, 25)], NO),
        (SyncMode.TWO_WAY, [said(DIDOMI, NO, 10, 10), said(ACTITO, YES, None, 25)], NO),
        (SyncMode.TWO_WAY, [said(DIDOMI, YES, 10, 10), said(ACTITO, NO, 1, 7)], YES),
        (SyncMode.TWO_WAY, [said(DIDOMI, YES, 10, 10), said(ACTITO, NO, 1, 8)], NO),
        (SyncMode.TWO_WAY, [said(DIDOMI, YES, 10, 10), said(ACTITO, NO, 1, 20)], NO),
        (SyncMode.TWO_WAY_STRICT, [said(DIDOMI, NO, 10, 10), said(ACTITO, YES, 90, 95)], NO),
        (SyncMode.TWO_WAY_STRICT, [said(DIDOMI, YES, 90, 90), said(ACTITO, NO, 1, 2)], NO),
        (SyncMode.TWO_WAY_STRICT, [said(DIDOMI, YES, 90, 90), said(ACTITO, YES, 1, 2)], YES),
    ],
)
def test_what_both_sides_ought_to_hold(mode: SyncMode, story: list[Said], ends: Choice) -> None:
    """A yes wins only when it is certainly newer; an unknown time is early for a yes, late for a no."""
    latest: dict[Source, Statement] = {
        side: Statement(f"{side}", side, choice, after, until, until, 0, "told")
        for side, choice, after, until in story
    }

    assert desired_choice(a_line(sync=mode), LineState(latest=latest), Rules()).choice is ends


# --- what an operator made of it -----------------------------------------------------------------

NOBODY_KNOWS = LineState(latest={DIDOMI: kit.said(DIDOMI, NO, 0), ACTITO: kit.said(ACTITO, YES, 1)})


def decided(known: LineState, *lifts: str) -> Desired:
    """Return what is wanted after an operator's word on these very statements."""
    word = Word("eve", kit.at(9), lifts, statements_of(known))
    return desired_choice(a_line(), replace(known, word=word), Rules())


def test_of_two_choices_of_which_nobody_knows_the_last_the_refusal_counts() -> None:
    """It is a conflict that a person could settle."""
    ends = desired_choice(a_line(), NOBODY_KNOWS, Rules())

    assert (ends.choice, ends.conflict, ends.undecided) == (NO, True, True)


def test_an_operator_may_say_that_the_agreement_came_last() -> None:
    """Then there is no conflict left, and the reason says whose decision it was."""
    ends = decided(NOBODY_KNOWS, conflict_of(NOBODY_KNOWS))

    assert ends == Desired(YES, "an operator decided that the agreement came last")


def test_an_operator_may_say_that_the_refusal_stands() -> None:
    """Then nothing is left to decide."""
    ends = decided(NOBODY_KNOWS)

    assert ends == Desired(NO, "an operator decided that the refusal stands", conflict=True)


def test_a_word_about_another_doubt_settles_no_conflict() -> None:
    """It stays undecided."""
    assert decided(NOBODY_KNOWS, "late_event didomi").undecided


def test_a_rejected_agreement_leaves_the_refusals_that_are_held() -> None:
    """The sides that hold one are named; where none does, the agreement goes on being wanted."""
    agreed = LineState(latest={DIDOMI: kit.said(DIDOMI, YES, 0)})
    refused = replace(agreed, agreed={ACTITO: kit.holds(NO, -9), DIDOMI: kit.holds(YES, 0)})

    assert decided(agreed).choice is YES
    assert decided(refused) == Desired(
        NO,
        "an operator rejected the agreement; the refusal in Actito stands",
        conflict=True,
    )
