"""An operator's word in generated histories: it lifts a doubt, and overrules no newer refusal."""

import asyncio
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from consent_sync.domain.lines import Context
from consent_sync.domain.replay import replay
from consent_sync.domain.review import conflicts
from consent_sync.domain.state import PersonState
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
    quiet,
    troubles,
    usual,
)


@dataclass(frozen=True)
class Decide:
    """An operator looks at what is held and says yes or no to some of it."""

    approve: bool
    some: int

    async def play(self, story: Story) -> None:
        engine = story.engine
        found = engine.doubts(ANN)
        chosen = [one for at, one in enumerate(found) if (self.some >> at) & 1 or not self.some]
        if not chosen:
            return
        engine.decide(ANN, *chosen, approve=self.approve)
        if self.approve:
            for one in chosen:
                story.__dict__.setdefault("approved", {})[one.line.id] = engine.clock.now()


@dataclass(frozen=True)
class Settle:
    """An operator says which choice came last, wherever nobody knows it."""

    approve: bool

    async def play(self, story: Story) -> None:
        engine = story.engine
        subject, now = engine.subject(ANN), engine.clock.now()
        context = Context(subject, engine.mapping, engine.rules, now)
        chosen = conflicts(engine.lane(ANN).state, context)
        if not chosen:
            return
        engine.decide(ANN, *chosen, approve=self.approve)
        if self.approve:
            for one in chosen:
                story.__dict__.setdefault("approved", {})[one.line.id] = engine.clock.now()


@dataclass(frozen=True)
class LateYes:
    """The person refuses on one side and agrees in Didomi; the yes is heard of very late."""

    line: int

    async def play(self, story: Story) -> None:
        engine, line = story.engine, story.lines[self.line % len(story.lines)]
        engine.clock.advance(5)
        story.click("actito", line, NO)
        engine.deliver_all()
        await engine.take(ANN)
        engine.clock.advance(5)
        story.click("didomi", line, YES)
        engine.clock.advance(900)
        # The refusal in Actito is seen once more meanwhile.
        engine.actito.click(ANN, "Other", subscribe=True)
        engine.deliver_all()
        await engine.take(ANN)


decisions = st.builds(Decide, st.sampled_from([True, True, False]), st.integers(0, 15))
settled = st.builds(Settle, st.sampled_from([True, True, False]))
held = st.builds(LateYes, st.integers(0, 3))
wild = lists_of(
    *usual,
    held,
    held,
    held,
    decisions,
    decisions,
    decisions,
    settled,
    settled,
    quiet,
    troubles,
    losses,
    fanouts,
)


def recomputed(story: Story) -> PersonState:
    engine = story.engine
    lane = engine.lane(ANN)
    return replay(lane.records, engine.items, engine.versions, engine.rules, engine.subject(ANN))


@histories()
@given(steps=wild)
def test_no_word_overrules_a_newer_refusal(steps: list[Step]) -> None:
    """Whatever an operator approves and whenever: a refusal made after that is never raised over."""
    story = Story.start()
    asyncio.run(play(story, steps))
    for line in story.lines:
        newest = story.newest(line)
        if newest is None or newest.choice is not NO or line.id in story.lost or story.hidden(line):
            continue
        approved_at = story.__dict__.get("approved", {}).get(line.id, 0)
        if approved_at >= newest.at:
            # What he looked at was this refusal, and whether it was the older one was his to say.
            continue

        assert story.raised_at(line) < newest.at or YES not in story.holds(line), line.id


@histories(0.5)
@given(steps=wild)
def test_nothing_is_granted_by_a_word_alone(steps: list[Step]) -> None:
    """An operator's word is never a grant: without the person's yes nothing is raised."""
    story = Story.start()
    asyncio.run(play(story, steps))
    for line in story.lines:
        if all(said.choice is NO for said in story.said if said.line == line.id):
            assert story.raised_at(line) == 0


@histories(0.5)
@given(steps=wild)
def test_the_ledger_with_words_leads_to_the_settled_state(steps: list[Step]) -> None:
    """A word is a fact like any other: the state is a fold of all of them."""
    story = Story.start()
    asyncio.run(play(story, steps))

    assert recomputed(story) == story.engine.lane(ANN).state
