"""An operator's word on a held line: never an order to write a yes, only a doubt lifted or kept."""

from consent_sync.domain.consent import Choice, Guarded
from consent_sync.domain.identity import Side
from consent_sync.domain.ledger import HeldBack
from consent_sync.domain.moments import Micros
from consent_sync.domain.own_events import basis_of
from consent_sync.domain.state import LineState, PersonState
from consent_sync.domain.values import replaced
from consent_sync.domain.verdicts import Verdict


def statements_of(known: LineState) -> str:
    """Return a digest that stands for the newest statements of all sides on a line."""
    return basis_of(
        sorted(f"{said.side} {said.id} {said.choice}" for said in known.latest.values())
    )


def refusal_in_didomi(known: LineState) -> Micros:
    """Return Didomi's date of the refusal it is known to hold, 0 when it holds none."""
    agreed = known.agreed.get(Side.DIDOMI)
    return agreed.as_of if agreed is not None and agreed.choice is Choice.DENIED else 0


def doubt_of(verdict: Verdict, side: Side) -> str:
    """Return the name of a doubt: why a side is not raised."""
    return f"{verdict} {side}"


def conflict_of(known: LineState) -> str:
    """Return the name of the doubt which of two sides' choices came last.

    A refusal that is said once more is told from what an operator looked at by how late it reaches.
    """
    denials = [said.not_after for said in known.latest.values() if said.choice is Choice.DENIED]
    return f"{Verdict.CONFLICT_STRICTEST} {max(denials, default=0)}"


def agreed_last(known: LineState) -> bool:
    """Say whether an operator decided that the agreement came last, and nothing is newer."""
    word = known.word
    if word is None or conflict_of(known) not in word.lifts:
        return False
    return refusal_in_didomi(known) <= word.seen and word.basis == statements_of(known)


def is_rejected(known: LineState) -> bool:
    """Say whether an operator rejected the agreement that these statements come to."""
    word = known.word
    return word is not None and not word.lifts and word.basis == statements_of(known)


def is_released(known: LineState, verdict: Verdict, side: Side) -> bool:
    """Say whether an operator lifted this doubt, and nothing is newer than what he saw.

    Refusing in Didomi what it refuses already changes only its date there.
    """
    word = known.word
    if word is None or doubt_of(verdict, side) not in word.lifts:
        return False
    newer = side is Side.DIDOMI and refusal_in_didomi(known) > word.seen
    return not newer and word.basis == statements_of(known)


def guarded(known: LineState, side: Side) -> str:
    """Return why a guard holds this side of a line back, empty where none does any more."""
    held = known.guarded
    if held is None or held.basis != statements_of(known):
        return ""
    return "" if is_released(known, Verdict.HELD_GUARD, side) else held.reason


def fold_held_back(state: PersonState, held: HeldBack) -> PersonState:
    """Take in that a guard held a line back."""
    known = state.lines.get(held.line)
    if known is None:
        return state
    marked = replaced(known, guarded=Guarded(held.basis, held.reason))
    return replaced(state, lines={**state.lines, held.line: marked})
