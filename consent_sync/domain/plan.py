"""The plan: what must be written where, so that both sides come to hold what they ought to."""

from collections.abc import Mapping as MappingView
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from consent_sync.domain.consent import Choice, Statement
from consent_sync.domain.desired import Desired, desired_choice, title
from consent_sync.domain.grants import (
    grants_for,
    in_time,
    newer_than_list,
    refusal_beside_file,
    to_be_read,
)
from consent_sync.domain.identity import Normalise, Side
from consent_sync.domain.lines import Context, Stop, line_state
from consent_sync.domain.mapping import CreateFor, Line, Mapping, SyncMode
from consent_sync.domain.rules import Rules
from consent_sync.domain.state import LineState, PersonState, Presence
from consent_sync.domain.values import replaced
from consent_sync.domain.verdicts import Verdict
from consent_sync.domain.words import guarded, is_rejected, is_released

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
    lines that ask for it. `held` are lines whose raise waits for a person's word, `resting` those
    that wait until what they name is back.
    """

    actito: MappingView[str, Choice] = field(default_factory=dict)
    didomi: MappingView[str, Choice] = field(default_factory=dict)
    looks: frozenset[Side] = frozenset()
    decisions: tuple[Decision, ...] = ()
    held: frozenset[str] = frozenset()
    waiting: frozenset[str] = frozenset()
    resting: frozenset[str] = frozenset()

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
        for step in steps:
            if step.look:
                looks.add(step.side)
                waiting.add(line.id)
            elif step.write:
                writes[step.side][line.id] = wish.choice
        decision = _decision(line, wish, steps)
        decisions.append(decision)
        if decision.verdict in HELD:
            held.add(line.id)
    return Plan(
        writes[Side.ACTITO],
        writes[Side.DIDOMI],
        frozenset(looks),
        tuple(decisions),
        frozenset(held),
        frozenset(waiting),
        frozenset(one.line.id for one in decisions if one.verdict is Verdict.WAITING_RETRY),
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


@dataclass(frozen=True, slots=True)
class _Step:
    side: Side
    write: bool = False
    look: bool = False
    verdict: Verdict = Verdict.NO_CHANGE
    reason: str = ""


RELEASED: Final = "released by an operator"

_NOTHING_TO_DO: Final = {side: _Step(side) for side in Side}
_WRITE: Final = {side: _Step(side, write=True, verdict=Verdict.APPLIED) for side in Side}


def _step(
    side: Side,
    line: Line,
    known: LineState,
    wish: Desired,
    state: PersonState,
    context: Context,
    looked: frozenset[Side],
) -> _Step:
    if not may_write(side, line, context.mapping) or not _news(side, known, wish.choice):
        return _NOTHING_TO_DO[side]
    if side in known.failed:
        return _Step(side, verdict=Verdict.FAILED, reason=known.failed[side])
    absent = (
        _absent_in_actito(wish, state, context, looked)
        if side is Side.ACTITO
        else _absent_in_didomi(line, state, context, looked)
    )
    if absent is not None:
        return absent
    if wish.choice is Choice.DENIED:
        return _WRITE[side]
    return _raise(side, line, known, state, context, looked)


def _resting(steps: tuple[_Step, _Step], stop: Stop, wish: Choice) -> tuple[_Step, _Step]:
    """Return the steps of a line whose name has vanished: what would be done waits.

    A refusal still goes out, except to the Actito subscription that is gone: Didomi takes choices
    about a purpose that it no longer lists (page "Consent event schema").
    """
    actito, didomi = (
        _Step(step.side, verdict=Verdict.WAITING_RETRY, reason=stop.reason)
        if (step.write or step.look)
        and (wish is Choice.GRANTED or stop.side is step.side is Side.ACTITO)
        else step
        for step in steps
    )
    return actito, didomi


def _raise(
    side: Side,
    line: Line,
    known: LineState,
    state: PersonState,
    context: Context,
    looked: frozenset[Side],
) -> _Step:
    if is_rejected(known):
        reason = "an operator rejected this agreement; it is not carried over"
        return _Step(side, verdict=Verdict.CONFLICT_STRICTEST, reason=reason)
    sources = grants_for(side, known)
    agreed = known.agreed.get(side)
    released = is_released(known, Verdict.HELD_REVIEW, side)
    unfitting = not sources and agreed is not None and agreed.choice is Choice.DENIED
    if unfitting and not released:
        reason = f"{title(side)} holds a refusal that does not fit what the person said there"
        return _Step(side, verdict=Verdict.HELD_REVIEW, reason=reason)
    if not sources and not unfitting:
        return _Step(side, reason="an agreement is raised on a side only by the other side's word")
    if (waits := _in_doubt(side, known, state)) is not None:
        return waits
    if (unread := to_be_read(side, sources, looked, context)) is not None:
        return _Step(unread, look=True)
    if released:
        return _Step(side, write=True, verdict=Verdict.APPLIED, reason=RELEASED)
    if reason := _doubted(side, line, sources, known, state, context.rules):
        return _Step(side, verdict=Verdict.HELD_REVIEW, reason=reason)
    return _WRITE[side]


def _doubted(
    side: Side,
    line: Line,
    sources: Sequence[Statement],
    known: LineState,
    state: PersonState,
    rules: Rules,
) -> str:
    """Say why none of these agreements may raise a side that was just read, empty where one may."""
    if (holder := refusal_beside_file(sources, known)) is not None:
        return f"a loaded agreement, while {title(holder)} holds a refusal of unknown age"
    if any(
        in_time(said, side, known, rules) and newer_than_list(said, side, line, state, rules)
        for said in sources
    ):
        return ""
    return f"a late agreement; {title(side)} was seen refused since it was given"


def _in_doubt(side: Side, known: LineState, state: PersonState) -> _Step | None:
    """Say why an agreement waits whatever a look may show: several users, or a guard."""
    several = side is Side.DIDOMI and len(state.spellings) > 1
    if several and not is_released(known, Verdict.AMBIGUOUS_PERSON, side):
        reason = "several Didomi users come to this one person; an agreement needs a decision"
        return _Step(side, verdict=Verdict.AMBIGUOUS_PERSON, reason=reason)
    why = guarded(known, side)
    return _Step(side, verdict=Verdict.HELD_GUARD, reason=why) if why else None


def _absent_in_actito(
    wish: Desired, state: PersonState, context: Context, looked: frozenset[Side]
) -> _Step | None:
    """Say why Actito cannot be written for want of a profile, or None when it can."""
    mapping = context.mapping
    if mapping.normalise is Normalise.SHA256 and not state.names.actito_key:
        reason = "only the hash of this person's key is known; waits until the key itself is seen"
        return _Step(Side.ACTITO, verdict=Verdict.NO_PROFILE, reason=reason)
    if state.profile is not Presence.MISSING or Side.ACTITO not in looked:
        return None
    if not mapping.upsert_mode:
        reason = "Actito has no profile for this person, and the mapping file creates none"
        return _Step(Side.ACTITO, verdict=Verdict.NO_PROFILE, reason=reason)
    if mapping.create_for is CreateFor.GRANTED and wish.choice is not Choice.GRANTED:
        reason = "Actito has no profile for this person, and a refusal alone creates none"
        return _Step(Side.ACTITO, verdict=Verdict.NO_PROFILE, reason=reason)
    return None


def _absent_in_didomi(
    line: Line, state: PersonState, context: Context, looked: frozenset[Side]
) -> _Step | None:
    """Say why Didomi must be looked at first or cannot be written, or None when it can."""
    if not context.mapping.create_in_didomi:
        if state.user is Presence.UNKNOWN:
            return _Step(Side.DIDOMI, look=True)
        if state.user is Presence.MISSING:
            reason = "Didomi does not know this person, and Actito creates nobody there"
            return _Step(Side.DIDOMI, reason=reason)
    # A list is sent whole, so it says yes to its other options too: they must be fresh.
    if line.node.option and Side.DIDOMI not in looked:
        return _Step(Side.DIDOMI, look=True)
    return None


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


def _decision(line: Line, wish: Desired, steps: Sequence[_Step]) -> Decision:
    told = [step for step in steps if step.verdict in _WEIGHT]
    chosen = min(told, key=lambda step: _WEIGHT.index(step.verdict)) if told else None
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
