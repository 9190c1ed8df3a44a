"""The guards in whole turns: agreements wait, refusals do not, and an operator can let them go."""

from typing import Any

import pytest

from consent_sync.domain.moments import HOUR
from consent_sync.domain.verdicts import Verdict
from consent_sync.services.guard import (
    FEW,
    MANY_CHANGES,
    MANY_CREATED,
    MANY_PEOPLE,
    MANY_RAISED,
    Counts,
    Guard,
    Limits,
)
from tests.doubles.platforms import Profile
from tests.histories.story import ANN, NO, YES, Story
from tests.histories.test_review import recomputed

BEN = "ben@example.com"


async def guarded(limits: Limits, *raised: int, **changes: Any) -> Story:
    """Return a story in which Ann has agreed on these lines, each in a turn of its own."""
    story = Story.start(**changes)
    story.engine.guard = Guard(limits)
    for at in raised:
        story.engine.clock.advance(5)
        story.click("didomi", story.lines[at], YES)
        await story.engine.run()
    return story


async def test_what_is_more_than_the_limit_is_held() -> None:
    """The first two agreements are carried over, the third waits and says why."""
    story = await guarded(Limits(raised=2), 0, 2, 3)
    [doubt] = story.engine.doubts(ANN)

    assert [story.holds(story.lines[at])[1] for at in (0, 2)] == [YES, YES]
    assert story.holds(story.lines[3])[1] is not YES
    assert (doubt.verdict, doubt.reason) == (Verdict.HELD_GUARD, MANY_RAISED)
    assert recomputed(story) == story.engine.lane(ANN).state


async def test_refusals_are_not_delayed_while_a_guard_holds() -> None:
    """In the very turn in which an agreement is held, the refusal beside it is written."""
    story = await guarded(Limits(raised=1), 0)
    engine = story.engine
    engine.clock.advance(5)
    story.click("didomi", story.lines[2], YES)
    story.click("didomi", story.lines[0], NO)
    engine.deliver_all()
    await engine.take(ANN)

    assert [one.line.id for one in engine.doubts(ANN)] == [story.lines[2].id]
    assert story.holds(story.lines[0]) == (NO, NO)


async def test_a_held_agreement_that_is_taken_back_is_simply_refused() -> None:
    """While it waits, the person's refusal goes out and nothing is held any more."""
    story = await guarded(Limits(raised=1), 0, 3)
    engine, line = story.engine, story.lines[3]
    engine.clock.advance(5)
    story.click("didomi", line, NO)
    await engine.run()

    assert engine.doubts(ANN) == ()
    assert story.holds(line) == (NO, NO)


@pytest.mark.parametrize("approve", [True, False])
async def test_an_operator_lets_it_go_or_not(approve: bool) -> None:
    """An approved one is raised although the window is full; a rejected one never is."""
    story = await guarded(Limits(raised=1), 0, 2)
    engine = story.engine
    engine.decide(ANN, *engine.doubts(ANN), approve=approve)
    await story.rest()

    assert engine.doubts(ANN) == ()
    assert (story.holds(story.lines[2])[1] is YES) is approve
    assert recomputed(story) == engine.lane(ANN).state


async def test_what_was_held_stays_held_when_the_window_is_empty_again() -> None:
    """Time alone lets nothing go; a new agreement after the window passes."""
    story = await guarded(Limits(raised=1, window=HOUR), 0, 2)
    engine = story.engine
    engine.clock.advance(4000)
    story.click("didomi", story.lines[3], YES)
    await engine.run()

    assert [one.line.id for one in engine.doubts(ANN)] == [story.lines[2].id]
    assert story.holds(story.lines[3]) == (YES, YES)


async def test_too_many_created_profiles_wait() -> None:
    """A profile is not made for an agreement beyond the limit, and for a refusal it is."""
    story = await guarded(Limits(created=1), upsert_mode=True, profile=False)
    engine, line = story.engine, story.lines[0]
    engine.didomi.click(ANN, {line.node: YES})
    await engine.run()
    engine.clock.advance(5)
    engine.didomi.click(BEN, {line.node: YES})
    await engine.run()

    assert isinstance(engine.actito.profiles[ANN], Profile)
    assert BEN not in engine.actito.profiles
    assert [one.reason for one in engine.doubts(BEN)] == [MANY_CREATED]
    engine.didomi.click("cem@example.com", {line.node: NO})
    await engine.run()
    assert "cem@example.com" in engine.actito.profiles


async def test_a_line_that_is_changed_again_and_again_is_parked() -> None:
    """Within an hour the fourth change is a refusal still, and the agreement after it waits."""
    story = await guarded(Limits(changes=4))
    engine, line = story.engine, story.lines[0]
    for choice in (YES, NO, YES, NO, YES):
        engine.clock.advance(10)
        story.click("didomi", line, choice)
        await engine.run()

    assert story.holds(line)[1] is NO
    assert [one.reason for one in engine.doubts(ANN)] == [MANY_CHANGES]
    engine.clock.advance(4000)
    story.click("didomi", line, NO)
    await engine.run()
    engine.clock.advance(10)
    story.click("didomi", line, YES)
    await engine.run()
    assert story.holds(line) == (YES, YES)


async def everybody_agrees(story: Story, people: int, *, known_for: float) -> int:
    """Let so many people agree whom we have known for so long; return how many are held."""
    engine = story.engine
    names = [f"person-{number}@example.com" for number in range(people)]
    for name in names:
        engine.actito.profiles[name] = Profile(name)
        engine.didomi.click(name, {story.lines[3].node: NO})
    await engine.run()
    engine.clock.advance(known_for)
    for name in names:
        engine.didomi.click(name, {story.lines[0].node: YES})
    await engine.run()
    return sum(bool(engine.doubts(name)) for name in names)


async def test_a_share_of_the_people_is_the_limit() -> None:
    """Of those we knew before, no more than the share are raised; the others wait and say why."""
    story = await guarded(Limits(raised_share=0.5))
    story.engine.guard.known = {story.engine.mapping.name: 500}
    held = await everybody_agrees(story, 255, known_for=4000)

    assert held == 5
    assert story.engine.doubts("person-254@example.com")[0].reason == MANY_PEOPLE


async def test_few_people_are_never_too_many_for_a_share() -> None:
    """On a small list a share is nobody at all; nor does it matter before people were counted."""
    story = await guarded(Limits(raised_share=0.01))

    assert await everybody_agrees(story, FEW, known_for=4000) == 0
    assert story.engine.guard.let_through(story.engine.mapping.name).people == FEW


async def test_newcomers_do_not_count_for_the_share() -> None:
    """A list that grows is not a list that is changed: those of the last hour pass."""
    story = await guarded(Limits(raised_share=0.01))

    assert await everybody_agrees(story, FEW + 20, known_for=60) == 0
    assert story.engine.guard.let_through(story.engine.mapping.name).people == 0


async def test_one_person_counts_once_for_the_share() -> None:
    """Several lines of one person are one person."""
    story = await guarded(Limits(raised_share=0.01))
    story.click("didomi", story.lines[0], NO)
    await story.engine.run()
    story.engine.clock.advance(4000)
    for at in (0, 2, 3):
        story.click("didomi", story.lines[at], YES)
        await story.engine.run()
        story.engine.clock.advance(5)

    assert story.engine.guard.let_through(story.engine.mapping.name).people == 1


async def test_refusals_are_not_delayed_while_a_share_holds() -> None:
    """Hundreds wait, and whoever refuses is refused in the same turn."""
    story = await guarded(Limits(raised_share=0.01))
    engine, line = story.engine, story.lines[0]
    await everybody_agrees(story, FEW + 3, known_for=4000)
    engine.clock.advance(5)
    for name in ("person-0@example.com", f"person-{FEW + 2}@example.com"):
        engine.didomi.click(name, {line.node: NO})
    await engine.run()

    held = [engine.actito.profiles[f"person-{one}@example.com"] for one in (0, FEW + 2)]
    assert [one.subscriptions[line.id] for one in held] == [False, False]


async def test_created_profiles_have_a_share_too() -> None:
    """What other processes created counts as well."""
    story = await guarded(Limits(created_share=0.01), upsert_mode=True, profile=False)
    engine, name = story.engine, story.engine.mapping.name
    engine.guard.others = {name: Counts(created=FEW)}
    engine.didomi.click(ANN, {story.lines[0].node: YES})
    await engine.run()

    assert [one.reason for one in engine.doubts(ANN)] == [MANY_CREATED]
    engine.guard.known = {name: FEW * 1000}
    engine.didomi.click(BEN, {story.lines[0].node: YES})
    await engine.run()
    assert BEN in engine.actito.profiles
