"""What a load may tell of a person: refusals, and of a file only what is news somewhere."""

from dataclasses import replace

import pytest

from consent_sync.domain.compare import Sides
from consent_sync.domain.consent import Choice, ConsentTree
from consent_sync.domain.events import LoadedChoices, ProfileMissing, ProfileReading, UserMissing
from consent_sync.domain.identity import Names
from consent_sync.domain.loads import loadable, refused_subscriptions, without_held
from consent_sync.domain.state import LineState, PersonState
from tests.domain.kit import (
    ACTITO,
    NO,
    NONE,
    YES,
    a_person,
    a_reading,
    a_user_reading,
    at,
    holds,
)
from tests.doubles.mappings import EMAIL, MARKETING, a_line, a_mapping

LINE, OTHER = a_line(), a_line("Marketing", MARKETING)
NOBODY_THERE = UserMissing(at(1))
NO_PROFILE = ProfileMissing(at(1))
SUBSCRIBED, UNSUBSCRIBED = a_reading(0, Newsletter=True), a_reading(0, Newsletter=False)


def a_row(**choices: Choice) -> LoadedChoices:
    return LoadedChoices(Names(actito_key="ann@example.com"), choices, at(-9), at(-9))


@pytest.mark.parametrize(
    ("chosen", "didomi", "actito", "more", "told"),
    [
        (YES, YES, SUBSCRIBED, {}, False),
        (YES, NO, SUBSCRIBED, {}, True),
        (YES, YES, UNSUBSCRIBED, {}, True),
        (NO, NO, UNSUBSCRIBED, {}, False),
        (NO, YES, UNSUBSCRIBED, {}, True),
        (YES, YES, a_reading(0), {}, True),
        (YES, None, SUBSCRIBED, {}, False),
        (YES, None, SUBSCRIBED, {"create_in_didomi": True}, True),
        (YES, YES, SUBSCRIBED, {"create_in_didomi": True}, False),
        (YES, YES, NO_PROFILE, {}, False),
        (YES, YES, NO_PROFILE, {"upsert_mode": True}, True),
        (YES, YES, replace(SUBSCRIBED, others=(SUBSCRIBED,)), {}, False),
        (YES, YES, replace(SUBSCRIBED, others=(UNSUBSCRIBED,)), {}, True),
        (NONE, YES, SUBSCRIBED, {}, False),
    ],
)
def test_of_a_row_only_what_a_side_does_not_hold_is_told(
    chosen: Choice,
    didomi: Choice | None,
    actito: ProfileReading | ProfileMissing,
    more: dict[str, bool],
    told: bool,
) -> None:
    """A side that lacks the person counts only where the mapping file makes people there."""
    seen = NOBODY_THERE if didomi is None else a_user_reading(0, {EMAIL: didomi})
    row = without_held(
        a_row(Newsletter=chosen),
        Sides((seen,), actito),
        a_mapping(LINE, OTHER, **{"upsert_mode": False, "create_in_didomi": False, **more}),
    )

    assert row.choices == ({"Newsletter": chosen} if told else {})


def test_only_refusals_of_lines_never_read_before_are_loaded_from_a_profile() -> None:
    """What stands before them in the file and is not listed, or is known, hinders nothing."""
    third, fourth = a_line("Known", MARKETING), a_line("Deals", MARKETING)
    mapping = a_mapping(OTHER, third, LINE, fourth)
    person = a_person(third, LineState(agreed={ACTITO: holds(YES, 0)}))
    seen = a_reading(0, Known=False, Newsletter=False, Deals=True)

    assert refused_subscriptions(person, seen, mapping) == {"Newsletter": False}


@pytest.mark.parametrize(
    ("may_raise", "dated", "whole"),
    [(True, 5, True), (True, None, False), (False, 5, False), (False, None, False)],
)
def test_without_leave_or_date_a_user_tells_only_of_refusals(
    may_raise: bool, dated: float | None, whole: bool
) -> None:
    """With both of them everything is told."""
    seen = a_user_reading(9, {EMAIL: YES, MARKETING: NO}, dated=dated)
    refusals = ConsentTree({MARKETING: NO})

    assert loadable(seen, may_raise=may_raise) == (seen.tree if whole else refusals)


def test_nobody_known_and_nothing_listed_loads_nothing() -> None:
    """An empty profile refuses nothing."""
    assert refused_subscriptions(PersonState(), a_reading(0), a_mapping()) == {}
