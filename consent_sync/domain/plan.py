"""The plan: what must be written where, so that both sides come to hold what they ought to."""

from collections.abc import Mapping as MappingView
from collections.abc import Sequence
from dataclasses import field
from typing import Final

from consent_sync.domain.consent import Choice
from consent_sync.domain.desired import Desired, desired_choice, title
from consent_sync.domain.identity import Normalise, Side
from consent_sync.domain.lines import Context, Stop, line_state
from consent_sync.domain.mapping import CreateFor, Line, Mapping, SyncMode
from consent_sync.domain.raising import NOTHING_TO_DO, WRITE, Step, are_uneven, raise_step
from consent_sync.domain.rules import Rules
from consent_sync.domain.state import LineState, PersonState, Presence
from consent_sync.domain.values import dataclass, replaced
from consent_sync.domain.verdicts import Verdict

HELD: Final = frozenset({Verdict.HELD_REVIEW, Verdict.HELD_GUARD, Verdict.AMBIGUOUS_PERSON})
"""The verdicts of an agreement that waits for an operator's word."""


@dataclass(frozen=True, slots=True)
class Decision:
    """How one line of one turn ends as far as planning can say; a write may still change it."""

    line: Line
    choice: Choice
    verdict: Verdict
    reason: str
    side: Side | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What must be written, per side and line; which sides must be looked at before; and why.

    `looks` names the sides to read first: the plan is made again after that; `waiting` are the
    lines that ask for it. `paused` are lines that wait because a side is paused. `held` are lines whose raise waits for a person's word, `resting` those
    that wait until what they name is back.
    """

    actito: MappingView[str, Choice] = field(default_factory=dict)
    didomi: MappingView[str, Choice] = field(default_factory=dict)
    looks: frozenset[Side] = frozenset()
    decisions: tuple[Decision, ...] = ()
    held: frozenset[str] = frozenset()
    waiting: frozenset[str] = frozenset()
    resting: frozenset[str] = frozenset()
    paused: frozenset[str] = frozenset()

    def writes(self, side: Side) -> MappingView[str, Choice]:
        """Return the choices to write on one side, by line."""
        return self.actito if side is Side.ACTITO else self.didomi


def may_write(side: Side, line: Line, mapping: Mapping) -> bool:
    """Say whether this line may be written on this side at all."""
    if line.sync is SyncMode.OFF:
        return False
    if side is Side.ACTITO:
        return line.sync is not SyncMode.TO_DIDOMI
    return line.sync is not SyncMode.TO_ACTITO and mapping.enable_webhooks


def failed_sides(line: Line, known: LineState, mapping: Mapping, rules: Rules) -> tuple[Side, ...]:
    """Return the sides that lack what they ought to hold because a write there failed for good.

    What an operator has put away is left out, and what has come right by itself.
    """
    if not known.failed:
        return ()
    wish = desired_choice(line, known, rules).choice
    return tuple(
        side
        for side in known.failed
        if side not in known.written_off
        and may_write(side, line, mapping)
        and _news(side, known, wish)
        and not _seen_to_hold(side, known, wish)
    )


def _seen_to_hold(side: Side, known: LineState, wish: Choice) -> bool:
    """Say whether a look at this side has shown what is wished since the others said it."""
    agreed = known.agreed.get(side)
    if agreed is None or not agreed.confirmed or agreed.choice is not wish:
        return False
    return all(
        agreed.as_of > said.not_after for other, said in known.latest.items() if other is not side
    )


def plan_changes(
    state: PersonState, context: Context, *, looked: frozenset[Side] = frozenset()
) -> Plan:
    """Return what must be written to bring both sides to what they ought to hold.

    `looked` names the sides that were read in this very turn. A no needs no look and is written
    whenever the other side's refusal is news there, even when the side seems to hold it already.
    """
    writes: dict[Side, dict[str, Choice]] = {Side.ACTITO: {}, Side.DIDOMI: {}}
    looks: set[Side] = set()
    decisions: list[Decision] = []
    held: set[str] = set()
    waiting: set[str] = set()
    resting: set[str] = set()
    paused: set[str] = set()
    for line in context.mapping.lines:
        known = line_state(state, line)
        if not known.latest:
            continue
        wish = desired_choice(line, known, context.rules)
        steps = (
            _step(Side.ACTITO, line, known, wish, state, context, looked),
            _step(Side.DIDOMI, line, known, wish, state, context, looked),
        )
        if line.id in context.stops:
            steps = _resting(steps, context.stops[line.id], wish.choice)
        decision = _decision(line, wish, steps)
        if decision.verdict in HELD:
            held.add(line.id)
        if context.paused and (waits := _paused(steps, context.paused)) != steps:
            paused.add(line.id)
            steps = waits
            # What waits for an operator's word does so whether or not it could be written now.
            decision = decision if line.id in held else _decision(line, wish, steps)
        decisions.append(decision)
        for step in steps:
            if step.look:
                looks.add(step.side)
                waiting.add(line.id)
            elif step.write:
                writes[step.side][line.id] = wish.choice
            elif step.verdict is Verdict.WAITING_RETRY:
                resting.add(line.id)
    return Plan(
        writes[Side.ACTITO],
        writes[Side.DIDOMI],
        frozenset(looks),
        tuple(decisions),
        frozenset(held),
        frozenset(waiting),
        frozenset(resting),
        frozenset(paused),
    )


def with_held(state: PersonState, plan: Plan) -> PersonState:
    """Return the person with each line marked as held where this plan holds it, else as free."""
    words = {one.line.id: one.verdict.value for one in plan.decisions if one.line.id in plan.held}
    changed = {
        name: replaced(known, held=words.get(name, ""))
        for name, known in state.lines.items()
        if known.held != words.get(name, "")
    }
    return replaced(state, lines={**state.lines, **changed}) if changed else state


def _step(
    side: Side,
    line: Line,
    known: LineState,
    wish: Desired,
    state: PersonState,
    context: Context,
    looked: frozenset[Side],
) -> Step:
    if not may_write(side, line, context.mapping):
        return NOTHING_TO_DO[side]
    if not _news(side, known, wish.choice) and not _left_out(side, line, wish.choice, state):
        return NOTHING_TO_DO[side]
    if side in known.failed:
        return Step(side, verdict=Verdict.FAILED, reason=known.failed[side])
    absent = (
        _absent_in_actito(wish, state, context, looked)
        if side is Side.ACTITO
        else _absent_in_didomi(line, state, context, looked)
    )
    if absent is not None:
        return absent
    if wish.choice is Choice.DENIED:
        return WRITE[side]
    return raise_step(side, line, known, state, context, looked)


def _resting(steps: tuple[Step, Step], stop: Stop, wish: Choice) -> tuple[Step, Step]:
    """Return the steps of a line whose name has vanished: what would be done waits.

    A refusal still goes out, except to the Actito subscription that is gone: Didomi takes choices
    about a purpose that it no longer lists (page "Consent event schema").
    """
    actito, didomi = (
        Step(step.side, verdict=Verdict.WAITING_RETRY, reason=stop.reason)
        if (step.write or step.look)
        and (wish is Choice.GRANTED or stop.side is step.side is Side.ACTITO)
        else step
        for step in steps
    )
    return actito, didomi


def _paused(steps: tuple[Step, Step], sides: frozenset[Side]) -> tuple[Step, Step]:
    """Return the steps while these sides are paused: what would be written there waits."""
    actito, didomi = (
        Step(
            side,
            verdict=Verdict.WAITING_RETRY,
            reason=f"writing to {title(side)} is paused by an operator; it waits for `resume`",
        )
        if side in sides and (step.write or step.look)
        else step
        for side, step in zip((Side.ACTITO, Side.DIDOMI), steps, strict=True)
    )
    return actito, didomi


def _absent_in_actito(
    wish: Desired, state: PersonState, context: Context, looked: frozenset[Side]
) -> Step | None:
    """Say why Actito cannot be written for want of a profile, or None when it can."""
    mapping = context.mapping
    if mapping.normalise is Normalise.SHA256 and not state.names.actito_key:
        reason = "only the hash of this person's key is known; waits until the key itself is seen"
        return Step(Side.ACTITO, verdict=Verdict.NO_PROFILE, reason=reason)
    if state.profile is not Presence.MISSING or Side.ACTITO not in looked:
        return None
    if not mapping.upsert_mode:
        reason = "Actito has no profile for this person, and the mapping file creates none"
        return Step(Side.ACTITO, verdict=Verdict.NO_PROFILE, reason=reason)
    if mapping.create_for is CreateFor.GRANTED and wish.choice is not Choice.GRANTED:
        reason = "Actito has no profile for this person, and a refusal alone creates none"
        return Step(Side.ACTITO, verdict=Verdict.NO_PROFILE, reason=reason)
    return None


def _absent_in_didomi(
    line: Line, state: PersonState, context: Context, looked: frozenset[Side]
) -> Step | None:
    """Say why Didomi must be looked at first or cannot be written, or None when it can."""
    if not context.mapping.create_in_didomi:
        if state.user is Presence.UNKNOWN:
            return Step(Side.DIDOMI, look=True)
        if state.user is Presence.MISSING:
            reason = "Didomi does not know this person, and Actito creates nobody there"
            return Step(Side.DIDOMI, reason=reason)
    # A list is sent whole, so it says yes to its other options too: they must be fresh.
    if line.node.option and Side.DIDOMI not in looked:
        return Step(Side.DIDOMI, look=True)
    return None


def _left_out(side: Side, line: Line, wish: Choice, state: PersonState) -> bool:
    """Say whether a refusal has not reached all Actito profiles of the person yet."""
    return wish is Choice.DENIED and side is Side.ACTITO and are_uneven(state, line)


def _news(side: Side, known: LineState, wish: Choice) -> bool:
    """Say whether this side must be written, as far as we know what it holds."""
    agreed = known.agreed.get(side)
    if agreed is None or agreed.choice is not wish:
        return True
    if wish is Choice.GRANTED:
        return False
    return any(
        said.choice is Choice.DENIED
        and (other not in agreed.known or agreed.known[other].id != said.id)
        for other, said in known.latest.items()
        if other is not side
    )


_WEIGHT = (
    Verdict.FAILED,
    Verdict.WAITING_RETRY,
    Verdict.HELD_REVIEW,
    Verdict.HELD_GUARD,
    Verdict.AMBIGUOUS_PERSON,
    Verdict.CONFLICT_STRICTEST,
    Verdict.NO_PROFILE,
    Verdict.APPLIED,
)
"""Of two sides of one line, the word that comes first here is the line's verdict."""


def _decision(line: Line, wish: Desired, steps: Sequence[Step]) -> Decision:
    told = [step for step in steps if step.verdict in _WEIGHT]
    chosen = min(told, key=lambda step: _WEIGHT.index(step.verdict), default=None)
    if chosen is not None and chosen.verdict is not Verdict.APPLIED:
        return Decision(line, wish.choice, chosen.verdict, chosen.reason, chosen.side)
    if wish.conflict:
        return Decision(line, wish.choice, Verdict.CONFLICT_STRICTEST, wish.reason)
    if chosen is not None:
        reason = f"{wish.reason}; {chosen.reason}" if chosen.reason else wish.reason
        return Decision(line, wish.choice, Verdict.APPLIED, reason, chosen.side)
    if line.sync is SyncMode.OFF:
        return Decision(
            line, wish.choice, Verdict.NO_CHANGE, "this line is switched off in the mapping file"
        )
    reason = next((step.reason for step in steps if step.reason), wish.reason)
    return Decision(line, wish.choice, Verdict.NO_CHANGE, reason)
