"""Generated histories: whatever the order, loss and trouble, the promises of consent hold."""

import asyncio
import os
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consent_sync.domain.consent import Choice
from consent_sync.domain.events import DidomiItem, ProfileHint
from consent_sync.domain.identity import Names
from consent_sync.domain.mapping import SyncMode
from consent_sync.domain.moments import Micros
from tests.doubles.engine import Engine
from tests.doubles.mappings import EMAIL, a_line, a_mapping
from tests.doubles.platforms import FAULTS, ActitoWorld, DidomiWorld, Profile
from tests.tally import TALLY

ANN = "ann@example.com"
YES, NO = Choice.GRANTED, Choice.DENIED

choices = st.sampled_from([YES, NO])
sides = st.sampled_from(["didomi", "actito"])
gaps = st.sampled_from([10, 60, 400, 4000, 90_000])
starts = st.sampled_from([None, True, False])

# How many histories of each kind; more of them before a release.
HISTORIES = int(os.environ.get("HISTORIES", "500"))
CALM = settings(max_examples=HISTORIES, deadline=None, suppress_health_check=list(HealthCheck))
WILD = settings(max_examples=2 * HISTORIES, deadline=None, suppress_health_check=list(HealthCheck))


@dataclass
class Click:
    """A choice a person really made."""

    at: Micros
    side: str
    choice: Choice
    again: DidomiItem | None = None
    """The webhook of a refusal in Didomi that changed nothing there: nothing else tells of it."""


@dataclass
class History:
    """The engine and the truth about the person, side by side."""

    engine: Engine
    clicks: list[Click] = field(default_factory=list)
    lost_refusal: bool = False
    lost: list[Any] = field(default_factory=list)

    @classmethod
    def start(cls, subscribed: bool | None, sync: SyncMode = SyncMode.TWO_WAY) -> "History":
        """Begin with a profile that holds nothing, a yes or a no that nobody told us."""
        engine = Engine(a_mapping(a_line(sync=sync)))
        profile = engine.actito.profiles[ANN] = Profile("1042")
        if subscribed is not None:
            profile.subscriptions["Newsletter"] = subscribed
        return cls(engine)

    def click(self, side: str, choice: Choice) -> None:
        """Let the person choose.

        Refusing in Actito what is refused there already is no choice here: its webhook cannot be
        told from an echo of ours (docs/explanation/consent-rules.md names this open history).
        """
        now, (didomi, actito) = self.engine.clock.now(), self.sides()
        if side == "didomi":
            item = self.engine.didomi.click(ANN, {EMAIL: choice})
            again = item if choice is didomi is NO else None
            self.clicks.append(Click(now, side, choice, again))
            return
        if choice is YES or actito is not NO:
            self.clicks.append(Click(now, side, choice))
        self.engine.actito.click(ANN, "Newsletter", subscribe=choice is YES)

    def world(self, side: str) -> DidomiWorld | ActitoWorld:
        """Return one platform."""
        return self.engine.didomi if side == "didomi" else self.engine.actito

    def box(self, side: str) -> list[Any]:
        """Return the webhooks that a platform has not posted yet."""
        return self.world(side).outbox

    def sides(self) -> tuple[Choice, Choice]:
        """Return what Didomi and Actito hold."""
        subscribed = self.engine.actito.profiles[ANN].subscriptions.get("Newsletter")
        actito = Choice.NONE if subscribed is None else YES if subscribed else NO
        return self.engine.didomi.holds(ANN, EMAIL), actito

    async def rest(self) -> None:
        """Let everything that is on its way arrive, and both sides be looked at once more."""
        engine = self.engine
        engine.actito.faults.queue.clear()
        engine.didomi.faults.queue.clear()
        for world in (engine.actito, engine.didomi):
            for landing in world.late:
                landing()
            world.late.clear()
        await engine.run()
        due_at = engine.lane(ANN).due_at
        if due_at is not None:
            engine.clock.time = max(engine.clock.time, due_at)
            await engine.take(ANN)
            await engine.run()
        engine.clock.advance(30)
        engine.receive(ProfileHint(Names(actito_key=ANN)))
        if ANN in engine.didomi.nodes:
            engine.receive(engine.didomi.shown(ANN))
        await engine.run()


@CALM
@given(
    start=starts,
    steps=st.lists(st.tuples(sides, choices, gaps), min_size=1, max_size=8),
    seed=st.integers(0, 1000),
)
def test_without_faults_the_newest_choice_wins(
    start: bool | None, steps: list[tuple[str, Choice, int]], seed: int
) -> None:
    """Webhooks arrive within seconds, in any order, clicks further apart: newest yes or no wins."""

    async def play() -> None:
        history = History.start(start)
        engine, chance = history.engine, random.Random(seed)
        # Both sides are known: a person's first contact is another story, told elsewhere.
        history.click("didomi", NO)
        await engine.run()
        for side, choice, gap in steps:
            engine.clock.advance(gap)
            history.click(side, choice)
            await _deliver_in_any_order(engine, chance)
            newest = history.clicks[-1].choice
            assert history.sides() == (newest, newest)

    asyncio.run(play())


async def _deliver_in_any_order(engine: Engine, chance: random.Random) -> None:
    # The click before, and every webhook that it caused.
    TALLY["steps"] += 1 + len(engine.didomi.outbox) + len(engine.actito.outbox)
    for _ in range(20):
        boxes = [box for box in (engine.didomi.outbox, engine.actito.outbox) if box]
        if not boxes:
            break
        box = chance.choice(boxes)
        engine.receive(box.pop(chance.randrange(len(box))))
        engine.clock.advance(chance.random() / 2)
        if chance.random() < 0.7:
            await engine.take(ANN)
    await engine.run()


Step = tuple[str, Any, Any]
wild_steps = st.lists(
    st.one_of(
        st.tuples(st.just("click"), sides, choices),
        st.tuples(st.just("wait"), gaps, st.just(0)),
        st.tuples(st.just("deliver"), sides, st.integers(0, 3)),
        st.tuples(st.just("twice"), sides, st.integers(0, 3)),
        st.tuples(st.just("lose"), sides, st.integers(0, 3)),
        st.tuples(st.just("turn"), st.just(0), st.just(0)),
        st.tuples(st.just("fault"), sides, st.sampled_from([*FAULTS, "", "crash", "crash before"])),
        st.tuples(st.just("crash"), st.sampled_from(["settle", "announce"]), st.just(0)),
        st.tuples(st.just("land"), sides, st.just(0)),
    ),
    min_size=1,
    max_size=16,
)


async def play_wild(history: History, steps: list[Step]) -> None:
    """Play one wild history; a step that has nothing to work on does nothing."""
    engine = history.engine
    TALLY["steps"] += len(steps)
    for kind, one, two in steps:
        engine.clock.advance(0.2)
        if kind == "turn":
            await engine.take(ANN)
        else:
            PLAYS[kind](history, one, two)
    engine.crash_at_settle = engine.crash_at_announce = False
    await history.rest()


def _play_click(history: History, side: str, choice: Choice) -> None:
    history.engine.clock.advance(5)
    history.click(side, choice)


def _play_wait(history: History, seconds: int, _: object) -> None:
    # The rules rest on Actito's webhooks being under way for an hour at most.
    engine = history.engine
    while engine.actito.outbox and seconds > 3000:
        engine.receive(engine.actito.outbox.pop(0))
    engine.clock.advance(seconds)


def _play_post(history: History, side: str, place: int, *, keep: bool = False) -> None:
    if box := history.box(side):
        item = box[place % len(box)] if keep else box.pop(place % len(box))
        history.engine.receive(item)


def _play_lose(history: History, side: str, place: int) -> None:
    if box := history.box(side):
        history.lost.append(box.pop(place % len(box)))
        history.lost_refusal |= _is_refusal(history.lost[-1])


def _play_fault(history: History, side: str, fault: str) -> None:
    history.world(side).faults.queue.append(fault)


def _play_crash(history: History, place: str, _: object) -> None:
    history.engine.crash_at_settle = place == "settle"
    history.engine.crash_at_announce = place == "announce"


def _play_landing(history: History, side: str, _: object) -> None:
    if late := history.world(side).late:
        late.pop(0)()


PLAYS: dict[str, Callable[[History, Any, Any], None]] = {
    "click": _play_click,
    "wait": _play_wait,
    "deliver": _play_post,
    "twice": partial(_play_post, keep=True),
    "lose": _play_lose,
    "fault": _play_fault,
    "crash": _play_crash,
    "land": _play_landing,
}


def _is_refusal(item: object) -> bool:
    return isinstance(item, ProfileHint) and item.subscriptions.get("Newsletter") is False


@WILD
@given(start=starts, steps=wild_steps)
def test_a_withdrawn_consent_does_not_come_back(start: bool | None, steps: list[Step]) -> None:
    """Whatever is lost, late, doubled, refused or crashes: the newest refusal is what remains."""
    history = History.start(start)
    asyncio.run(play_wild(history, steps))
    newest = history.clicks[-1] if history.clicks else None
    if newest is None or newest.choice is not NO or history.lost_refusal:
        return
    if newest.again is not None and newest.again in history.lost:
        # One of the open histories.
        return

    line = history.engine.lane(ANN).state.lines.get("Newsletter")
    raised = [at for world in (history.engine.actito, history.engine.didomi) for at in world.raises]
    if line is not None and line.held and max(raised, default=0) < newest.at:
        return

    assert YES not in history.sides()


@WILD
@given(start=starts, steps=wild_steps)
def test_nothing_is_granted_without_a_grant(start: bool | None, steps: list[Step]) -> None:
    """A side holds a yes at the end only if the person said yes, or it held one from the start."""
    history = History.start(start)
    asyncio.run(play_wild(history, steps))
    granted = any(click.choice is YES for click in history.clicks)

    if not granted:
        assert history.sides()[0] is not YES
        assert start is True or history.sides()[1] is not YES


@WILD
@given(start=starts, steps=wild_steps)
def test_both_sides_agree_in_the_end(start: bool | None, steps: list[Step]) -> None:
    """When everything that can arrive has arrived, both sides hold the same, or it is held."""
    history = History.start(start)
    lost = any(kind == "lose" for kind, *_ in steps)
    asyncio.run(play_wild(history, steps))
    line = history.engine.lane(ANN).state.lines.get("Newsletter")
    didomi, actito = history.sides()
    spoken = line is not None and bool(line.latest)

    if spoken and not lost and line is not None and not line.held and history.clicks:
        # Actito does not say whether a name that it does not list is refused or was never chosen.
        same = didomi is actito or {didomi, actito} == {NO, Choice.NONE}
        assert same or didomi is Choice.NONE
        assert line.agreed
