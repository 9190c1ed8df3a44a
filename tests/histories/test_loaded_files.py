"""Rows of files amid clicks and lost webhooks: no row brings a withdrawn consent back."""

import asyncio
from dataclasses import dataclass, field

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from consent_sync.domain.consent import Choice
from consent_sync.domain.moments import MINUTE, SECOND, Micros
from consent_sync.domain.replay import replay
from consent_sync.domain.verdicts import Verdict
from consent_sync.ports.lists import ChoiceRow
from tests.doubles.engine import Engine
from tests.doubles.mappings import EMAIL, MARKETING, a_line, a_mapping
from tests.histories.story import histories

ANN = "ann@example.com"
NODES = {"Newsletter": EMAIL, "DailyDeals": MARKETING}
YES, NO, NOTHING = Choice.GRANTED, Choice.DENIED, Choice.NONE


@dataclass
class Story:
    """One person between both sides and a heap of files."""

    engine: Engine = field(
        default_factory=lambda: Engine(
            a_mapping(a_line(), a_line("DailyDeals", MARKETING, number=15))
        )
    )
    # What the person chose, where, and when, by line.
    clicks: list[tuple[Micros, str, Choice]] = field(default_factory=list)

    async def step(self, word: str) -> None:
        """Do what a word says, a minute after the one before."""
        self.engine.clock.advance(60)
        match word.split():
            case ["deliver"]:
                await self.engine.run()
            case ["lose"]:
                self.engine.didomi.outbox.clear()
                self.engine.actito.outbox.clear()
            case ["wait"]:
                await self.engine.run()
                self.engine.clock.advance(7_200)
            case ["paper", choice, line]:
                # A choice that only a file will tell of.
                self._chose(line, choice)
            case ["load"]:
                await self._load()
            case [side, choice, line]:
                self._chose(line, choice)
                if side == "didomi":
                    self.engine.didomi.click(ANN, {NODES[line]: _choice(choice)})
                else:
                    self.engine.actito.click(ANN, line, subscribe=choice == "yes")

    def _chose(self, line: str, choice: str) -> None:
        self.clicks.append((self.engine.clock.now(), line, _choice(choice)))

    async def _load(self) -> None:
        """Load a file of all that was chosen, dated, and of the refusals without a date."""
        for at, line, choice in self.clicks:
            self.engine.load(ChoiceRow(2, ANN, {line: choice}, (at, at + SECOND - 1)))
        await self.engine.run()

    def newest(self, line: str) -> tuple[Micros, Choice]:
        """Return the person's newest choice on a line."""
        return max(
            (at, choice) for at, name, choice in [*self.clicks, (0, line, NOTHING)] if name == line
        )


def _choice(word: str) -> Choice:
    return YES if word == "yes" else NO


async def play(words: list[str]) -> Story:
    story = Story()
    for word in words:
        await story.step(word)
    await story.engine.run()
    return story


def written(story: Story, since: Micros, line: str) -> list[object]:
    """Return the agreements that we wrote on a line since a moment."""
    engine = story.engine
    return [
        one
        for one in (*engine.actito.written, *engine.didomi.written)
        if one.value and one.at > since and one.place in {line, NODES[line]}
    ]


WORDS = [
    f"{side} {word} {line}"
    for side in ("didomi", "actito", "paper")
    for word in ("yes", "no")
    for line in NODES
]


@histories(0.5)
@example(["didomi yes Newsletter", "deliver", "didomi no Newsletter", "lose", "load"])
@example(["didomi yes Newsletter", "lose", "actito no Newsletter", "lose", "load"])
@example(["paper yes Newsletter", "didomi no Newsletter", "lose", "load"])
@example(["paper yes Newsletter", "actito no Newsletter", "lose", "load", "load"])
@given(st.lists(st.sampled_from([*WORDS, "deliver", "lose", "wait", "load"]), max_size=12))
def test_no_row_wakes_a_newer_refusal(words: list[str]) -> None:
    """Whoever refused last, on a side or on paper, is not raised by any file that is loaded after."""
    story = asyncio.run(play([*words, "load"]))

    for line in NODES:
        at, choice = story.newest(line)
        assert choice is not NO or not written(story, at + 3 * MINUTE, line), line


@histories(0.5)
@given(st.lists(st.sampled_from([*WORDS, "deliver", "lose", "load"]), max_size=10))
def test_loading_again_writes_nothing(words: list[str]) -> None:
    """The same file is no news the second time, and the ledger leads to the same state."""
    story = asyncio.run(play([*words, "wait", "load", "wait"]))
    engine = story.engine
    before = len(engine.actito.written), len(engine.didomi.written)
    asyncio.run(play_on(story, ["load"]))
    lane = engine.lane(ANN)

    assert (len(engine.actito.written), len(engine.didomi.written)) == before
    assert (
        replay(lane.records, engine.items, engine.versions, engine.rules, engine.subject(ANN))
        == lane.state
    )


async def play_on(story: Story, words: list[str]) -> None:
    for word in words:
        await story.step(word)


def row(choice: Choice, at: Micros | None, line: str = "Newsletter") -> ChoiceRow:
    return ChoiceRow(2, ANN, {line: choice}, None if at is None else (at, at))


async def test_an_agreement_on_paper_reaches_both_sides() -> None:
    """Where nobody holds a refusal, it is written to both."""
    story = await play(["didomi yes DailyDeals", "deliver"])
    engine = story.engine
    engine.actito.click(ANN, "DailyDeals", subscribe=True)
    engine.load(row(YES, engine.clock.now() - 60 * MINUTE))
    await engine.run()

    assert engine.didomi.holds(ANN, EMAIL) is YES
    assert engine.actito.profiles[ANN].subscriptions["Newsletter"] is True


async def test_an_agreement_without_a_time_counts_for_nothing() -> None:
    """Whatever handed it over."""
    story = await play(["actito yes DailyDeals", "deliver"])
    engine = story.engine
    engine.load(row(YES, None))
    await engine.run()

    assert "Newsletter" not in engine.actito.profiles[ANN].subscriptions
    assert engine.entries(ANN)[-1].verdict is Verdict.NO_CHANGE


async def test_a_refusal_without_a_time_lowers_both() -> None:
    """Nobody can say that it is older than what both sides hold."""
    story = await play(["didomi yes Newsletter", "actito yes Newsletter", "wait"])
    engine = story.engine
    engine.load(row(NO, None))
    await engine.run()

    assert engine.didomi.holds(ANN, EMAIL) is NO
    assert engine.actito.profiles[ANN].subscriptions["Newsletter"] is False


async def test_an_old_refusal_yields_to_a_newer_agreement() -> None:
    """What the person agreed to in Didomi since stays."""
    story = await play(["didomi yes Newsletter", "actito yes Newsletter", "wait"])
    engine = story.engine
    engine.load(row(NO, engine.clock.now() - 1_000 * MINUTE))
    await engine.run()

    assert engine.didomi.holds(ANN, EMAIL) is YES
    assert engine.actito.profiles[ANN].subscriptions["Newsletter"] is True


@pytest.mark.parametrize("side", ["didomi", "actito"])
async def test_an_agreement_beside_a_refusal_of_unknown_age_is_held(side: str) -> None:
    """On whichever side the refusal is, and an operator may release it."""
    story = await play([f"{side} no Newsletter", "lose", "actito no DailyDeals", "lose"])
    engine = story.engine
    engine.load(row(YES, engine.clock.now() - 600 * MINUTE))
    await engine.run()
    [doubt, *_] = engine.doubts(ANN)

    assert doubt.verdict is Verdict.HELD_REVIEW
    assert not engine.actito.profiles[ANN].subscriptions.get("Newsletter")

    engine.decide(ANN, doubt, approve=True)
    await engine.run()

    assert engine.actito.profiles[ANN].subscriptions.get("Newsletter") is True


async def test_an_older_row_is_told_as_older() -> None:
    """Of several files the newest row counts."""
    story = await play(["actito yes Newsletter", "wait"])
    engine = story.engine
    now = engine.clock.now()
    engine.load(row(NO, now - 60 * MINUTE))
    await engine.run()
    engine.load(row(NO, now - 90 * MINUTE))
    await engine.run()

    assert engine.entries(ANN)[-1].verdict is Verdict.OLDER
