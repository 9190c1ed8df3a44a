"""Two Actito profiles of one person in generated histories: no refusal is lost between them."""

import asyncio
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from consent_sync.domain.consent import Choice
from consent_sync.domain.identity import Normalise
from consent_sync.domain.mapping import Line
from tests.doubles.platforms import Profile
from tests.histories.story import (
    ANN,
    NO,
    NONE,
    YES,
    Said,
    Step,
    Story,
    choices,
    fanouts,
    histories,
    lists_of,
    play,
    quiet,
    troubles,
    usual,
)
from tests.histories.test_review import decisions, recomputed

TWIN = "Ann@Example.com"


def held(story: Story, key: str, line: Line) -> Choice:
    """Return what one profile holds on a line."""
    profile = story.engine.actito.profiles.get(key)
    subscribed = profile.subscriptions.get(line.id) if profile else None
    return NONE if subscribed is None else YES if subscribed != line.inverted else NO


@dataclass(frozen=True)
class ClickInTwin:
    """The person chooses in the second profile."""

    line: int
    choice: Choice

    async def play(self, story: Story) -> None:
        engine, line = story.engine, story.lines[self.line % len(story.lines)]
        engine.clock.advance(5)
        changed = held(story, TWIN, line) is not self.choice
        story.said.append(Said(engine.clock.now(), "actito", line.id, self.choice, changed))
        engine.actito.click(TWIN, line.id, subscribe=(self.choice is YES) != line.inverted)


twins = st.builds(ClickInTwin, st.integers(0, 3), choices)
calm = lists_of(*usual, twins, twins, decisions, quiet, fanouts)
wild = lists_of(*usual, twins, twins, decisions, quiet, troubles, fanouts)


def started() -> Story:
    story = Story.start(normalise=Normalise.LOWER)
    story.engine.actito.profiles[TWIN] = Profile("1043")
    return story


@histories(0.4)
@given(steps=wild)
def test_no_refusal_in_either_profile_is_raised_over(steps: list[Step]) -> None:
    """Whatever goes wrong: after her newest no, in whichever profile, nothing is raised."""
    story = started()
    asyncio.run(play(story, steps))
    for line in story.lines:
        newest = story.newest(line)
        if newest is None or newest.choice is not NO or story.hidden(line):
            continue
        if story.__dict__.get("approved", {}).get(line.id, 0) >= newest.at:
            continue

        assert story.raised_at(line) < newest.at, line.id


@histories(0.4)
@given(steps=calm)
def test_a_refusal_reaches_every_profile(steps: list[Step]) -> None:
    """Without faults a newest no is what both profiles and Didomi hold in the end."""
    story = started()
    asyncio.run(play(story, steps))
    known = story.engine.lane(ANN).state.several
    for line in story.lines:
        newest = story.newest(line)
        if newest is None or newest.choice is not NO or story.hidden(line):
            continue
        approved = story.__dict__.get("approved", {}).get(line.id, 0) >= newest.at
        if approved or any(one.line.id == line.id for one in story.engine.doubts(ANN)):
            continue
        places = {held(story, ANN, line), story.holds(line)[0]}
        places |= {held(story, TWIN, line)} if known is not None and known.twins else set()

        assert YES not in places, line.id


@histories(0.2)
@given(steps=wild)
def test_the_ledger_of_two_profiles_leads_to_the_settled_state(steps: list[Step]) -> None:
    """What several profiles showed is a fact like any other."""
    story = started()
    asyncio.run(play(story, steps))

    assert recomputed(story) == story.engine.lane(ANN).state
