"""Generated histories of one person in two profile tables that share one Didomi organisation."""

import asyncio
import random

from hypothesis import given
from hypothesis import strategies as st

from consent_sync.domain.consent import Choice
from tests.doubles.engine import Engine
from tests.doubles.mappings import EMAIL, NEWS, SPORT, a_line, a_mapping
from tests.doubles.platforms import FANOUTS, Profile
from tests.histories.story import ANN, NO, NONE, TOPICS, YES, histories

LINES = (
    a_line("Newsletter", EMAIL, number=14),
    a_line("SportNews", SPORT, number=15),
    a_line("News", NEWS, number=16),
)

steps_of_clicks = st.lists(
    st.tuples(
        st.sampled_from(["didomi", "north", "south"]),
        st.integers(0, len(LINES) - 1),
        st.sampled_from([YES, NO]),
        st.sampled_from([10, 60, 400, 4000, 90_000]),
    ),
    min_size=1,
    max_size=8,
)


class Pair:
    """Two engines over two tables and one organisation; Didomi's webhooks go to both."""

    def __init__(self, fanout: tuple[str, ...], seed: int) -> None:
        self.north = Engine(a_mapping(*LINES, name="north"))
        self.south = Engine(a_mapping(*LINES, name="south"), didomi=self.north.didomi)
        self.didomi, self.clock = self.north.didomi, self.north.clock
        self.didomi.fanout = fanout
        # A user alone tells when it changed, not how early our event was dated.
        self.didomi.wall_dates = "bare user" in fanout
        self.chance = random.Random(seed)
        for engine in self.engines:
            engine.actito.profiles[ANN] = Profile("1042")

    @property
    def engines(self) -> tuple[Engine, Engine]:
        return self.north, self.south

    def click(self, where: str, number: int, choice: Choice) -> None:
        line = LINES[number]
        if where != "didomi":
            engine = self.north if where == "north" else self.south
            engine.actito.click(ANN, line.id, subscribe=choice is YES)
        elif line.node.option:
            held = self.didomi.picks.get(ANN, {}).get(TOPICS, (frozenset(), 0))[0]
            option = frozenset({line.node.option})
            self.didomi.click(ANN, {}, {TOPICS: held | option if choice is YES else held - option})
        else:
            self.didomi.click(ANN, {line.node: choice})

    async def deliver(self) -> None:
        """Bring all webhooks in any order, until nothing moves any more."""
        for _ in range(300):
            arrived = self._bring_one()
            self.clock.advance(self.chance.random() / 8)
            for engine in self.engines:
                if engine.lane(ANN).items and (not arrived or self.chance.random() < 0.7):
                    await engine.take(ANN)
            if not arrived and not self._waiting():
                return
        raise AssertionError("the three sides do not come to rest")

    def _waiting(self) -> list[Engine | None]:
        """Return whose outboxes hold something: a table's, or Didomi's as None."""
        tables: list[Engine | None] = [one for one in self.engines if one.actito.outbox]
        return [*tables, None] if self.didomi.outbox else tables

    def _bring_one(self) -> bool:
        waiting = self._waiting()
        if not waiting:
            return False
        owner = self.chance.choice(waiting)
        if owner is None:
            item = self.didomi.outbox.pop(self.chance.randrange(len(self.didomi.outbox)))
            for engine in self.engines:
                engine.receive(item)
        else:
            owner.receive(owner.actito.outbox.pop(self.chance.randrange(len(owner.actito.outbox))))
        return True

    def sides(self, number: int) -> tuple[Choice, Choice, Choice]:
        line = LINES[number]
        found = [one.actito.profiles[ANN].subscriptions.get(line.id) for one in self.engines]
        north, south = (NONE if one is None else YES if one else NO for one in found)
        return self.didomi.holds(ANN, line.node), north, south


@histories()
@given(steps=steps_of_clicks, fanout=st.sampled_from(FANOUTS), seed=st.integers(0, 1000))
def test_the_newest_choice_reaches_all_three_sides(
    steps: list[tuple[str, int, Choice, int]], fanout: tuple[str, ...], seed: int
) -> None:
    """Our event of one table is a statement for the other: all three end with the newest choice."""

    async def tell() -> None:
        pair = Pair(fanout, seed)
        pair.didomi.click(ANN, {EMAIL: NO}, {TOPICS: frozenset({"sport", "news"})})
        await pair.deliver()
        pair.clock.advance(60)
        pair.didomi.click(ANN, {}, {TOPICS: frozenset()})
        await pair.deliver()
        wanted = [NO] * len(LINES)
        for where, number, choice, gap in steps:
            pair.clock.advance(gap)
            if choice is wanted[number]:
                continue
            pair.click(where, number, choice)
            wanted[number] = choice
            await pair.deliver()
            for place, choice_wanted in enumerate(wanted):
                held = {one is YES for one in pair.sides(place)}

                assert held == {choice_wanted is YES}, LINES[place].id

    asyncio.run(tell())


@histories()
@given(steps=steps_of_clicks, fanout=st.sampled_from(FANOUTS), seed=st.integers(0, 1000))
def test_a_topic_nobody_chose_stays_untouched_in_both_tables(
    steps: list[tuple[str, int, Choice, int]], fanout: tuple[str, ...], seed: int
) -> None:
    """A list that one engine writes refuses nothing in the other table."""

    async def tell() -> None:
        pair = Pair(fanout, seed)
        pair.didomi.click(ANN, {EMAIL: NO})
        await pair.deliver()
        chosen = set()
        for where, number, choice, gap in steps:
            if where == "didomi" and LINES[number].node.option:
                continue
            pair.clock.advance(gap)
            pair.click(where, number, choice)
            chosen.add(number)
            await pair.deliver()
        for number in {1, 2} - chosen:
            assert pair.sides(number) == (NONE, NONE, NONE)

    asyncio.run(tell())
