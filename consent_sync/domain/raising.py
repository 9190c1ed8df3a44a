"""Raising one side of a line: an agreement is carried over only where nothing speaks against it."""

from collections.abc import Sequence
from typing import Final

from consent_sync.domain.consent import Choice, Statement
from consent_sync.domain.desired import title
from consent_sync.domain.grants import (
    gone_meanwhile,
    grants_for,
    in_time,
    newer_than_list,
    refusal_beside_file,
    to_be_read,
)
from consent_sync.domain.identity import Side
from consent_sync.domain.lines import Context
from consent_sync.domain.mapping import Line
from consent_sync.domain.state import LineState, PersonState
from consent_sync.domain.values import dataclass
from consent_sync.domain.verdicts import Verdict
from consent_sync.domain.words import agreed_last, guarded, is_rejected, is_released


@dataclass(frozen=True, slots=True)
class Step:
    """What is done about one side of one line: written, looked at first, or left alone, and why."""

    side: Side
    write: bool = False
    look: bool = False
    verdict: Verdict = Verdict.NO_CHANGE
    reason: str = ""


RELEASED: Final = "released by an operator"

SEVERAL_USERS: Final = "several Didomi users come to this one person; an agreement needs a decision"
SEVERAL_PROFILES: Final = (
    "several Actito profiles come to this one person; an agreement needs a decision"
)
UNEVEN_PROFILES: Final = (
    "several Actito profiles come to this one person and do not hold the same; "
    "an agreement needs a decision"
)

WRITE: Final = {side: Step(side, write=True, verdict=Verdict.APPLIED) for side in Side}
NOTHING_TO_DO: Final = {side: Step(side) for side in Side}


def raise_step(
    side: Side,
    line: Line,
    known: LineState,
    state: PersonState,
    context: Context,
    looked: frozenset[Side],
) -> Step:
    """Return what is done to bring an agreement to this side.

    `looked` names the sides that were read in this very turn; a side is read before it is raised.
    """
    if is_rejected(known):
        reason = "an operator rejected this agreement; it is not carried over"
        return Step(side, verdict=Verdict.CONFLICT_STRICTEST, reason=reason)
    sources = grants_for(side, known)
    agreed = known.agreed.get(side)
    unfitting = not sources and agreed is not None and agreed.choice is Choice.DENIED
    if not sources and not unfitting:
        return Step(side, reason="an agreement is raised on a side only by the other side's word")
    # Where profiles differ, or choices, that is what the operator has decided about.
    differ = unfitting and side is Side.ACTITO and are_uneven(state, line)
    released = differ or agreed_last(known) or is_released(known, Verdict.HELD_REVIEW, side)
    doubt = _doubt(side, line, known, state, unfitting=unfitting and not released)
    if doubt is not None:
        return doubt
    if (unread := to_be_read(side, sources, looked, context)) is not None:
        return Step(unread, look=True)
    if released:
        return Step(side, write=True, verdict=Verdict.APPLIED, reason=RELEASED)
    if reason := _doubted(side, line, sources, known, state, context):
        return Step(side, verdict=Verdict.HELD_REVIEW, reason=reason)
    return WRITE[side]


def _doubted(
    side: Side,
    line: Line,
    sources: Sequence[Statement],
    known: LineState,
    state: PersonState,
    context: Context,
) -> str:
    """Say why none of these agreements may raise a side that was just read, empty where one may."""
    if (holder := refusal_beside_file(sources, known)) is not None:
        return f"a loaded agreement, while {title(holder)} holds a refusal of unknown age"
    if (source := gone_meanwhile(side, sources, line, state, context)) is not None:
        return f"an agreement that had to wait, and {title(source)} does not show it any more"
    rules = context.rules
    if any(
        in_time(said, side, known, rules) and newer_than_list(said, side, line, state, rules)
        for said in sources
    ):
        return ""
    return f"a late agreement; {title(side)} was seen refused since it may have been given"


def _doubt(
    side: Side, line: Line, known: LineState, state: PersonState, *, unfitting: bool
) -> Step | None:
    """Say why an agreement waits whatever a look may show, or None."""
    if reason := _ambiguous(side, line, known, state):
        return Step(side, verdict=Verdict.AMBIGUOUS_PERSON, reason=reason)
    if unfitting:
        reason = f"{title(side)} holds a refusal that does not fit what the person said there"
        return Step(side, verdict=Verdict.HELD_REVIEW, reason=reason)
    why = guarded(known, side)
    return Step(side, verdict=Verdict.HELD_GUARD, reason=why) if why else None


def _ambiguous(side: Side, line: Line, known: LineState, state: PersonState) -> str:
    """Say why nobody knows whom an agreement is to be carried over to, empty where all is clear."""
    twins = state.several is not None and bool(state.several.twins)
    sides = {side}
    if side is Side.DIDOMI and len(state.spellings) > 1:
        reason = SEVERAL_USERS
    elif side is Side.ACTITO and twins:
        reason = SEVERAL_PROFILES
    elif twins and are_uneven(state, line):
        reason, sides = UNEVEN_PROFILES, {side, Side.ACTITO}
    else:
        return ""
    lifted = any(is_released(known, Verdict.AMBIGUOUS_PERSON, one) for one in sides)
    return "" if lifted else reason


def are_uneven(state: PersonState, line: Line) -> bool:
    """Say whether the person's Actito profiles were last seen to hold different choices."""
    return state.several is not None and line.id in state.several.uneven
