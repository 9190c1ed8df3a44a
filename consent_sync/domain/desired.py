"""What both sides ought to hold on a line, from everything that was said on it.

Uncertainty can lower consent, never raise it.
"""

from typing import Final

from consent_sync.domain.consent import Choice, Statement
from consent_sync.domain.identity import Desk, Side, Source
from consent_sync.domain.mapping import Line, SyncMode
from consent_sync.domain.rules import Rules
from consent_sync.domain.state import LineState
from consent_sync.domain.values import dataclass
from consent_sync.domain.words import agreed_last, is_rejected


@dataclass(frozen=True, slots=True)
class Desired:
    """What both sides ought to hold on a line, and how that was decided.

    `undecided` is a conflict that a person could settle: nobody knows which choice came last.
    """

    choice: Choice
    reason: str
    conflict: bool = False
    undecided: bool = False


_NOTHING: Final = Desired(Choice.NONE, "nobody has made a choice")


def certainly_newer(grant: Statement, denial: Statement, rules: Rules) -> bool:
    """Say whether a grant was made after a denial of another side, whatever the clocks say."""
    return grant.not_before > denial.not_after + rules.tolerance


def desired_choice(line: Line, known: LineState, rules: Rules) -> Desired:
    """Return what both sides ought to hold on this line, from the latest statements of all.

    Where an operator rejected an agreement, a refusal that a side is known to hold stands.
    """
    said = _from_statements(line, known, rules)
    if said.undecided:
        return _decided(said, known)
    if said.choice is not Choice.GRANTED or not is_rejected(known):
        return said
    holders = [side for side, held in known.agreed.items() if held.choice is Choice.DENIED]
    if not holders:
        return said
    names = " and ".join(sorted(title(side) for side in holders))
    reason = f"an operator rejected the agreement; the refusal in {names} stands"
    return Desired(Choice.DENIED, reason, conflict=True)


def _decided(said: Desired, known: LineState) -> Desired:
    """Return what an operator made of two choices of which nobody knows the last."""
    if agreed_last(known):
        return Desired(Choice.GRANTED, "an operator decided that the agreement came last")
    if is_rejected(known):
        reason = "an operator decided that the refusal stands"
        return Desired(Choice.DENIED, reason, conflict=True)
    return said


def _from_statements(line: Line, known: LineState, rules: Rules) -> Desired:
    if not known.latest:
        return _NOTHING
    latest = known.latest.values()
    grants = [said for said in latest if said.choice is Choice.GRANTED]
    denials = [said for said in latest if said.choice is Choice.DENIED]
    if not denials:
        return Desired(Choice.GRANTED, f"agreed in {_names(grants)}")
    if not grants:
        return Desired(Choice.DENIED, f"refused in {_names(denials)}")
    if line.sync is SyncMode.TWO_WAY_STRICT:
        return Desired(
            Choice.DENIED,
            f"refused in {_names(denials)}; on this line only {_names(denials)} can lift that",
            conflict=True,
        )
    newest = max(grants, key=lambda said: said.not_before)
    if all(certainly_newer(newest, denial, rules) for denial in denials):
        return Desired(
            Choice.GRANTED, f"agreed in {_names([newest])} after refusing in {_names(denials)}"
        )
    if all(denial.not_before > newest.not_after + rules.tolerance for denial in denials):
        return Desired(
            Choice.DENIED, f"refused in {_names(denials)} after agreeing in {_names(grants)}"
        )
    return Desired(
        Choice.DENIED,
        "both sides were changed and nobody can say which came last; the refusal counts",
        conflict=True,
        undecided=True,
    )


def _names(statements: list[Statement]) -> str:
    return " and ".join(sorted([title(said.side) for said in statements]))


_TITLES: Final[dict[Source, str]] = {
    **{side: side.value.capitalize() for side in Side},
    Desk.FILE: "a loaded file",
    Desk.OPERATOR: "an erasure",
}


def title(side: Source) -> str:
    """Return the name of a side as people write it, or what else a statement came by."""
    return _TITLES[side]
