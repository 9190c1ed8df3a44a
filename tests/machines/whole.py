"""The machine that plays histories on the whole engine, and breaks what it can."""

import asyncio
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from consent_sync.domain.consent import Choice
from consent_sync.domain.identity import Side, Subject
from consent_sync.domain.moments import SECOND
from consent_sync.domain.state import LineState
from consent_sync.simulators.faults import Effect, Fault, FaultKind
from tests.machines.promises import Conditions, Judge
from tests.machines.stage import Engine, Mail, Platforms, arrivals
from tests.machines.truth import ANN, BEN, LINES, NO, PEOPLE, YES, Truth, places
from tests.tally import TALLY

HEAD = """\
name: brand-a
contact: privacy@example.com
didomi: {organization_id: acme, regulations: [gdpr]}
actito: {entity_id: acme, table_name: Customers, user_unique_key: customerId}
mappings:
"""
VALUES = {
    "Newsletter": "{channel: email}",
    "DailyDeals": "{purpose: marketing}\n    inverted: true",
    "SportNews": "{purpose: marketing, preference: topics, option: sport}",
    "SmsDeals": "{purpose: marketing, preference: topics, option: news}",
}
MODES = ("two-way", "two-way-strict", "to-actito", "to-didomi", "off", "")
"""The last one leaves the line out of the file."""

FAULTS: dict[str, dict[str, Any]] = {
    "busy": {"status": 429},
    "down": {"status": 503},
    "down after all": {"status": 503, "effect": Effect.BEFORE},
    "cut": {"kind": FaultKind.RESET},
    "cut after all": {"kind": FaultKind.RESET, "effect": Effect.BEFORE},
    "cut, lands later": {"kind": FaultKind.RESET, "effect": Effect.LATER},
    "half an answer": {"kind": FaultKind.TRUNCATED_BODY},
    "refused": {"status": 400},
    "no rights": {"status": 401},
}
WRITES = {"update": Side.ACTITO, "create": Side.ACTITO, "send_events": Side.DIDOMI}

ODDITIES = [
    frozenset[str](),
    frozenset[str](),
    frozenset({"edits"}),
    frozenset({"writes without effect"}),
]
"""What makes much of a history open does not happen in most of them."""

# Most happens to one person and on few lines, where one thing meets another.
people = st.sampled_from([ANN, ANN, ANN, BEN])
lines = st.sampled_from(["Newsletter", "Newsletter", "SportNews", *LINES])
sides = st.sampled_from(list(Side))
choices = st.sampled_from([YES, NO])


def mapping(modes: dict[str, str]) -> str:
    """Return the mapping file with these modes of lines."""
    parts = [
        f"  - id: {line}\n    value: {VALUES[line]}\n    sync: {mode}\n"
        for line, mode in modes.items()
        if mode
    ]
    return HEAD + "".join(parts)


class Whole(RuleBasedStateMachine):
    """Two people, four lines, both platforms, and everything that may go wrong between them."""

    platforms: ClassVar[Platforms]
    runner: ClassVar[asyncio.Runner]
    memory = False

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="whole-"))
        self.modes = dict.fromkeys(LINES, "two-way")
        self.unposted = 0
        self.accepted: list[Mail] = []
        self.writes: Counter[Side] = Counter()
        self.oddities = frozenset[str]()
        self.platforms.begin_anew()
        self.truth = Truth(self.platforms)
        self.conditions = Conditions()
        self.judge = Judge(self.truth, self.conditions, TALLY, TALLY)
        self.engine = Engine(self.platforms, self.folder, mapping(self.modes), memory=self.memory)
        self.engine.tell = self._told
        self.runner.run(self.engine.start())

    def _told(self, name: str, args: Any) -> None:
        self.truth.note_call(name, args)
        if name in WRITES:
            self.writes[WRITES[name]] += 1
        for place, done, before in self.truth.witness():
            self.judge.raised_over(place, done, before)

    def _play(self, step: Any) -> None:
        TALLY["steps"] += 1
        self.platforms.clock.advance(0.2)
        self.truth.witness()
        self.runner.run(step)
        self.truth.witness()

        assert not self.judge.broken

    # --- how it begins ---

    @initialize(
        skew=st.sampled_from([0, 0, 0, 0, 1, -1, 10, -10, 3 * 3600, -3 * 3600]),
        fan_out=st.sampled_from(["event_then_user", "user_then_event", "event_only", "user_only"]),
        silent=st.booleans(),
        met=st.sets(people),
        oddities=st.sampled_from(ODDITIES),
    )
    def begin(
        self, skew: int, fan_out: str, silent: bool, met: set[str], oddities: frozenset[str]
    ) -> None:
        """Give everybody a profile, and some a Didomi user that holds nothing."""
        self.oddities = oddities
        self.platforms.skew = self.conditions.skew = skew * SECOND
        self.conditions.users_only = fan_out == "user_only"
        self.platforms.didomi.turn(
            webhook_fan_out=fan_out, disable_integrations_silences_webhooks=silent
        )
        for person in PEOPLE:
            self.platforms.actito.world.seed({"customerId": person})
            if person in met:
                self.platforms.didomi.click(person, {"purposes": {"partners": True}})
        self.truth.begin()
        self._play(self.platforms.posted())

    # --- what people do ---

    @rule(person=people, line=lines, choice=choices)
    def click_in_didomi(self, person: str, line: str, choice: Choice) -> None:
        """Choose in Didomi."""
        self.click(Side.DIDOMI, person, line, choice)

    @rule(person=people, line=lines)
    def change_ones_mind(self, person: str, line: str) -> None:
        """Choose in Actito, and the opposite in Didomi seconds after."""
        self.click(Side.ACTITO, person, line, YES)
        self.click(Side.DIDOMI, person, line, NO)

    @rule(person=people, line=lines, choice=choices)
    def click_in_actito(self, person: str, line: str, choice: Choice) -> None:
        """Choose in Actito."""
        self.click(Side.ACTITO, person, line, choice)

    def click(self, side: Side, person: str, line: str, choice: Choice, seconds: float = 5) -> None:
        """Choose, so many seconds after anything else."""
        self.platforms.clock.advance(seconds)
        self._play(self._choose(side, (person, line), choice))

    async def _choose(self, side: Side, place: tuple[str, str], choice: Choice) -> None:
        self.truth.choose(side, place, choice)
        await self.platforms.posted()

    @rule(moment=st.integers(0, 12), person=people, side=sides, line=lines, choice=choices)
    def click_amid_the_next_turn(
        self, moment: int, person: str, side: Side, line: str, choice: Choice
    ) -> None:
        """Choose between two calls of the next turn: between a look and a write, too."""

        async def choose() -> None:
            await self._choose(side, (person, line), choice)

        self.engine.moments.plans.append((moment, choose))
        self._play(self._turn())

    # --- what the way does ---

    @rule(seconds=st.sampled_from([1, 10, 60, 400, 2000]))
    def wait(self, seconds: int) -> None:
        """Let time pass; Actito's webhooks are under way for an hour at most."""
        self.unposted += seconds
        self._play(self._wait(seconds))

    async def _wait(self, seconds: int) -> None:
        if self.unposted > 3000:
            await self._post_all(Side.ACTITO)
            self.unposted = 0
        self.platforms.clock.advance(seconds)

    @rule(side=sides, place=st.integers(0, 5), how=st.sampled_from(["once", "once", "twice"]))
    def post(self, side: Side, place: int, how: str) -> None:
        """Deliver one of the waiting webhooks, once or as the first of two."""
        box = self.platforms.office.waiting[side]
        if box:
            place %= len(box)
            mail = box[place] if how == "twice" else box.pop(place)
            self._play(self._post(mail))

    @rule(side=sides, place=st.integers(0, 5))
    def lose(self, side: Side, place: int) -> None:
        """Lose one of the waiting webhooks."""
        box = self.platforms.office.waiting[side]
        if box:
            self.truth.note_mail(box.pop(place % len(box)), arrived=False)
            TALLY["steps"] += 1

    async def _post(self, mail: Any) -> None:
        self.truth.note_mail(mail, arrived=True)
        status = await self.engine.post(mail)

        assert status == 200, status
        self.accepted.append(mail)

    async def _post_all(self, *which: Side) -> bool:
        found = False
        for side in which:
            while box := self.platforms.office.waiting[side]:
                await self._post(box.pop(0))
                found = True
        return found

    # --- what the platforms do ---

    @rule(side=sides, what=st.sampled_from([*sorted(FAULTS), "land", "land", "tokens end"]))
    def trouble(self, side: Side, what: str) -> None:
        """Let the next call go wrong, an unanswered write land, or every token of ours end."""
        if what == "land":
            self._play(self.platforms.land(side))
            return
        TALLY["steps"] += 1
        if what in FAULTS:
            self.platforms.faults(side).add(Fault(**FAULTS[what]))
        else:
            self.platforms.actito.revoke_tokens()
            self.platforms.didomi.expire_sessions()

    @precondition(lambda self: "writes without effect" in self.oddities)
    @rule(side=sides)
    def write_without_effect(self, side: Side) -> None:
        """Let the next write be answered with success and not be carried out."""
        TALLY["steps"] += 1
        self.conditions.did_nothing.add(side)
        method = "PUT" if side is Side.ACTITO else "POST"
        self.platforms.faults(side).add(Fault(kind=FaultKind.NOTHING, method=method))

    # --- what the engine does, and what is done to it ---

    @rule()
    def turn(self) -> None:
        """Take a turn that is due."""
        self._play(self._turn())

    async def _turn(self) -> None:
        await self.engine.turn()

    @rule()
    def quiet(self) -> None:
        """Bring everything that is under way, and take turns until none is due."""
        self._play(self._quiet())

    async def _quiet(self) -> None:
        self.unposted = 0
        for _ in range(60):
            posted = await self._post_all(*Side)
            if not await self.engine.turn() and not posted:
                return
        raise AssertionError("the two sides do not come to rest")

    @precondition(lambda self: not self.memory)
    @rule(moment=st.none() | st.integers(0, 12))
    def die(self, moment: int | None) -> None:
        """Die now, or before or after any call or commit of the next turn, and start again."""
        if moment is None:
            self._play(self.engine.crash())
        else:
            self.engine.moments.plans.append((moment, self.engine.die))
            self._play(self._turn())

    @precondition(lambda self: "edits" in self.oddities)
    @rule(line=lines, mode=st.sampled_from(MODES))
    def edit_the_mapping(self, line: str, mode: str) -> None:
        """Change the mode of one line, or take it out of the file."""
        self.modes[line] = mode
        if not mode:
            self.conditions.unheard.add(line)
        if any(self.modes.values()):
            self._play(self.engine.edit(mapping(self.modes)))

    # --- how it ends ---

    def teardown(self) -> None:
        """Let everything arrive, sweep, and hold all promises against what came of it."""
        try:
            if self.truth.held:
                self.runner.run(self._end())
        finally:
            self.stop()

    def stop(self) -> None:
        """Stop the engine and leave nothing behind."""
        self.runner.run(self.engine.stop())
        shutil.rmtree(self.folder)

    async def _end(self) -> None:
        self.engine.moments.plans.clear()
        for side in Side:
            self.platforms.faults(side).clear()
            while self.platforms.late[side]:
                await self.platforms.land(side)
        self.truth.witness()
        # What was refused for its token or was too much is not tried again at once.
        self.platforms.clock.advance(60)
        await self._rest()
        await self.engine.sweep()
        await self._rest()
        await self._judge()
        await self._nothing_is_missing()
        await self._second_run()

        assert not self.judge.broken

    async def _rest(self) -> None:
        for _ in range(80):
            await self._quiet()
            self.truth.witness()
            if not (await self.engine.store.status()).waiting_turns:
                return
            self.platforms.clock.advance(901)
        raise AssertionError("turns wait for ever")

    async def _judge(self) -> None:
        mapping = self.engine.application.mappings.current()["brand-a"]
        in_force = {line.id: line for line in mapping.lines}
        for person, name in places():
            self.judge.nothing_made_up((person, name))
            state = await self.engine.store.person(Subject("brand-a", person))
            known = state.lines.get(name, LineState()) if state else LineState()
            if name in in_force:
                self.judge.agree((person, name), in_force[name], known)
                self.judge.no_comeback((person, name), in_force[name], known)

    async def _nothing_is_missing(self) -> None:
        """Promise 7: nothing accepted with a 2xx is missing from the ledger."""
        kept: dict[bytes, bool] = {}
        before: int | None = None
        while page := await self.engine.store.events(refused=False, before=before, limit=500):
            kept.update((event.body, event.waiting) for event in page)
            before = page[-1].id
        for mail in self.accepted:
            for arrival in arrivals(mail):
                TALLY["promise 7: nothing accepted is missing"] += 1

                assert kept.get(arrival.body) is False, arrival.type

    async def _second_run(self) -> None:
        """Promise 4: all of Didomi's webhooks once more change nothing.

        Those of Actito are under way for an hour at most, so a later one is none.
        """
        self.platforms.clock.advance(2 * 3600)
        # Looks that were still to come are no answer to what is posted once more.
        await self._rest()
        before = self.writes.copy()
        for mail in [one for one in self.accepted if one.side is Side.DIDOMI]:
            await self._post(mail)
        await self._rest()
        TALLY["promise 4: a second run writes nothing"] += 1

        assert self.writes == before
