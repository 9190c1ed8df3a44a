"""What speaks against raising a side, and what an operator's word lifts of it."""

from dataclasses import replace
from typing import Any

import pytest

from consent_sync.domain.consent import Guarded, Word
from consent_sync.domain.identity import Desk, Names, Side
from consent_sync.domain.raising import (
    RELEASED,
    SEVERAL_PROFILES,
    SEVERAL_USERS,
    UNEVEN_PROFILES,
    Step,
    raise_step,
)
from consent_sync.domain.state import LineState, Several
from consent_sync.domain.verdicts import Verdict
from consent_sync.domain.words import conflict_of, doubt_of, statements_of
from tests.domain.kit import ACTITO, DIDOMI, NO, YES, a_context, a_person, holds, said
from tests.doubles.mappings import a_line

LINE = a_line()
BOTH = frozenset({DIDOMI, ACTITO})
AGREES = LineState(latest={DIDOMI: said(DIDOMI, YES, 0)})
UNFITTING = LineState(latest={ACTITO: said(ACTITO, YES, 0)}, agreed={ACTITO: holds(NO, 9)})
TWINS = Several((Names("", "ANN@example.com", "7"),))
UNEVEN = replace(TWINS, uneven=frozenset({"Newsletter"}))
LATE = LineState(
    latest={DIDOMI: said(DIDOMI, YES, 0, delay=301)},
    agreed={ACTITO: holds(NO, 9)},
    refused_at={ACTITO: said(ACTITO, NO, 9).not_after},
)


def step(side: Side, known: LineState, **person: Any) -> Step:
    """Return what is done to raise a side that was just read."""
    return raise_step(side, LINE, known, a_person(LINE, known, **person), a_context(now=60), BOTH)


def after_word(known: LineState, *lifts: str) -> LineState:
    return replace(known, word=Word("eve", 0, lifts, statements_of(known)))


def test_a_rejected_agreement_is_not_carried_over() -> None:
    """On no side."""
    assert step(ACTITO, after_word(AGREES)) == Step(
        ACTITO,
        verdict=Verdict.CONFLICT_STRICTEST,
        reason="an operator rejected this agreement; it is not carried over",
    )


def test_nobody_is_raised_by_their_own_word() -> None:
    """What was said there holds there already."""
    assert step(DIDOMI, AGREES) == Step(
        DIDOMI, reason="an agreement is raised on a side only by the other side's word"
    )


@pytest.mark.parametrize(
    ("side", "known", "person", "reason"),
    [
        (ACTITO, AGREES, {}, ""),
        (ACTITO, AGREES, {"several": TWINS}, SEVERAL_PROFILES),
        (ACTITO, AGREES, {"several": Several((), TWINS.twins)}, ""),
        (ACTITO, AGREES, {"spellings": ("a", "b")}, ""),
        (DIDOMI, replace(UNFITTING, agreed={}), {"spellings": ("a", "b")}, SEVERAL_USERS),
        (DIDOMI, replace(UNFITTING, agreed={}), {"spellings": ("a",)}, ""),
        (DIDOMI, replace(UNFITTING, agreed={}), {"several": TWINS}, ""),
        (DIDOMI, replace(UNFITTING, agreed={}), {"several": UNEVEN}, UNEVEN_PROFILES),
    ],
)
def test_an_agreement_waits_where_nobody_knows_whom_it_reaches(
    side: Side, known: LineState, person: dict[str, Any], reason: str
) -> None:
    """Several people on the side to be raised, or profiles that do not hold the same."""
    verdict = Verdict.AMBIGUOUS_PERSON if reason else Verdict.APPLIED
    expected = Step(side, write=not reason, verdict=verdict, reason=reason)

    assert step(side, known, **person) == expected


@pytest.mark.parametrize(
    ("side", "approved", "person", "goes"),
    [
        (ACTITO, ACTITO, {"several": TWINS}, True),
        (ACTITO, DIDOMI, {"several": TWINS}, False),
        (DIDOMI, DIDOMI, {"spellings": ("a", "b")}, True),
        (DIDOMI, ACTITO, {"spellings": ("a", "b")}, False),
        (DIDOMI, ACTITO, {"several": UNEVEN}, True),
        (DIDOMI, DIDOMI, {"several": UNEVEN}, True),
    ],
)
def test_an_approval_says_that_all_of_them_are_meant(
    side: Side, approved: Side, person: dict[str, Any], goes: bool
) -> None:
    """It counts for the side that it was given for, and of uneven profiles for both."""
    known = AGREES if side is ACTITO else replace(UNFITTING, agreed={})
    known = after_word(known, doubt_of(Verdict.AMBIGUOUS_PERSON, approved))

    assert step(side, known, **person).write is goes


def test_a_refusal_that_does_not_fit_waits_for_a_word() -> None:
    """Approved, it is written as released."""
    waits = step(ACTITO, UNFITTING)
    goes = step(ACTITO, after_word(UNFITTING, doubt_of(Verdict.HELD_REVIEW, ACTITO)))
    other = step(ACTITO, after_word(UNFITTING, doubt_of(Verdict.HELD_REVIEW, DIDOMI)))

    assert waits == Step(
        ACTITO,
        verdict=Verdict.HELD_REVIEW,
        reason="Actito holds a refusal that does not fit what the person said there",
    )
    assert goes == Step(ACTITO, write=True, verdict=Verdict.APPLIED, reason=RELEASED)
    assert not other.write


def test_a_conflict_that_was_decided_releases_what_waits() -> None:
    """The operator said that the agreement came last."""
    assert step(ACTITO, after_word(UNFITTING, conflict_of(UNFITTING))).reason == RELEASED


def test_a_late_agreement_waits_for_a_word() -> None:
    """The side to be raised was seen refused since it was given."""
    assert step(ACTITO, LATE) == Step(
        ACTITO,
        verdict=Verdict.HELD_REVIEW,
        reason="a late agreement; Actito was seen refused since it may have been given",
    )
    assert step(ACTITO, after_word(LATE, doubt_of(Verdict.HELD_REVIEW, ACTITO))).write


@pytest.mark.parametrize("holder", [ACTITO, DIDOMI])
def test_a_loaded_agreement_beside_a_refusal_of_unknown_age_waits(holder: Side) -> None:
    """Whichever side holds it."""
    loaded = replace(said(DIDOMI, YES, 0), side=Desk.FILE)
    known = LineState(latest={Desk.FILE: loaded}, agreed={holder: holds(NO, -9)})
    waits = step(ACTITO, known)

    assert (waits.verdict, waits.write) == (Verdict.HELD_REVIEW, False)
    assert waits.reason == (
        f"a loaded agreement, while {holder.capitalize()} holds a refusal of unknown age"
    )


def test_what_a_guard_holds_waits_with_its_reason() -> None:
    """Until it is approved for that side, or something new is said."""
    known = replace(AGREES, guarded=Guarded(statements_of(AGREES), "too many at once"))
    other = replace(AGREES, guarded=Guarded("older", "too many at once"))
    released = after_word(known, doubt_of(Verdict.HELD_GUARD, ACTITO))

    assert step(ACTITO, known) == Step(
        ACTITO, verdict=Verdict.HELD_GUARD, reason="too many at once"
    )
    assert step(ACTITO, other).write
    assert step(ACTITO, released).write
