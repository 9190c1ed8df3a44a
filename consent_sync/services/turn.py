"""The course of one turn: take in, look, plan, write, settle. The rules are the domain's."""

from collections.abc import Callable
from typing import Final

from consent_sync.domain.actito_hints import came_back, is_another
from consent_sync.domain.actito_looks import fold_unread_hints
from consent_sync.domain.confirmation import look_due
from consent_sync.domain.consent import Choice, WriteOutcome
from consent_sync.domain.errors import (
    NotNowError,
    PermanentError,
    TemporaryError,
)
from consent_sync.domain.events import (
    ProfileReading,
)
from consent_sync.domain.identity import Side
from consent_sync.domain.ledger import ItemsTaken, Write, WrittenLine
from consent_sync.domain.lines import (
    doubtful,
    unconfirmed,
)
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.moments import HOUR, SECOND, Micros
from consent_sync.domain.moving import moved_to
from consent_sync.domain.plan import Decision, Plan, plan_changes, with_held
from consent_sync.domain.state import LineState, PersonState, Presence
from consent_sync.domain.verdicts import Verdict
from consent_sync.domain.words import fold_held_back
from consent_sync.ports.store import Settlement, Turn
from consent_sync.services.account import Account, Taken
from consent_sync.services.attempts import after_trouble
from consent_sync.services.deletion import AGAIN
from consent_sync.services.departure import Departure
from consent_sync.services.progress import Progress, TurnTools
from consent_sync.services.taking import come_to_nothing, take_items
from consent_sync.services.writing import (
    attributes_due,
    give_up_worn_out,
    write_profile,
    write_user,
)

_ROUNDS: Final = 6
"""How often one turn may plan again before the rest is left to its next attempt."""

_RESTING_AGAIN: Final[Micros] = HOUR
"""How long a line that rests waits before somebody looks whether it still has to."""

_FRESH: Final[Micros] = 5 * SECOND
"""How old a reading that was made to find the person may be in that person's own turn."""


class TurnRun:
    """One turn. `end()` runs it to its settlement and returns what was settled."""

    def __init__(
        self, tools: TurnTools, turn: Turn, mapping: Mapping, fresh: ProfileReading | None
    ) -> None:
        self._tools = tools
        self._turn = turn
        self._mapping = mapping
        self._fresh = fresh
        self._progress = Progress(tools, turn, mapping, moved_to(turn.state, mapping))
        self._taken: list[Taken] = []
        self._decisions: dict[str, Decision] = {}
        self._planned: tuple[PersonState, frozenset[Side], Plan] | None = None
        self._trouble: TemporaryError | None = None
        self._unread = False
        self._doubtful = False
        self.departure = Departure(self._progress, self._taken)
        self.outcome = "settled"

    @property
    def deleted(self) -> bool:
        """Whether the person is to go and nothing is left to do but to erase them."""
        return self.departure.gone and self.outcome == "settled"

    async def end(self) -> Settlement:
        """Run the turn and settle it; raises StoreError when it could not be recorded."""
        for write in self._turn.in_flight:
            # Announced before a crash: it may have been sent, so its outcome is unclear.
            self._progress.wrote(write, WriteOutcome.UNCLEAR)
        self._doubtful = take_items(self._progress, self._taken)
        await self._first_looks()
        if self.departure.deletes:
            await self._delete()
        else:
            await self._bring_about()
        settlement = self._settlement()
        await self._tools.turns.settle(settlement)
        return settlement

    async def _first_looks(self) -> None:
        """Look where a webhook asks for it, and where a write was never confirmed."""
        hints = self._progress.hints
        if hints and came_back(self._progress.state, hints, self._progress.context()):
            # If Didomi holds an unknown yes, what Actito is about to show means something else.
            await self._look(Side.DIDOMI)
        if self._progress.hints and self._fresh_enough():
            assert self._fresh is not None  # noqa: S101 - said by _fresh_enough, for the types
            self._progress.see_profile(self._fresh)
            self._progress.looked.add(Side.ACTITO)
        sides = {Side.ACTITO} if self._progress.hints else set()
        if self._doubtful:
            sides.add(Side.DIDOMI)
        if self._turn.attempts or self._turn.in_flight:
            # Nothing is repeated before the side has been read.
            sides |= self._sides(doubtful)
        elif not self._turn.items or self._overdue():
            sides |= self._sides(unconfirmed)
        sides |= self.departure.looks()
        for side in sorted(sides - self._progress.looked):
            await self._look(side)
        for side in sorted(self.departure.looks() - self._progress.looked):
            # The profile turned out to be gone.
            await self._look(side)
        if not self._troubled():
            self.departure.decide()

    async def _delete(self) -> None:
        try:
            await self.departure.delete()
        except TemporaryError as error:
            self._stumble("delete", error)

    def _overdue(self) -> bool:
        """Say whether a look that should confirm a write is due, whatever else came in."""
        return any(at <= self._tools.clock.now() for at in self._looks_due())

    def _looks_due(self) -> tuple[Micros, ...]:
        return look_due(self._progress.state.lines.values(), self._tools.rules)

    def _sides(self, test: Callable[[LineState, Side], bool]) -> set[Side]:
        lines = self._progress.state.lines.values()
        return {side for side in Side if any(test(known, side) for known in lines)}

    def _fresh_enough(self) -> bool:
        fresh = self._fresh
        return (
            fresh is not None
            and self._progress.state.several is None
            and not is_another(self._progress.state.names, fresh.names)
            and self._tools.clock.now() - fresh.asked_at <= _FRESH
            and all(hint.item.received_at <= fresh.asked_at for hint in self._progress.hints)
        )

    def _close_hints(self) -> None:
        """What the profile was read for is done; called once all looks have been made."""
        if self._progress.hints:
            return
        for taken in self._taken:
            if taken.open and not taken.deletion:
                taken.open = False
                taken.touched = frozenset(self._progress.touched)

    async def _look(self, side: Side) -> None:
        try:
            await self._progress.look(side)
        except TemporaryError as error:
            self._stumble("read", error)
        except PermanentError as error:
            self._stumble("read", TemporaryError(str(error)), cause=error)

    def _stumble(self, what: str, error: TemporaryError, cause: Exception | None = None) -> None:
        if isinstance(error, NotNowError):
            # A real failure elsewhere weighs more, and of this one everybody knows already.
            self._trouble = self._trouble or error
            return
        self._trouble = error
        self._tools.observer.trouble(self._turn.subject, what, cause or error)

    async def _bring_about(self) -> None:
        """Plan and write until both sides hold what they ought to, or something is in the way."""
        for _ in range(_ROUNDS):
            plan = self._make_plan()
            if plan.looks and not self._troubled():
                # Didomi first, so that a look at Actito is as close to its write as can be.
                for side in sorted(plan.looks, reverse=True):
                    await self._look(side)
                if not self._troubled():
                    continue
                plan = self._make_plan()
            try:
                tried = await self._write(plan)
            except TemporaryError as error:
                self._stumble("write", error)
            else:
                if not tried:
                    return
            if self._troubled():
                return
        self._trouble = TemporaryError("both sides kept changing while they were written")

    def _troubled(self) -> bool:
        return self._trouble is not None

    def _make_plan(self) -> Plan:
        plan = self._plan()
        for decision in plan.decisions:
            before = self._decisions.get(decision.line.id)
            if before is None or decision.verdict is not Verdict.NO_CHANGE:
                self._decisions[decision.line.id] = decision
        return plan

    def _plan(self) -> Plan:
        """The plan for what is known now; made anew only where something was learnt since."""
        progress, looked = self._progress, frozenset(self._progress.looked)
        if self._planned is not None:
            state, sides, plan = self._planned
            if state is progress.state and sides == looked:
                return plan
        plan = plan_changes(progress.state, progress.context(), looked=looked)
        self._planned = progress.state, looked, plan
        return plan

    async def _write(self, plan: Plan) -> bool:
        """Write what is planned; say whether anything was tried."""
        progress = self._progress
        tried = give_up_worn_out(progress, plan)
        if tried:
            plan = self._make_plan()
        if self._hold_back(plan):
            # What is left, all refusals among it, is written without delay.
            plan = self._make_plan()
        trouble: TemporaryError | None = None
        if plan.actito or (attributes_due(progress) and not self._paused_attributes()):
            try:
                tried = await write_profile(progress, plan.actito) or tried
            except TemporaryError as error:
                # The other side is written all the same: a refusal there waits for nobody.
                trouble = error
        if plan.didomi:
            try:
                await write_user(progress, plan.didomi)
            except NotNowError as error:
                trouble = trouble or error
            tried = True
        if trouble is not None:
            raise trouble
        return tried

    def _paused_attributes(self) -> bool:
        """Say whether attributes have to wait because writing to Actito is paused."""
        paused = self._tools.paused(self._mapping.name)
        return Side.ACTITO in paused and bool(attributes_due(self._progress))

    def _hold_back(self, plan: Plan) -> bool:
        """Mark the raises that a guard does not let through; say whether there are any."""
        progress = self._progress
        if not plan.actito and not plan.didomi:
            return False
        raised = [
            line
            for line in self._mapping.lines
            if Choice.GRANTED in (plan.actito.get(line.id), plan.didomi.get(line.id))
        ]
        if not raised:
            return False
        creates = progress.state.profile is Presence.MISSING and bool(plan.actito)
        held = self._tools.guard.hold_back(
            progress.state,
            progress.context(),
            raised,
            creates=creates,
            before=self._turn.state,
        )
        for one in held:
            progress.facts.append(one)
            progress.state = fold_held_back(progress.state, one)
            progress.touched.add(one.line)
        return bool(held)

    # --- the end -------------------------------------------------------------------------------

    def _settlement(self) -> Settlement:
        progress, turn = self._progress, self._turn
        self._close_hints()
        due_at, attempts, first_failed_at = self._next_attempt()
        plan = self._plan()
        if self._trouble is not None and due_at is None:
            self._give_up(plan)
            plan = self._make_plan()
        self._mark_held(plan)
        account = self._account()
        entries = account.entries(plan)
        record = None
        if entries or any(not isinstance(fact, ItemsTaken) for fact in progress.facts):
            record = progress.record(entries)
        if self._trouble is None:
            due_at = self._confirmation_due()
            if plan.paused or self._paused_attributes():
                # So that it is called when writing goes on.
                first_failed_at = turn.first_failed_at or self._tools.clock.now()
                self.outcome = "paused"
            if plan.resting or self.outcome == "paused":
                again = self._tools.clock.now() + _RESTING_AGAIN
                due_at = again if due_at is None else min(due_at, again)
        elif self._unread:
            # What their refusals ask for is brought about in a turn of its own, at once.
            due_at = self._tools.clock.now()
        if self.deleted:
            # The deletion waits on until the erasure behind this turn is done.
            due_at = self._tools.clock.now() + AGAIN
        return Settlement(
            subject=turn.subject,
            state=self.departure.to_be_known(progress.state),
            record=record,
            done=tuple(taken.stored.id for taken in self._taken if not taken.open),
            due_at=due_at,
            attempts=attempts,
            first_failed_at=first_failed_at,
            summary=account.summary(plan),
        )

    def _account(self) -> Account:
        given_up = self.outcome == "given_up"
        trouble = None if given_up else self._trouble
        return Account(self._progress, self._taken, self._decisions, trouble)

    def _next_attempt(self) -> tuple[Micros | None, int, Micros | None]:
        if self._trouble is None:
            return None, 0, None
        due_at, attempts, first, self.outcome = after_trouble(
            self._trouble,
            self._turn,
            self._tools.retry,
            now=self._tools.clock.now(),
            fraction=self._tools.chance.fraction(),
            urgent=self._account().summary(self._plan()).optout_waiting_since is not None,
        )
        return (due_at, attempts, first) if due_at is not None else (None, 0, None)

    def _give_up(self, plan: Plan) -> None:
        """It has failed for too long: what could not be done is said, and not tried again."""
        self.outcome = "given_up"
        reason = f"given up after trying for too long; the last trouble was: {self._trouble}"
        now = self._tools.clock.now()
        for side in Side:
            lines = tuple(WrittenLine(line, choice) for line, choice in plan.writes(side).items())
            waiting = tuple(
                WrittenLine(one.line.id, one.choice)
                for one in plan.decisions
                if one.line.id in plan.waiting and side in plan.looks
            )
            if lines or waiting:
                write = Write(side, lines + waiting, now, now, WriteOutcome.IN_FLIGHT)
                self._progress.wrote(write, WriteOutcome.IN_FLIGHT, failure=reason)
        self._count_unread_refusals()
        for taken in self._taken:
            if taken.open:
                come_to_nothing(self._progress, taken, reason)

    def _count_unread_refusals(self) -> None:
        """Nobody could look what Actito's webhooks are about: what they refuse is refused."""
        progress = self._progress
        if progress.hints:
            outcome = fold_unread_hints(progress.state, progress.hints, progress.context())
            progress.state = outcome.state
            progress.touched |= outcome.touched
            self._unread = bool(outcome.touched)

    def _mark_held(self, plan: Plan) -> None:
        progress, before = self._progress, self._progress.state
        progress.state = with_held(before, plan)
        if progress.state is before:
            return
        progress.touched |= {
            name
            for name, known in progress.state.lines.items()
            if known is not before.lines.get(name)
        }

    def _confirmation_due(self) -> Micros | None:
        """When to look whether our writes took, if no webhook says so before."""
        now = self._tools.clock.now()
        return min((at for at in self._looks_due() if at > now), default=None)
