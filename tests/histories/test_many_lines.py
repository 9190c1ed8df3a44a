"""Generated histories of several lines at once: a channel, topics of one list, an inverted line."""

import asyncio

from hypothesis import given

from tests.histories.story import (
    ANN,
    NO,
    YES,
    Step,
    Story,
    fanouts,
    histories,
    lists_of,
    losses,
    play,
    troubles,
    usual,
)

wild = lists_of(*usual, troubles, losses, fanouts)


@histories()
@given(steps=wild)
def test_a_withdrawn_consent_does_not_come_back_on_any_line(steps: list[Step]) -> None:
    """Where a line's newest choice is a no, no side holds a yes in the end."""
    story = Story.start()
    asyncio.run(play(story, steps))

    for line in story.lines:
        newest = story.newest(line)
        if newest is None or newest.choice is not NO or line.id in story.lost_refusals:
            continue
        if story.hidden(line):
            continue
        # A yes that is held for review stays where it was given.
        if story.line(line).held and story.raised_at(line) < newest.at:
            continue

        assert YES not in story.holds(line), line.id


@histories()
@given(steps=wild)
def test_both_sides_agree_on_every_line(steps: list[Step]) -> None:
    """When all has arrived, both sides hold a yes or neither does, unless it is held or failed."""
    story = Story.start()
    asyncio.run(play(story, steps))

    for line in story.lines:
        known = story.line(line)
        if line.id in story.lost or not known.latest or known.held or known.failed:
            continue
        if ANN not in story.engine.didomi.nodes:
            continue
        didomi, actito = story.holds(line)

        assert (didomi is YES) is (actito is YES), line.id


@histories()
@given(steps=wild)
def test_nothing_is_written_where_nobody_chose(steps: list[Step]) -> None:
    """None never becomes denied or granted, and nothing is granted without a grant."""
    story = Story.start()
    asyncio.run(play(story, steps))

    for line in story.lines:
        said = {one.choice for one in story.said if one.line == line.id}

        assert said or not story.written(line), line.id
        assert YES in said or not story.raised_at(line), line.id
