"""Held lines and an operator's word, in whole turns between two worlds."""

import pytest

from consent_sync.domain.events import ProfileReading
from consent_sync.domain.identity import Normalise
from consent_sync.domain.verdicts import Verdict
from tests.histories.story import ANN, NO, YES, Story
from tests.histories.test_review import recomputed


async def a_late_yes() -> Story:
    """Return a story in which Ann's yes in Didomi came late, beside a no in Actito."""
    story = Story.start()
    line = story.lines[0]
    story.click("actito", line, NO)
    await story.engine.run()
    story.engine.clock.advance(5)
    story.click("didomi", line, YES)
    story.engine.clock.advance(900)
    # A second sight of the refusal, later than the yes.
    story.engine.actito.click(ANN, "Other", subscribe=True)
    await story.engine.run()
    return story


async def test_an_approved_agreement_is_raised() -> None:
    """The doubt is lifted, the side is looked at once more, and the yes is written."""
    story = await a_late_yes()
    line, engine = story.lines[0], story.engine
    [doubt] = engine.doubts(ANN)
    before = len(engine.lane(ANN).records)
    engine.decide(ANN, doubt, approve=True)
    await engine.run()

    assert story.holds(line) == (YES, YES)
    facts = [one for record in engine.lane(ANN).records[before:] for one in record.facts]
    assert any(isinstance(one, ProfileReading) for one in facts)
    assert engine.doubts(ANN) == ()
    reasons = [entry.reason for entry in engine.entries(ANN)]
    assert any(one.startswith("approved by the operator olga: ") for one in reasons)
    assert any("released by an operator" in one for one in reasons)


async def test_a_rejected_agreement_is_lowered_and_stays_so() -> None:
    """The refusal stands on both sides, visibly, however often a turn comes by."""
    story = await a_late_yes()
    line, engine = story.lines[0], story.engine
    engine.decide(ANN, *engine.doubts(ANN), approve=False)
    await engine.run()
    await story.rest()

    assert story.holds(line) == (NO, NO)
    assert engine.doubts(ANN) == ()
    entry = next(one for one in reversed(engine.entries(ANN)) if "rejected by" in one.reason)
    assert entry.verdict is Verdict.CONFLICT_STRICTEST
    assert recomputed(story) == engine.lane(ANN).state


@pytest.mark.parametrize("side", ["didomi", "actito"])
async def test_a_newer_yes_ends_a_rejection(side: str) -> None:
    """What was rejected were those statements; a new choice of the person counts as always."""
    story = await a_late_yes()
    line, engine = story.lines[0], story.engine
    engine.decide(ANN, *engine.doubts(ANN), approve=False)
    await engine.run()
    engine.clock.advance(4000)
    story.click(side, line, YES)
    await engine.run()

    assert story.holds(line) == (YES, YES)


async def test_a_refusal_between_the_look_and_the_word_wins() -> None:
    """The word was about what was held then; the newer refusal goes to both sides."""
    story = await a_late_yes()
    line, engine = story.lines[0], story.engine
    doubts = engine.doubts(ANN)
    engine.clock.advance(5)
    story.click("didomi", line, NO)
    await engine.run()
    engine.decide(ANN, *doubts, approve=True)
    await engine.run()

    assert story.holds(line) == (NO, NO)
    assert Verdict.OLDER in {one.verdict for one in engine.entries(ANN) if "approved" in one.reason}


async def test_an_approval_counts_for_no_later_doubt() -> None:
    """What was approved were those statements; the next late yes waits for a word of its own."""
    story = await a_late_yes()
    line, engine = story.lines[0], story.engine
    engine.decide(ANN, *engine.doubts(ANN), approve=True)
    await engine.run()
    engine.clock.advance(5)
    story.click("actito", line, NO)
    await engine.run()
    engine.clock.advance(5)
    story.click("didomi", line, YES)
    engine.clock.advance(900)
    engine.actito.click(ANN, "Other", subscribe=False)
    await engine.run()

    assert [one.verdict for one in engine.doubts(ANN)] == [Verdict.HELD_REVIEW]
    assert story.holds(line) == (YES, NO)


async def test_a_refusal_that_comes_with_the_word_wins() -> None:
    """Taken in one turn, the newer choice of the person counts and the word about the older not."""
    story = await a_late_yes()
    line, engine = story.lines[0], story.engine
    engine.decide(ANN, *engine.doubts(ANN), approve=True)
    engine.clock.advance(5)
    story.click("didomi", line, NO)
    await engine.run()

    assert story.holds(line) == (NO, NO)
    assert not engine.actito.raises


async def test_of_two_didomi_users_an_agreement_waits_and_a_refusal_does_not() -> None:
    """An opt-out goes to all of them, an opt-in to none until somebody decides."""
    story = Story.start(normalise=Normalise.LOWER)
    line, engine = story.lines[0], story.engine
    for spelling in (ANN, "Ann@example.com"):
        engine.didomi.click(spelling, {}, {})
        engine.clock.advance(10)
    await engine.run()
    story.click("actito", line, YES)
    await engine.run()
    [doubt] = engine.doubts(ANN)
    held = {
        spelling: engine.didomi.holds(spelling, line.node) for spelling in (ANN, "Ann@example.com")
    }

    assert doubt.verdict is Verdict.AMBIGUOUS_PERSON
    assert YES not in held.values()
    engine.decide(ANN, doubt, approve=True)
    await engine.run()
    assert engine.didomi.holds(ANN, line.node) is YES
    assert engine.didomi.holds("Ann@example.com", line.node) is YES
    engine.clock.advance(4000)
    story.click("actito", line, NO)
    await engine.run()
    assert engine.didomi.holds(ANN, line.node) is NO
    assert engine.didomi.holds("Ann@example.com", line.node) is NO


async def test_rejecting_where_nobody_refused_writes_no_refusal() -> None:
    """No choice appears that nobody made: the agreement stays where it was given, and only there."""
    story = Story.start(normalise=Normalise.LOWER)
    line, engine = story.lines[0], story.engine
    for spelling in (ANN, "Ann@example.com"):
        engine.didomi.click(spelling, {}, {})
        engine.clock.advance(10)
    story.click("actito", line, YES)
    await engine.run()
    engine.decide(ANN, *engine.doubts(ANN), approve=False)
    await engine.run()

    assert engine.doubts(ANN) == ()
    assert story.holds(line)[1] is YES
    assert engine.didomi.written == []
