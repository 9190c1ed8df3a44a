"""Guards in generated histories: they hold agreements, and bring back or delay nothing."""

import asyncio

from hypothesis import given

from consent_sync.services.guard import Guard, Limits
from tests.histories.story import (
    ANN,
    NO,
    YES,
    Step,
    Story,
    fanouts,
    histories,
    lists_of,
    play,
    quiet,
    troubles,
    usual,
)
from tests.histories.test_review import decisions, recomputed

wild = lists_of(*usual, decisions, decisions, quiet, troubles, fanouts)


def started() -> Story:
    story = Story.start()
    story.engine.guard = Guard(Limits(raised=2, changes=4))
    return story


@histories(0.5)
@given(steps=wild)
def test_a_guard_delays_no_refusal(steps: list[Step]) -> None:
    """Whatever a guard holds: a newest refusal is what remains, unless an operator looked at it."""
    story = started()
    asyncio.run(play(story, steps))
    for line in story.lines:
        newest = story.newest(line)
        if newest is None or newest.choice is not NO or story.hidden(line):
            continue
        if story.__dict__.get("approved", {}).get(line.id, 0) >= newest.at:
            continue

        assert story.raised_at(line) < newest.at or YES not in story.holds(line), line.id


@histories(0.5)
@given(steps=wild)
def test_the_ledger_with_guards_leads_to_the_settled_state(steps: list[Step]) -> None:
    """What a guard held is a fact like any other."""
    story = started()
    asyncio.run(play(story, steps))

    assert recomputed(story) == story.engine.lane(ANN).state
