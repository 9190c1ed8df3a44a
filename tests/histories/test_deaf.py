"""Generated histories with a side that answers every write with success and carries none out."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from tests.doubles.platforms import Faults
from tests.histories.story import (
    ANN,
    NO,
    YES,
    Click,
    Step,
    Story,
    Wait,
    clicks,
    fanouts,
    histories,
    lists_of,
    usual,
    waits,
)

MOST_LOOKS = 40
"""Lines wear out one after the other, and each costs four looks."""


class Deaf(Faults):
    """Every call is answered, none has an effect."""

    def next(self) -> str:
        return "did nothing"


async def until_it_rests(story: Story) -> None:
    """Let every look come when it is due; what never ends is an error."""
    await story.engine.run(rounds=100)
    for _ in range(MOST_LOOKS):
        if story.engine.lane(ANN).due_at is None:
            return
        await story.confirm()
    raise AssertionError("it is looked for without end")


async def play(story: Story, before: list[Step], side: str, after: list[Step]) -> None:
    """Play a history in the middle of which a side goes deaf, to its rest."""
    for step in before:
        await step.play(story)
    await until_it_rests(story)
    world = story.engine.didomi if side == "didomi" else story.engine.actito
    world.faults = Deaf()
    for step in after:
        await step.play(story)
        # A late webhook beside a write without effect is one of the open histories.
        await story.engine.run(rounds=100)
    await until_it_rests(story)


calm = lists_of(*usual, fanouts)
deaf = st.lists(st.one_of(clicks, clicks, waits), min_size=1, max_size=8)
sides = st.sampled_from(["didomi", "actito"])


@histories(0.5)
@given(before=calm, side=sides, after=deaf, last=st.integers(0, 3))
def test_a_refusal_without_effect_is_never_given_up_silently(
    before: list[Step], side: str, after: list[Step], last: int
) -> None:
    """It comes to rest, and where a yes is left beside the newest no, a waiting opt-out is shown."""
    story = Story.start()
    heard = "actito" if side == "didomi" else "didomi"
    asyncio.run(play(story, before, side, [*after, Wait(400), Click(heard, last, NO)]))
    settled = story.engine.lane(ANN).settlements
    # What makes other histories open is what this one is about.
    story.engine.actito.ignored.clear()
    story.engine.didomi.ignored = False
    refused = [
        line
        for line in story.lines
        if (newest := story.newest(line)) is not None
        and newest.choice is NO
        and YES in story.holds(line)
        and not story.hidden(line)
        # A topic still ticked on a page is a new yes to whoever believes it was taken out.
        and not (side == "didomi" and line.node.option)
    ]

    assert not refused or settled[-1].summary.optout_waiting_since is not None
    assert not refused or settled[-1].summary.failed


@histories(0.5)
@given(before=calm, side=sides, after=deaf)
def test_after_a_deaf_side_has_been_mended_every_new_choice_counts(
    before: list[Step], side: str, after: list[Step]
) -> None:
    """Nothing of what failed before stands in its way."""
    story = Story.start()

    async def tell() -> None:
        await play(story, before, side, after)
        for world in (story.engine.didomi, story.engine.actito):
            world.faults = Faults()
        for choice in (YES, NO):
            for line in story.lines:
                story.engine.clock.advance(7200)
                story.click("actito", line, choice)
                await until_it_rests(story)

    asyncio.run(tell())

    for line in story.lines:
        assert YES not in story.holds(line), line.id
