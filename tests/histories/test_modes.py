"""Generated histories of lines that flow one way, strictly, or not at all."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from consent_sync.domain.consent import Choice, Node
from consent_sync.domain.mapping import Line, SyncMode
from tests.doubles.mappings import EMAIL, MARKETING, SMS, a_line
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

PHONE = Node(channel="phone")
STRICT = a_line("Strict", EMAIL, SyncMode.TWO_WAY_STRICT, number=14)
TO_ACTITO = a_line("ToActito", MARKETING, SyncMode.TO_ACTITO, number=15)
TO_DIDOMI = a_line("ToDidomi", SMS, SyncMode.TO_DIDOMI, inverted=True, number=16)
OFF = a_line("Off", PHONE, SyncMode.OFF, number=17)

wild = lists_of(*usual, troubles, fanouts)
lossy = lists_of(*usual, losses)


def tell(steps: list[Step]) -> Story:
    """Play a history of one line of each mode."""
    story = Story.start(STRICT, TO_ACTITO, TO_DIDOMI, OFF)
    asyncio.run(play(story, steps))
    return story


def newest_of(story: Story, line: Line, side: str) -> Choice | None:
    """Return the newest choice made on one side of a line."""
    found = [said.choice for said in story.said if said.line == line.id and said.side == side]
    return found[-1] if found else None


@histories(0.5)
@given(steps=st.one_of(wild, lossy))
def test_nothing_is_written_against_the_way_of_a_line(steps: list[Step]) -> None:
    """A one-way line is written on its one side only, a line that is off on none."""
    story = tell(steps)
    actito = {one.place for one in story.engine.actito.written}
    didomi = {one.place for one in story.engine.didomi.written}

    assert not actito & {TO_DIDOMI.id, OFF.id}
    assert not didomi & {TO_ACTITO.node, OFF.node}


@histories()
@given(steps=wild)
def test_a_refusal_is_respected_in_every_mode(steps: list[Step]) -> None:
    """Where a line's newest choice is a no, the sides that may be written hold no yes."""
    story = tell(steps)
    for line in (STRICT, TO_ACTITO, TO_DIDOMI):
        newest = story.newest(line)
        if newest is None or newest.choice is not NO or story.hidden(line):
            continue
        if story.line(line).held and story.raised_at(line) < newest.at:
            continue
        didomi, actito = story.holds(line)

        assert actito is not YES or line is TO_DIDOMI, line.id
        assert didomi is not YES or line is TO_ACTITO, line.id


@histories()
@given(steps=wild)
def test_a_one_way_line_is_raised_by_its_giving_side_only(steps: list[Step]) -> None:
    """Nothing is raised where the side that counts never agreed."""
    story = tell(steps)
    for line, side in ((TO_ACTITO, "didomi"), (TO_DIDOMI, "actito")):
        agreed = any(
            said.choice is YES and said.line == line.id and said.side == side for said in story.said
        )

        assert agreed or not story.raised_at(line), line.id


@histories()
@given(steps=wild)
def test_on_a_strict_line_each_side_takes_back_its_own_refusal(steps: list[Step]) -> None:
    """As long as one side's own newest word is a no, neither side holds a yes of ours."""
    story = tell(steps)
    last = {said.side: said for said in story.said if said.line == STRICT.id}
    refused = [said for said in last.values() if said.choice is NO]
    seen = [said for said in refused if not story.hidden(STRICT, said)]
    if seen and ANN in story.engine.didomi.nodes:
        if story.line(STRICT).held or story.line(STRICT).failed:
            return

        assert YES not in story.holds(STRICT), last


@histories()
@given(steps=wild)
def test_a_one_way_line_arrives(steps: list[Step]) -> None:
    """Where only the giving side has spoken, the other side holds its newest choice in the end."""
    story = tell(steps)
    for line, giving, place in ((TO_ACTITO, "didomi", 1), (TO_DIDOMI, "actito", 0)):
        spoken = {said.side for said in story.said if said.line == line.id}
        known = story.line(line)
        if spoken != {giving} or known.held or known.failed:
            continue
        if ANN not in story.engine.didomi.nodes:
            continue
        newest = newest_of(story, line, giving)

        assert (story.holds(line)[place] is YES) is (newest is YES), line.id
