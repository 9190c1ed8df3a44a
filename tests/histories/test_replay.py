"""The state is a fold of the ledger: worked out anew from its facts, it is the same."""

import asyncio
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_sync.domain.errors import AbsentError
from consent_sync.domain.identity import Normalise
from consent_sync.domain.ledger import checkpoint_of
from consent_sync.domain.replay import replay
from consent_sync.domain.state import PersonState
from consent_sync.domain.verdicts import Verdict
from tests.histories.story import (
    ANN,
    LINES,
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
from tests.histories.test_profiles import Appear, Vanish


@dataclass(frozen=True)
class Remap:
    """The mapping file is edited: only these lines are left, some of them turned round."""

    kept: frozenset[int] | set[int]
    inverted: bool

    async def play(self, story: Story) -> None:
        lines = [
            replace(LINES[at], inverted=LINES[at].inverted != (self.inverted and at % 2 == 0))
            for at in sorted(self.kept)
        ]
        story.engine.with_mapping(lines=tuple(lines))


wild = lists_of(*usual, troubles, losses, fanouts, st.just(Vanish()), st.just(Appear()))


@dataclass(frozen=True)
class Shorten:
    """The timeline is shortened: everything so far goes, and a checkpoint stands for it."""

    async def play(self, story: Story) -> None:
        lane = story.engine.lane(ANN)
        busy = lane.items or lane.in_flight or lane.due_at is not None
        if lane.records and not busy:
            lane.records[:] = [checkpoint_of(lane.records[-1], lane.state)]


def recomputed(story: Story) -> PersonState:
    """Return what the ledger alone leads to."""
    engine = story.engine
    lane = engine.lane(ANN)
    return replay(lane.records, engine.items, engine.versions, engine.rules, engine.subject(ANN))


@histories()
@given(steps=wild, upsert=st.booleans())
def test_the_ledger_leads_to_the_settled_state(steps: list[Step], upsert: bool) -> None:
    """Whatever crashed, failed, came twice or never: the state is what the ledger tells."""
    story = Story.start(upsert_mode=upsert)
    asyncio.run(play(story, steps))

    assert recomputed(story) == story.engine.lane(ANN).state


async def test_a_ledger_with_a_look_that_was_given_up_leads_to_the_settled_state() -> None:
    """Refusals that count because nobody could look are found in the ledger too."""
    story = Story.start()
    engine = story.engine
    engine.didomi.click(ANN, {story.lines[0].node: YES})
    engine.didomi.outbox.clear()
    story.click("actito", story.lines[0], NO)
    engine.actito.faults.queue.extend(["temporary"] * 1000)
    await engine.run(rounds=1000)

    assert Verdict.FAILED in {entry.verdict for entry in engine.entries(ANN)}
    assert story.holds(story.lines[0])[0] is NO
    assert recomputed(story) == engine.lane(ANN).state


async def test_a_ledger_of_two_spellings_leads_to_the_settled_state() -> None:
    """A look that reads two Didomi users is one look."""
    story = Story.start(normalise=Normalise.LOWER)
    for spelling in (ANN, "Ann@example.com"):
        story.engine.didomi.click(spelling, {}, {})
        story.engine.clock.advance(10)
    story.click("actito", story.lines[1], NO)
    await story.rest()

    assert recomputed(story) == story.engine.lane(ANN).state


@histories(0.5)
@given(steps=lists_of(*usual, troubles, losses, st.just(Shorten())))
def test_a_shortened_ledger_leads_to_the_settled_state(steps: list[Step]) -> None:
    """A checkpoint is as good as what it stands for."""
    story = Story.start()
    asyncio.run(play(story, steps))

    assert recomputed(story) == story.engine.lane(ANN).state


remaps = st.builds(Remap, st.sets(st.integers(0, 3), min_size=1), st.booleans())


@histories(0.5)
@given(steps=lists_of(*usual, troubles, remaps))
def test_each_record_is_taken_under_the_version_that_decided_it(steps: list[Step]) -> None:
    """Lines that were turned round, left out and put back lead to the same state from the ledger."""
    story = Story.start()
    asyncio.run(play(story, steps))
    engine = story.engine

    assert recomputed(story) == engine.lane(ANN).state
    decided = {record.mapping_version for record in engine.lane(ANN).records}
    assert decided <= engine.versions.keys()


async def test_a_record_of_an_unknown_version_is_not_guessed_at() -> None:
    """Without the version that decided, there is no telling what a record means."""
    story = Story.start()
    story.click("didomi", story.lines[0], YES)
    await story.rest()
    story.engine.versions.clear()

    with pytest.raises(AbsentError, match="which decided"):
        recomputed(story)
