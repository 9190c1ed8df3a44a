"""Loads and sweeps amid clicks and lost webhooks: no history brings a withdrawn consent back."""

import asyncio
from dataclasses import dataclass, field

from hypothesis import example, given
from hypothesis import strategies as st

from consent_sync.domain.actito_hints import Hint
from consent_sync.domain.compare import Sides
from consent_sync.domain.consent import Choice
from consent_sync.domain.events import (
    DidomiItem,
    EventKind,
    Item,
    ProfileHint,
    ProfileReading,
    UserReading,
)
from consent_sync.domain.lines import Context
from consent_sync.domain.loads import (
    a_hint,
    loadable,
    refused_subscriptions,
    weigh_profile,
    weigh_user,
)
from consent_sync.domain.moments import Micros
from tests.doubles.engine import Engine
from tests.doubles.mappings import EMAIL, MARKETING, a_line, a_mapping
from tests.histories.story import histories

ANN = "ann@example.com"
NODES = {"Newsletter": EMAIL, "DailyDeals": MARKETING}
YES, NO = Choice.GRANTED, Choice.DENIED

CLICKS = [
    f"{side} {word} {line}"
    for side in ("didomi", "actito")
    for word in ("yes", "no")
    for line in NODES
]
STEPS = [*CLICKS, "deliver", "lose", "wait", "load didomi", "load actito", "sweep"]


@dataclass
class Story:
    """One person between both sides, with a load or a sweep now and then."""

    may_raise: bool
    engine: Engine = field(
        default_factory=lambda: Engine(
            a_mapping(a_line(), a_line("DailyDeals", MARKETING, number=15))
        )
    )
    chosen: dict[str, tuple[Micros, Choice]] = field(default_factory=dict)
    raised_by_load: list[str] = field(default_factory=list)

    async def step(self, word: str) -> None:
        """Do what a word says, a minute after the one before."""
        self.engine.clock.advance(60)
        parts = word.split()
        if parts[0] == "load" or word == "sweep":
            # What is under way comes first, so that whatever follows is the load's own doing.
            await self.engine.run()
            before, begun = self._raises(), self.engine.clock.now()
            await (self._sweep() if word == "sweep" else self._load(parts[1]))
            await self.engine.run()
            if self._raises() > before:
                self.raised_by_load.append(word)
            self._check_since(begun)
        elif word == "deliver":
            await self.engine.run()
        elif word == "lose":
            self.engine.didomi.outbox.clear()
            self.engine.actito.outbox.clear()
        elif word == "wait":
            # No webhook is under way for longer than the rules allow for; it may be lost.
            await self.engine.run()
            self.engine.clock.advance(7_200)
        else:
            self._click(*parts)

    def _click(self, side: str, word: str, line: str) -> None:
        choice = YES if word == "yes" else NO
        self.chosen[line] = (self.engine.clock.now(), choice)
        if side == "didomi":
            self.engine.didomi.click(ANN, {NODES[line]: choice})
        else:
            self.engine.actito.click(ANN, line, subscribe=word == "yes")

    def _raises(self) -> int:
        return len(self.engine.actito.raises) + len(self.engine.didomi.raises)

    async def _sides(self) -> Sides:
        engine = self.engine
        user = await engine.didomi.read_user(engine.mapping, ANN, "gdpr")
        return Sides((user,), await engine.actito.read_by_key(engine.mapping, ANN))

    def _context(self) -> Context:
        engine = self.engine
        return Context(engine.subject(ANN), engine.mapping, engine.rules, engine.clock.now())

    async def _load(self, side: str) -> None:
        """As the service does: weigh it, and leave out what would raise without leave."""
        sides, state, context = await self._sides(), self.engine.lane(ANN).state, self._context()
        user, profile = sides.didomi[0], sides.actito
        if side == "didomi" and isinstance(user, UserReading):
            item = _shown(user, may_raise=self.may_raise)
            weight = weigh_user(state, Item(0, context.now, item), item, sides, context)
            if weight.changes and (self.may_raise or not weight.raised):
                self.engine.receive(item)
        if side == "actito" and isinstance(profile, ProfileReading):
            refused = refused_subscriptions(state, profile, self.engine.mapping)
            hint: Hint = a_hint(state, refused, context)
            weight = weigh_profile(state, hint, sides, context)
            if refused and weight.changes and not weight.raised:
                self.engine.receive(ProfileHint(profile.names, dict(refused)))

    async def _sweep(self) -> None:
        """Bring both sides in as a repair does, whatever a comparison would say about them."""
        sides = await self._sides()
        user, profile = sides.didomi[0], sides.actito
        if isinstance(user, UserReading):
            self.engine.receive(_shown(user, may_raise=True))
        if isinstance(profile, ProfileReading):
            self.engine.receive(ProfileHint(profile.names))

    def _check_since(self, begun: Micros) -> None:
        """No yes was written by a load or a sweep where the person's newest word is a no."""
        written = [
            *((one.at, str(one.place), one.value) for one in self.engine.actito.written),
            *(
                (one.at, line, one.value)
                for one in self.engine.didomi.written
                for line, node in NODES.items()
                if one.place == node
            ),
        ]
        for line, (_, choice) in self.chosen.items():
            woken = [one for one in written if one[1] == line and one[2] and one[0] > begun]

            assert choice is not NO or not woken, (line, woken)


def _shown(user: UserReading, *, may_raise: bool) -> DidomiItem:
    return DidomiItem(
        EventKind.CONSENT_USER,
        "user.updated",
        ANN,
        "gdpr",
        shown=loadable(user, may_raise=may_raise),
        updated_at=user.updated_at,
    )


async def play(words: list[str], *, may_raise: bool) -> Story:
    story = Story(may_raise)
    for word in words:
        await story.step(word)
    return story


@histories(0.5)
@example(["actito no Newsletter", "lose", "didomi yes Newsletter", "lose", "load didomi"])
@example(["didomi yes Newsletter", "lose", "actito no Newsletter", "lose", "load didomi"])
@given(st.lists(st.sampled_from(STEPS), max_size=14))
def test_a_load_without_leave_never_raises(words: list[str]) -> None:
    """Whatever was clicked and lost before, nothing of a load becomes a yes."""
    story = asyncio.run(play(words, may_raise=False))

    assert "load didomi" not in story.raised_by_load
    assert "load actito" not in story.raised_by_load


@histories(0.5)
@example(["didomi yes Newsletter", "lose", "wait", "actito no Newsletter", "load didomi"])
@example(["actito no Newsletter", "didomi yes Newsletter", "lose", "load didomi"])
@example(
    [
        "didomi yes DailyDeals",
        "actito no DailyDeals",
        "lose",
        "didomi yes Newsletter",
        "load didomi",
    ]
)
@given(st.lists(st.sampled_from(STEPS), max_size=14))
def test_a_load_with_leave_wakes_no_refusal(words: list[str]) -> None:
    """With leave to raise, a refusal that is the newest word still stays one."""
    asyncio.run(play(words, may_raise=True))
