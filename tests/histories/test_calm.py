"""Generated histories without faults: webhooks within seconds, in any order, time between clicks."""

import asyncio
import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from consent_sync.domain.consent import Choice
from consent_sync.domain.events import DidomiItem
from consent_sync.domain.mapping import Line
from tests.doubles.platforms import FANOUTS
from tests.histories.story import (
    ANN,
    LINES,
    NO,
    YES,
    Story,
    histories,
)
from tests.tally import TALLY

clicks = st.lists(
    st.tuples(
        st.sampled_from(["didomi", "actito"]),
        st.integers(0, len(LINES) - 1),
        st.sampled_from([YES, NO]),
        st.sampled_from([10, 60, 400, 4000, 90_000]),
    ),
    min_size=1,
    max_size=8,
)


async def deliver_in_any_order(story: Story, chance: random.Random) -> None:
    """Bring the webhooks of both sides within seconds, and let turns come in between."""
    engine = story.engine
    # The click before, and every webhook that it caused.
    TALLY["steps"] += 1 + len(engine.didomi.outbox) + len(engine.actito.outbox)
    for _ in range(60):
        boxes = [box for box in (engine.didomi.outbox, engine.actito.outbox) if box]
        if not boxes:
            break
        box = chance.choice(boxes)
        engine.receive(box.pop(chance.randrange(len(box))))
        engine.clock.advance(chance.random() / 4)
        if chance.random() < 0.7:
            await engine.take(ANN)
    await engine.run()


async def known_on_both_sides(story: Story) -> None:
    """Let both sides know the person, who has refused everything so far."""
    lines = {line.node: NO for line in story.lines if not line.node.option}
    options = {line.node.option for line in story.lines if line.node.option}
    story.engine.didomi.click(ANN, lines)
    if options:
        story.tick(frozenset(options))
        story.engine.clock.advance(60)
        story.tick(frozenset())
    await story.engine.run()


def writes(story: Story) -> Counter[str]:
    """Return how often each side was written."""
    return Counter(
        didomi=story.engine.didomi.calls.count("send"),
        actito=story.engine.actito.calls.count("update"),
    )


@histories()
@given(steps=clicks, fanout=st.sampled_from(FANOUTS), seed=st.integers(0, 1000))
def test_the_newest_choice_wins_on_every_line(
    steps: list[tuple[str, int, Choice, int]], fanout: tuple[str, ...], seed: int
) -> None:
    """The newest yes or no of a line is what both sides hold, and other lines stay as they are."""

    async def tell() -> None:
        story, chance = Story.start(), random.Random(seed)
        story.engine.didomi.fanout = fanout
        await known_on_both_sides(story)
        wanted = dict.fromkeys((line.id for line in story.lines), NO)
        for side, number, choice, gap in steps:
            story.engine.clock.advance(gap)
            line = story.lines[number]
            if fanout == ("bare user",) and wanted[line.id] is choice:
                # A second refusal lies between two sights of a user that carries no event's date.
                continue
            story.click(side, line, choice)
            wanted[line.id] = choice
            await deliver_in_any_order(story, chance)
            for one in story.lines:
                didomi, actito = story.holds(one)

                assert actito is wanted[one.id], one.id
                assert (didomi is YES) is (actito is YES), one.id

    asyncio.run(tell())


def refuses(story: Story, clicked: Line) -> bool:
    """Say whether what a click in Didomi names refuses anything: a line, or a topic of the page."""
    named = [line for line in story.lines if line == clicked]
    if clicked.node.option:
        named = [line for line in story.lines if line.node.option]
    return any(story.holds(line)[0] is not YES for line in named)


@histories()
@given(
    steps=clicks,
    fanout=st.sampled_from([kinds for kinds in FANOUTS if "bare user" not in kinds]),
    seed=st.integers(0, 1000),
)
def test_every_change_is_written_once_and_no_echo_is_answered(
    steps: list[tuple[str, int, Choice, int]], fanout: tuple[str, ...], seed: int
) -> None:
    """N changes by people cause exactly N writes on the other side and none on their own."""

    async def tell() -> None:
        story, chance = Story.start(), random.Random(seed)
        story.engine.didomi.fanout = fanout
        await known_on_both_sides(story)
        expected = writes(story)
        for side, number, choice, gap in steps:
            line = story.lines[number]
            held = story.holds(line)[0 if side == "didomi" else 1]
            story.engine.clock.advance(gap)
            story.click(side, line, choice)
            # A refusal in Didomi is passed on even when Actito is believed to hold it.
            if (held is YES) is not (choice is YES) or (side == "didomi" and refuses(story, line)):
                expected["actito" if side == "didomi" else "didomi"] += 1
            await deliver_in_any_order(story, chance)

            assert writes(story) == expected

    asyncio.run(tell())


@histories(0.5)
@given(steps=clicks, seed=st.integers(0, 1000))
def test_a_second_run_over_the_same_input_writes_nothing(
    steps: list[tuple[str, int, Choice, int]], seed: int
) -> None:
    """All webhooks of a history once more, in any order, cause no write."""

    async def tell() -> None:
        story, chance = Story.start(), random.Random(seed)
        await known_on_both_sides(story)
        for side, number, choice, gap in steps:
            story.engine.clock.advance(gap)
            story.click(side, story.lines[number], choice)
            await deliver_in_any_order(story, chance)
        before = writes(story), story.sides()
        # Actito's webhooks are under way for an hour at most; those of Didomi take any time.
        story.engine.clock.advance(2 * 3600)
        again = [one for one in story.engine.received if isinstance(one, DidomiItem)]
        chance.shuffle(again)
        for item in again:
            story.engine.receive(item)
            if chance.random() < 0.5:
                await story.engine.take(ANN)
        await story.engine.run()

        assert (writes(story), story.sides()) == before

    asyncio.run(tell())
