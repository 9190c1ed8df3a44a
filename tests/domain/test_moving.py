"""A mapping that moves to another place: what is forgotten, and what stays said."""

from dataclasses import replace

import pytest

from consent_sync.domain.consent import Choice, Pick, Word
from consent_sync.domain.identity import Names, Side
from consent_sync.domain.mapping import Place
from consent_sync.domain.moving import moved_to
from consent_sync.domain.state import HeldList, LineState, PersonState, Presence, Several
from tests.domain import kit
from tests.doubles.engine import Engine
from tests.doubles.mappings import EMAIL, a_line, a_mapping
from tests.doubles.platforms import Profile

ANN = "ann@example.com"
YES, NO, NONE = Choice.GRANTED, Choice.DENIED, Choice.NONE


async def refused_everywhere() -> Engine:
    """Ann agreed, and refused in Didomi later; both sides hold her no."""
    engine = Engine(a_mapping())
    engine.actito.profiles[ANN] = Profile("1042")
    engine.didomi.click(ANN, {EMAIL: YES})
    await engine.run()
    engine.clock.advance(600)
    engine.didomi.click(ANN, {EMAIL: NO})
    await engine.run()
    return engine


def test_the_first_place_is_taken_as_it_is() -> None:
    """A state from before places were remembered loses nothing."""
    state = PersonState(profile=Presence.PRESENT)
    mapping = a_mapping()

    assert moved_to(state, mapping) == replace(state, place=mapping.place)


async def test_what_another_table_holds_is_no_choice() -> None:
    """The new table lists her as subscribed; that is a first sight, and her refusal is written there."""
    engine = await refused_everywhere()
    engine.with_mapping(table="Members")
    engine.actito.profiles[ANN] = Profile("7", {"Newsletter": True})
    engine.clock.advance(600)

    engine.actito.click(ANN, "DailyDeals", subscribe=True)
    await engine.run()

    assert engine.didomi.holds(ANN, EMAIL) is NO
    assert engine.actito.profiles[ANN].subscriptions["Newsletter"] is False


async def test_another_organisation_knows_nothing_yet() -> None:
    """What the old organisation held is forgotten; what the person said is not."""
    engine = await refused_everywhere()
    state = engine.lane(ANN).state
    moved = moved_to(state, replace(engine.mapping, organization_id="other"))
    line = moved.lines["Newsletter"]

    assert (moved.user, moved.picks) == (Presence.UNKNOWN, {})
    assert Side.DIDOMI not in line.agreed
    assert line.latest == state.lines["Newsletter"].latest
    assert line.agreed[Side.ACTITO] == state.lines["Newsletter"].agreed[Side.ACTITO]


@pytest.mark.parametrize(("lifts", "stays"), [(("held_review actito",), False), ((), True)])
async def test_an_approval_does_not_move_along(lifts: tuple[str, ...], stays: bool) -> None:
    """It was given for what the old table was seen to hold; a rejection stands in the new one."""
    engine = await refused_everywhere()
    state = engine.lane(ANN).state
    line = replace(state.lines["Newsletter"], word=Word("ops", 0, lifts, "basis"))
    told = replace(state, lines={"Newsletter": line})

    moved = moved_to(told, replace(engine.mapping, table="Members"))

    assert (moved.lines["Newsletter"].word is not None) is stays


@pytest.mark.parametrize(
    ("left", "other"), [(Side.ACTITO, Side.DIDOMI), (Side.DIDOMI, Side.ACTITO)]
)
def test_all_that_was_learnt_of_the_old_place_is_forgotten_and_nothing_else(
    left: Side, other: Side
) -> None:
    """What was written, refused, repeated or given up there says nothing about the new place."""
    mapping = a_mapping()
    here = mapping.place
    line = LineState(
        latest={left: kit.said(left, YES, 0)},
        agreed={left: kit.holds(YES, 0), other: kit.holds(NO, 0)},
        refused_at={left: 1, other: 2},
        writes=(kit.wrote(left, YES, 0), kit.wrote(other, NO, 0)),
        failed={left: "gone", other: "wrong"},
        unshown={left: 2, other: 3},
        written_off=frozenset({left, other}),
    )
    place = Place(here.didomi, "old") if left is Side.ACTITO else Place("old", here.actito)
    moved = moved_to(kit.a_person(a_line(), line, place=place), mapping)

    assert moved.lines["Newsletter"] == replace(
        line,
        agreed={other: kit.holds(NO, 0)},
        refused_at={other: 2},
        writes=(kit.wrote(other, NO, 0),),
        failed={other: "wrong"},
        unshown={other: 3},
        written_off=frozenset({other}),
        shape=a_line().shape,
    )


def test_people_are_looked_up_anew_at_the_new_place() -> None:
    """A number of the old table may be somebody else's in the new one; spellings stay."""
    mapping = a_mapping()
    person = PersonState(
        names=Names("Ann@example.com", "ann@example.com", "1042"),
        profile=Presence.PRESENT,
        user=Presence.PRESENT,
        sent={"brand": "x"},
        picks={Pick("marketing", "topics"): HeldList(frozenset({"sport"}), 0)},
        several=Several((Names(profile_id="7"),)),
        place=Place("old", "old"),
    )
    moved = moved_to(person, mapping)

    assert moved == PersonState(
        names=Names("Ann@example.com", "ann@example.com"), place=mapping.place
    )


def test_a_place_that_was_not_known_is_no_other_place() -> None:
    """Nothing is forgotten where it is learnt for the first time."""
    person = PersonState(
        profile=Presence.PRESENT, user=Presence.PRESENT, names=Names(profile_id="1042")
    )
    moved = moved_to(person, a_mapping())

    assert moved == replace(person, place=a_mapping().place)
