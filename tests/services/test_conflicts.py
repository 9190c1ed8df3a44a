"""Two choices of which nobody knows the last: the refusal counts, and a person may decide."""

import pytest

from consent_sync.domain.lines import Context
from consent_sync.domain.mapping import SyncMode
from consent_sync.domain.review import Doubt, conflicts
from consent_sync.domain.verdicts import Verdict
from tests.doubles.mappings import EMAIL, a_line
from tests.histories.story import ANN, NO, YES, Story
from tests.histories.test_review import recomputed


def conflicts_in(story: Story) -> tuple[Doubt, ...]:
    """Return what of Ann a person could settle."""
    engine = story.engine
    context = Context(engine.subject(ANN), engine.mapping, engine.rules, engine.clock.now())
    return conflicts(engine.lane(ANN).state, context)


async def at_odds(first: str = "didomi", sync: SyncMode = SyncMode.TWO_WAY) -> Story:
    """Return a story in which Ann agreed in Didomi and refused in Actito, minutes apart."""
    story = Story.start(a_line("Newsletter", EMAIL, sync=sync))
    line, engine = story.lines[0], story.engine
    # Both sides are known, and on Actito's nobody has looked for a while.
    story.click("didomi", line, NO)
    await engine.run()
    story.click("didomi", line, YES)
    await engine.run()
    engine.clock.advance(4000)
    for side in (first, "actito" if first == "didomi" else "didomi"):
        story.click(side, line, YES if side == "didomi" else NO)
        engine.clock.advance(60)
    await engine.run()
    return story


@pytest.mark.parametrize("first", ["didomi", "actito"])
async def test_it_is_shown_and_nothing_of_it_waits(first: str) -> None:
    """The refusal is on both sides at once; what could be decided is told beside it."""
    story = await at_odds(first)
    line = story.lines[0]
    [found] = conflicts_in(story)

    assert story.holds(line) == (NO, NO)
    assert story.engine.doubts(ANN) == ()
    assert (found.verdict, found.side.value) == (Verdict.CONFLICT_STRICTEST, "actito")


async def test_who_says_that_the_agreement_came_last_raises_it() -> None:
    """Both sides are looked at and raised; nothing is left to decide, and the ledger agrees."""
    story = await at_odds()
    line, engine = story.lines[0], story.engine
    engine.decide(ANN, *conflicts_in(story), approve=True)
    await engine.run()
    await story.rest()

    assert story.holds(line) == (YES, YES)
    assert conflicts_in(story) == ()
    assert recomputed(story) == engine.lane(ANN).state


async def test_who_lets_the_refusal_stand_is_not_asked_again() -> None:
    """It reads as decided from then on."""
    story = await at_odds()
    engine = story.engine
    engine.decide(ANN, *conflicts_in(story), approve=False)
    await engine.run()

    assert story.holds(story.lines[0]) == (NO, NO)
    assert conflicts_in(story) == ()
    assert "an operator decided that the refusal stands" in {
        entry.reason for entry in engine.entries(ANN)
    }


@pytest.mark.parametrize("side", ["didomi", "actito"])
async def test_a_refusal_said_once_more_before_the_word_wins(side: str) -> None:
    """What was looked at was an older refusal, even where saying it again changed nothing."""
    story = await at_odds()
    line, engine = story.lines[0], story.engine
    found = conflicts_in(story)
    engine.clock.advance(4000)
    story.click(side, line, NO)
    await engine.run()
    engine.decide(ANN, *found, approve=True)
    await engine.run()

    assert story.holds(line) == (NO, NO)


@pytest.mark.parametrize("side", ["didomi", "actito"])
async def test_a_refusal_after_the_word_wins(side: str) -> None:
    """A decision is about what had been said until then."""
    story = await at_odds()
    line, engine = story.lines[0], story.engine
    engine.decide(ANN, *conflicts_in(story), approve=True)
    await engine.run()
    engine.clock.advance(4000)
    story.click(side, line, NO)
    await engine.run()

    assert story.holds(line) == (NO, NO)


async def test_a_strict_line_leaves_nothing_to_decide() -> None:
    """There only the side that refused can take it back."""
    story = await at_odds(sync=SyncMode.TWO_WAY_STRICT)

    assert story.holds(story.lines[0]) == (NO, NO)
    assert conflicts_in(story) == ()
