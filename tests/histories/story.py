"""What the histories are made of: a person's choices on many lines, and everything in between."""

import os
from dataclasses import dataclass, field
from typing import Protocol

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from consent_sync.domain.consent import Choice, Pick
from consent_sync.domain.events import DidomiItem, ProfileHint
from consent_sync.domain.identity import Names
from consent_sync.domain.mapping import Line
from consent_sync.domain.moments import Micros
from consent_sync.domain.state import LineState
from tests.doubles.engine import Engine
from tests.doubles.mappings import EMAIL, NEWS, SMS, SPORT, a_line, a_mapping
from tests.doubles.platforms import FANOUTS, FAULTS, Profile
from tests.tally import TALLY

ANN = "ann@example.com"
YES, NO, NONE = Choice.GRANTED, Choice.DENIED, Choice.NONE
TOPICS = Pick("marketing", "topics")

# How many histories of each kind; more of them before a release.
HISTORIES = int(os.environ.get("HISTORIES", "300"))


def histories(share: float = 1.0) -> settings:
    """Return settings for a share of the wished number of histories."""
    return settings(
        max_examples=max(20, int(HISTORIES * share)),
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


LINES = (
    a_line("Newsletter", EMAIL, number=14),
    a_line("SportNews", SPORT, number=15),
    a_line("News", NEWS, number=16),
    a_line("NoTexts", SMS, inverted=True, number=17),
)


@dataclass(frozen=True)
class Said:
    """A choice a person really made; `changed` is false where the side held it already."""

    at: Micros
    side: str
    line: str
    choice: Choice
    changed: bool


@dataclass
class Story:
    """The engine between two worlds, and the truth about the person, side by side."""

    engine: Engine
    said: list[Said] = field(default_factory=list)
    lost: set[str] = field(default_factory=set)
    lost_refusals: set[str] = field(default_factory=set)
    unposted_for: int = 0

    @classmethod
    def start(cls, *lines: Line, profile: bool = True, **changes: object) -> "Story":
        """Begin with an empty profile, or none, and these lines."""
        engine = Engine(a_mapping(*(lines or LINES), **changes))
        if profile:
            engine.actito.profiles[ANN] = Profile("1042")
        return cls(engine)

    @property
    def lines(self) -> tuple[Line, ...]:
        """Return the lines of the mapping in force."""
        return self.engine.mapping.lines

    def line(self, line: Line) -> LineState:
        """Return what the engine knows about a line."""
        return self.engine.lane(ANN).state.lines.get(line.id, LineState())

    def holds(self, line: Line) -> tuple[Choice, Choice]:
        """Return what Didomi and Actito hold on a line, in Didomi's sense."""
        profile = self.engine.actito.profiles.get(ANN)
        subscribed = profile.subscriptions.get(line.id) if profile else None
        actito = NONE if subscribed is None else YES if subscribed != line.inverted else NO
        return self.engine.didomi.holds(ANN, line.node), actito

    def sides(self) -> dict[str, tuple[Choice, Choice]]:
        """Return what Didomi and Actito hold, by line."""
        return {line.id: self.holds(line) for line in self.lines}

    def click(self, side: str, line: Line, choice: Choice) -> None:
        """Let the person choose on one line; a topic is chosen on a page that shows all topics."""
        if side == "actito":
            self._note(side, line, choice, self.holds(line)[1])
            self.engine.actito.click(ANN, line.id, subscribe=(choice is YES) != line.inverted)
        elif line.node.option:
            held = self.engine.didomi.picks.get(ANN, {}).get(TOPICS, (frozenset(), 0))[0]
            option = frozenset({line.node.option})
            self.tick(held | option if choice is YES else held - option)
        else:
            self._note(side, line, choice, self.holds(line)[0])
            self.engine.didomi.click(ANN, {line.node: choice})

    def tick(self, chosen: frozenset[str]) -> None:
        """Let the person save the page of topics with these ticked."""
        held = self.engine.didomi.picks.get(ANN, {}).get(TOPICS, (frozenset(), 0))[0]
        for line in self.lines:
            if not line.node.option:
                continue
            was, is_ticked = line.node.option in held, line.node.option in chosen
            if was is not is_ticked:
                self._note("didomi", line, YES if is_ticked else NO, YES if was else NO)
            elif chosen and not is_ticked and all(said.line != line.id for said in self.said):
                # A first list refuses all that is not in it: the page showed every topic.
                self._note("didomi", line, NO, NONE)
        self.engine.didomi.click(ANN, {}, {TOPICS: chosen})

    def _note(self, side: str, line: Line, choice: Choice, before: Choice) -> None:
        changed = before is not choice
        self.said.append(Said(self.engine.clock.now(), side, line.id, choice, changed))

    def newest(self, line: Line) -> Said | None:
        """Return the newest choice on a line.

        Refusing in Actito what it refuses already is none: nobody can tell it from an echo of ours.
        """
        counted = (
            said
            for said in reversed(self.said)
            if said.line == line.id
            and (said.changed or said.side == "didomi" or said.choice is YES)
        )
        return next(counted, None)

    def written(self, line: Line) -> list[tuple[Micros, Choice]]:
        """Return what our writes changed on a line, on both sides."""
        actito = [
            (one.at, YES if one.value != line.inverted else NO)
            for one in self.engine.actito.written
            if one.place == line.id
        ]
        didomi = [
            (one.at, YES if one.value else NO)
            for one in self.engine.didomi.written
            if one.place == line.node
        ]
        return actito + didomi

    def raised_at(self, line: Line) -> Micros:
        """Return when a write of ours last raised a line on a side, 0 for never."""
        return max((at for at, choice in self.written(line) if choice is YES), default=0)

    def hidden(self, line: Line, said: Said | None = None) -> bool:
        """Say whether a choice, the newest one if not said, is a no that looks like an echo of ours.

        Its webhook came within the hour in which the echo of such a write may come. This is an open
        history of docs/explanation/consent-rules.md, and so is a no of ours that a side answered
        with success and did not take. A second no in Didomi is no change of a user that is posted.
        """
        newest, engine = said or self.newest(line), self.engine
        if newest is None or newest.choice is not NO:
            return False
        if newest.side == "didomi":
            if line.id in self.lost:
                # A lost no of Didomi is found by a look only where no older no of ours hides it,
                # and an empty list takes back only what was seen to be granted.
                return True
            ignored = (one.place == line.id for one in engine.actito.ignored)
            return not newest.changed or any(ignored)
        if line.node.option and engine.didomi.ignored:
            return True
        ours = [one for one in engine.actito.tried if one.place == line.id]
        return any(
            write.value is line.inverted
            and write.at <= item.received_at <= write.at + engine.rules.webhook_max_delay
            for write in ours
            for item in engine.items.values()
            if isinstance(item.content, ProfileHint)
            and item.content.subscriptions.get(line.id) is line.inverted
            and item.received_at >= newest.at
        )

    def lose(self, item: DidomiItem | ProfileHint) -> None:
        """Take note of a webhook that will never arrive."""
        if isinstance(item, DidomiItem):
            self.lost |= {line.id for line in self.lines}
            return
        for line in self.lines:
            shown = item.subscriptions.get(line.id)
            if shown is not None:
                self.lost.add(line.id)
                if shown is line.inverted:
                    self.lost_refusals.add(line.id)

    async def rest(self) -> None:
        """Let everything that is on its way arrive, and both sides be looked at once more."""
        engine = self.engine
        engine.crash_at_settle = engine.crash_at_announce = False
        for world in (engine.actito, engine.didomi):
            world.faults.queue.clear()
            for landing in world.late:
                landing()
            world.late.clear()
        await engine.run()
        await self.confirm()
        engine.clock.advance(30)
        engine.receive(ProfileHint(Names(actito_key=ANN)))
        if ANN in engine.didomi.nodes:
            engine.receive(engine.didomi.shown(ANN))
        await engine.run()

    async def confirm(self) -> None:
        """Let the look come that nothing else made unnecessary."""
        engine = self.engine
        due_at = engine.lane(ANN).due_at
        if due_at is not None:
            engine.clock.time = max(engine.clock.time, due_at)
            await engine.take(ANN)
            await engine.run()


class Step(Protocol):
    """One thing that happens in a history."""

    async def play(self, story: Story) -> None:
        """Let it happen."""
        ...


@dataclass(frozen=True)
class Click:
    """The person chooses, at least five seconds after anything else."""

    side: str
    line: int
    choice: Choice

    async def play(self, story: Story) -> None:
        story.engine.clock.advance(5)
        story.click(self.side, story.lines[self.line % len(story.lines)], self.choice)


@dataclass(frozen=True)
class Wait:
    """Time passes; the rules rest on Actito's webhooks being under way for an hour at most."""

    seconds: int

    async def play(self, story: Story) -> None:
        engine = story.engine
        story.unposted_for += self.seconds
        if story.unposted_for > 3000:
            while engine.actito.outbox:
                engine.receive(engine.actito.outbox.pop(0))
            story.unposted_for = 0
        engine.clock.advance(self.seconds)


@dataclass(frozen=True)
class Post:
    """A webhook arrives: once, as the first of two, or never."""

    side: str
    place: int
    how: str = "once"

    async def play(self, story: Story) -> None:
        engine = story.engine
        box = engine.didomi.outbox if self.side == "didomi" else engine.actito.outbox
        if not box:
            return
        place = self.place % len(box)
        item = box[place] if self.how == "twice" else box.pop(place)
        if self.how == "never":
            story.lose(item)
        else:
            engine.receive(item)


@dataclass(frozen=True)
class Turn:
    """The worker comes by."""

    async def play(self, story: Story) -> None:
        await story.engine.take(ANN)


@dataclass(frozen=True)
class Fault:
    """The next call to a side goes wrong."""

    side: str
    fault: str

    async def play(self, story: Story) -> None:
        world = story.engine.didomi if self.side == "didomi" else story.engine.actito
        world.faults.queue.append(self.fault)


@dataclass(frozen=True)
class CrashAt:
    """The process dies at the next settling or announcing."""

    where: str

    async def play(self, story: Story) -> None:
        story.engine.crash_at_settle = self.where == "settle"
        story.engine.crash_at_announce = self.where == "announce"


@dataclass(frozen=True)
class Land:
    """A write whose answer never came takes effect now."""

    side: str

    async def play(self, story: Story) -> None:
        world = story.engine.didomi if self.side == "didomi" else story.engine.actito
        if world.late:
            world.late.pop(0)()


@dataclass(frozen=True)
class Fanout:
    """From now on Didomi posts its changes as these webhooks."""

    kinds: tuple[str, ...]

    async def play(self, story: Story) -> None:
        story.engine.didomi.fanout = self.kinds


@dataclass(frozen=True)
class Quiet:
    """Everything under way arrives and is brought about, however long that takes."""

    async def play(self, story: Story) -> None:
        engine = story.engine
        engine.crash_at_settle = engine.crash_at_announce = False
        await engine.run(rounds=100)
        story.unposted_for = 0


@dataclass(frozen=True)
class Meet:
    """The person comes to Didomi and chooses nothing yet."""

    async def play(self, story: Story) -> None:
        story.engine.didomi.click(ANN, {})


choices = st.sampled_from([YES, NO])
sides = st.sampled_from(["didomi", "actito"])
clicks = st.builds(Click, sides, st.integers(0, len(LINES) - 1), choices)
waits = st.builds(Wait, st.sampled_from([1, 10, 60, 400, 2000]))
posts = st.builds(Post, sides, st.integers(0, 4), st.sampled_from(["once", "once", "twice"]))
losses = st.builds(Post, sides, st.integers(0, 4), st.just("never"))
turns = st.just(Turn())
troubles = st.one_of(
    st.builds(Fault, sides, st.sampled_from([*FAULTS, "", "crash", "crash before"])),
    st.builds(CrashAt, st.sampled_from(["settle", "announce"])),
    st.builds(Land, sides),
)
fanouts = st.builds(Fanout, st.sampled_from(FANOUTS))
quiet = st.just(Quiet())
usual = (clicks, clicks, clicks, waits, posts, posts, turns, quiet)


def lists_of(*kinds: st.SearchStrategy[Step]) -> st.SearchStrategy[list[Step]]:
    """Return histories of these kinds of steps, of people whom Didomi knows or does not know."""
    # Waiting for nothing comes first, so that what does not matter shrinks to it.
    steps = st.lists(st.one_of(st.just(Wait(0)), *kinds), min_size=12, max_size=30)
    return st.tuples(st.sampled_from([[], [Meet()]]), steps).map(lambda two: [*two[0], *two[1]])


async def play(story: Story, steps: list[Step]) -> None:
    """Play a history to its end; a step that has nothing to work on does nothing."""
    TALLY["steps"] += len(steps)
    for step in steps:
        story.engine.clock.advance(0.2)
        await step.play(story)
    await story.rest()
