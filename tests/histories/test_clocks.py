"""Generated histories in which Didomi's clock is not ours: what holds, and what cannot."""

import asyncio
import random

from hypothesis import given
from hypothesis import strategies as st

from consent_sync.domain.consent import Choice
from consent_sync.domain.moments import HOUR, MILLISECOND, MINUTE, SECOND, Micros
from tests.histories.story import LINES, YES, Story, histories
from tests.histories.test_calm import clicks, deliver_in_any_order, known_on_both_sides

Steps = list[tuple[str, int, Choice, int]]
seeds = st.integers(0, 1000)


async def tell(steps: Steps, skew: Micros, seed: int) -> Story:
    """Play a history without faults under a skewed clock and return how it ends."""
    story, chance = Story.start(), random.Random(seed)
    story.engine.didomi.skew = skew
    await known_on_both_sides(story)
    for side, number, choice, gap in steps:
        story.engine.clock.advance(gap)
        story.click(side, story.lines[number], choice)
        await deliver_in_any_order(story, chance)
    return story


def newest_wins(story: Story) -> bool:
    """Say whether both sides hold the newest choice of every line."""
    wanted = [(line, story.newest(line)) for line in LINES]
    return all(
        {one is YES for one in story.holds(line)} == {newest.choice is YES}
        for line, newest in wanted
        if newest is not None
    )


@histories(0.5)
@given(steps=clicks, skew=st.integers(-1000, 1000), seed=seeds)
def test_a_second_more_or_less_changes_nothing(steps: Steps, skew: int, seed: int) -> None:
    """Within the tolerance the newest choice wins, however many milliseconds the clocks differ."""
    story = asyncio.run(tell(steps, skew * MILLISECOND, seed))

    assert newest_wins(story)


@histories(0.5)
@given(
    steps=clicks,
    skew=st.sampled_from([3 * SECOND, MINUTE, 10 * MINUTE, 3 * HOUR]),
    seed=seeds,
)
def test_a_clock_that_is_ahead_does_no_harm_while_webhooks_are_prompt(
    steps: Steps, skew: Micros, seed: int
) -> None:
    """A date in the future counts as the moment of receipt, so the newest choice still wins."""
    story = asyncio.run(tell(steps, skew, seed))

    assert newest_wins(story)


@histories(0.5)
@given(
    steps=clicks,
    skew=st.sampled_from([-3 * SECOND, -MINUTE, -10 * MINUTE, -3 * HOUR]),
    seed=seeds,
)
def test_a_clock_that_is_behind_makes_nothing_up(steps: Steps, skew: Micros, seed: int) -> None:
    """Nobody can see that a clock is behind; still, nothing is granted that nobody granted."""
    story = asyncio.run(tell(steps, skew, seed))
    for line in LINES:
        said = {one.choice for one in story.said if one.line == line.id}

        assert YES in said or not story.raised_at(line)
