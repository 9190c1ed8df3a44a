"""Several Actito profiles of one person: what they are known to hold together."""

from dataclasses import replace

import pytest

from consent_sync.domain.consent import Choice
from consent_sync.domain.events import ProfileReading
from consent_sync.domain.identity import Names
from consent_sync.domain.several import fold_profiles
from consent_sync.domain.state import LineState, PersonState, Several
from tests.domain.kit import (
    ACTITO,
    DIDOMI,
    NO,
    YES,
    a_context,
    a_person,
    a_reading,
    holds,
)
from tests.doubles.mappings import a_line

LINE = a_line()
FIRST, SECOND = Names("", "ann@example.com", "1042"), Names("", "ANN@example.com", "7")


def two(known: LineState, *uneven: str) -> PersonState:
    """Return a person with two profiles, uneven on these lines when last seen."""
    several = Several((SECOND,), (), frozenset(uneven))
    return a_person(LINE, known, names=FIRST, several=several)


def seen(first: bool, second: bool | None = None) -> ProfileReading:
    """Return what one or both profiles held in a look."""
    reading = a_reading(100, Newsletter=first)
    if second is None:
        return reading
    other = replace(a_reading(100, Newsletter=second), names=SECOND)
    return replace(reading, others=(other,))


@pytest.mark.parametrize(("uneven", "said"), [(("Newsletter",), False), ((), True)])
def test_what_the_profile_that_is_left_holds_is_no_choice_where_they_differed(
    uneven: tuple[str, ...], said: bool
) -> None:
    """Together they refused because of the one that has gone; the other's old yes is no news."""
    known = LineState(agreed={ACTITO: holds(NO, 0), DIDOMI: holds(NO, 0)})
    after = fold_profiles(two(known, *uneven), seen(True), (), a_context(now=200)).state
    line = after.lines["Newsletter"]

    assert (ACTITO in line.latest) is said
    assert line.agreed[ACTITO].choice is YES
    assert line.agreed[DIDOMI] == holds(NO, 0)
    assert after.several is None


@pytest.mark.parametrize(
    ("first", "second", "together", "uneven"),
    [
        (True, True, YES, frozenset()),
        (False, True, NO, {"Newsletter"}),
        (True, False, NO, {"Newsletter"}),
        (False, False, NO, frozenset()),
    ],
)
def test_profiles_hold_together_what_the_strictest_of_them_holds(
    first: bool, second: bool, together: Choice, uneven: frozenset[str]
) -> None:
    """Where they differ is remembered, and so are their names."""
    state = fold_profiles(
        a_person(LINE, LineState()), seen(first, second), (), a_context(now=200)
    ).state

    assert state.lines["Newsletter"].agreed[ACTITO].choice is together
    assert state.several == Several((SECOND,), (), frozenset(uneven))
