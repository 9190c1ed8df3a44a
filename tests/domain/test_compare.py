"""Two sides beside each other: what counts as a difference, and what would be done about it."""

import pytest

from consent_sync.domain.compare import (
    Difference,
    Gap,
    Sides,
    differences,
    emptied,
    gap,
    held_in_didomi,
    shown_choices,
)
from consent_sync.domain.consent import Choice, ConsentTree, Pick
from consent_sync.domain.events import (
    ProfileMissing,
    ProfileReading,
    UserMissing,
    UserReading,
)
from consent_sync.domain.identity import Names
from consent_sync.domain.lines import line_state
from consent_sync.domain.mapping import Line, Mapping, SyncMode
from consent_sync.domain.state import LineState, PersonState, Presence
from consent_sync.domain.verdicts import Verdict
from tests.domain.kit import (
    ACTITO,
    DIDOMI,
    NO,
    NONE,
    YES,
    a_context,
    a_person,
    a_snapshot,
    at,
    holds,
    received,
)
from tests.doubles.mappings import EMAIL, SPORT, a_line, a_mapping

NAMES = Names("ann@example.com", "ann@example.com", "1042")


def a_user(choice: Choice, updated: float = -5_000) -> UserReading:
    nodes = {} if choice is NONE else {EMAIL: choice}
    return UserReading(at(0), at(1), at(updated), ConsentTree(nodes))


def a_profile(choice: Choice) -> ProfileReading:
    subscriptions = {} if choice is NONE else {"Newsletter": choice is YES}
    return ProfileReading(at(0), at(1), NAMES, subscriptions)


def compared(
    didomi: Choice, actito: Choice, mapping: Mapping | None = None, state: PersonState | None = None
) -> tuple[Difference, ...]:
    nodes = {} if didomi is NONE else {EMAIL: didomi}
    shown = received(a_snapshot(-5_000, nodes), 2)
    sides = Sides((a_user(didomi),), a_profile(actito))
    known = state or PersonState(names=NAMES)
    return differences(known, [shown], sides, a_context(mapping, now=2))


@pytest.mark.parametrize("choice", Choice)
def test_equal_sides_are_no_difference(choice: Choice) -> None:
    """Nothing is proposed where both hold the same, whoever they are."""
    assert compared(choice, choice) == ()


def test_an_agreement_beside_a_refusal_of_unknown_age_is_held() -> None:
    """Nobody can say which came last, so the refusal stays and a person decides."""
    [one] = compared(YES, NO)

    assert (one.didomi, one.actito) == (YES, NO)
    assert (one.verdict, one.writes) == (Verdict.HELD_REVIEW, ())


def test_a_refusal_in_didomi_is_brought_to_actito() -> None:
    """What Didomi shows as refused is refused, and Actito is to be lowered."""
    [one] = compared(NO, YES)

    assert (one.proposed, one.verdict, one.writes) == (NO, Verdict.APPLIED, (ACTITO,))


def test_an_agreement_that_only_actito_shows_is_nobodys_word() -> None:
    """It differs and is told, but a first sight is no statement: nothing is written."""
    [one] = compared(NONE, YES)

    assert (one.proposed, one.writes) == (NONE, ())
    assert "nobody is known" in one.reason


def test_a_lost_refusal_in_actito_is_brought_to_didomi() -> None:
    """Both were known to agree; what Actito shows now was chosen there since."""
    line = a_line()
    state = a_person(
        line,
        LineState(agreed={DIDOMI: holds(YES, -5_000), ACTITO: holds(YES, -4_000)}),
        names=NAMES,
    )
    [one] = compared(YES, NO, state=state)

    assert (one.proposed, one.writes) == (NO, (DIDOMI,))
    assert one.believed[ACTITO].choice is YES


def test_a_refusal_beside_nothing_differs_only_where_it_must_be_written() -> None:
    """A refusal that Didomi tells of goes to Actito; one that only Actito lists says nothing new."""
    assert [one.writes for one in compared(NO, NONE)] == [(ACTITO,)]
    assert compared(NONE, NO) == ()


@pytest.mark.parametrize(
    ("sync", "didomi", "actito", "told"),
    [
        (SyncMode.OFF, YES, NO, False),
        (SyncMode.TO_ACTITO, NONE, YES, False),
        (SyncMode.TO_DIDOMI, YES, NONE, False),
        (SyncMode.TO_ACTITO, YES, NONE, True),
        (SyncMode.TO_DIDOMI, NONE, YES, True),
        (SyncMode.TO_ACTITO, NO, YES, True),
    ],
)
def test_a_line_that_flows_one_way_may_differ_by_design(
    sync: SyncMode, didomi: Choice, actito: Choice, told: bool
) -> None:
    """Only what should have flowed, and did not, is a difference."""
    mapping = a_mapping(a_line(sync=sync))

    assert bool(compared(didomi, actito, mapping)) is told


def test_an_option_is_compared_by_its_list() -> None:
    """An option that stands in Didomi's list and not in Actito differs."""
    line = Line("SportNews", SPORT)
    tree = ConsentTree({}, {Pick("marketing", "topics"): frozenset({"sport"})})
    user = UserReading(at(0), at(1), at(-9), tree)
    sides = Sides((user,), ProfileReading(at(0), at(1), NAMES, {"SportNews": False}))

    assert shown_choices(line, sides) == (YES, NO)
    assert gap(sides, a_mapping(line)) is Gap.STRONG


def test_of_several_users_the_refusal_counts() -> None:
    """One person with two Didomi users holds a no when one of them does."""
    sides = Sides((a_user(YES), a_user(NO)), a_profile(YES))

    assert shown_choices(a_line(), sides) == (NO, YES)


def test_who_has_no_profile_differs_only_where_one_would_be_made() -> None:
    """Without upsert mode nothing is proposed; with it the profile is to be created."""
    shown = received(a_snapshot(-5, {EMAIL: YES}), 2)
    sides = Sides((a_user(YES),), ProfileMissing(at(1)))

    def found(*, upsert: bool) -> list[tuple[object, ...]]:
        context = a_context(a_mapping(upsert_mode=upsert), now=2)
        return [one.writes for one in differences(PersonState(), [shown], sides, context)]

    assert found(upsert=False) == []
    assert found(upsert=True) == [(ACTITO,)]


def test_who_is_gone_from_didomi_is_nothing_to_write() -> None:
    """A deletion is no choice."""
    sides = Sides((UserMissing(at(1)),), a_profile(YES))
    state = a_person(a_line(), LineState(agreed={DIDOMI: holds(YES, -9), ACTITO: holds(YES, -9)}))

    assert differences(state, [], sides, a_context(now=2)) == ()


def test_a_cheap_look_tells_refusals_beside_nothing_apart() -> None:
    """An agreement on one side only is strong; a refusal beside nothing is weak."""
    strong = Sides((a_user(YES),), a_profile(NONE))
    weak = Sides((a_user(NO),), a_profile(NONE))

    assert gap(strong, a_mapping()) is Gap.STRONG
    assert gap(weak, a_mapping()) is Gap.WEAK
    assert gap(Sides((a_user(NO),), a_profile(NO)), a_mapping()) is Gap.NONE
    assert gap(strong, a_mapping(a_line(sync=SyncMode.OFF))) is Gap.NONE


def test_emptied_is_who_held_something_and_shows_nothing() -> None:
    """A missing record or one without any mapped choice counts, where more was known of that side."""
    held = {ACTITO: holds(YES, -9), DIDOMI: holds(YES, -9)}
    known, mapping = a_person(a_line(), LineState(agreed=held)), a_mapping()
    missing = Sides((UserMissing(at(1)),), ProfileMissing(at(1)))

    assert emptied(known, missing, mapping) == (DIDOMI, ACTITO)
    assert emptied(known, Sides((a_user(NONE),), a_profile(NONE)), mapping) == (DIDOMI, ACTITO)
    assert emptied(known, Sides((a_user(NO),), a_profile(NONE)), mapping) == (ACTITO,)
    assert emptied(known, Sides((a_user(NONE), a_user(NO)), a_profile(NO)), mapping) == ()
    assert emptied(PersonState(), missing, mapping) == ()


def test_who_was_known_in_didomi_had_a_choice_there() -> None:
    """A user without any known choice is missed by nobody."""
    known = a_person(a_line(), LineState(agreed={DIDOMI: holds(YES, -9)}))
    without = a_person(a_line(), LineState(), user=Presence.PRESENT)

    assert held_in_didomi(known, a_mapping())
    assert not held_in_didomi(without, a_mapping())
    assert line_state(known, a_line()).agreed[DIDOMI].choice is YES
