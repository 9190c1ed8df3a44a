"""What Didomi was seen to hold, taken into a person's state."""

from consent_sync.domain.consent import Agreed, Choice, ConsentTree, Pick, Statement
from consent_sync.domain.events import UserReading
from consent_sync.domain.identity import Side
from consent_sync.domain.lines import (
    Context,
    add_statement,
    delayed_by_first_sight,
    lifted,
    line_state,
    own_writes,
    resolved,
    unsure_write,
    with_agreed,
    with_line,
    with_refusal,
)
from consent_sync.domain.mapping import Line
from consent_sync.domain.moments import MINUTE, Micros
from consent_sync.domain.state import HeldList, LineState, PersonState, Presence
from consent_sync.domain.translate import choice_at
from consent_sync.domain.values import replaced
from consent_sync.domain.verdicts import Entry, Kind, Verdict

_READ_LAG = MINUTE
"""How long Didomi may take to show what was written. Not documented; allowed for generously."""


def fold_user_reading(state: PersonState, seen: UserReading, context: Context) -> PersonState:
    """Take in what Didomi held when it was asked; a first sight is a baseline, not a statement."""
    state = replaced(state, user=Presence.PRESENT)
    dated = seen.read_at if seen.updated_at is None else seen.updated_at
    for line in context.mapping.lines:
        before = line_state(state, line)
        left_out = before.agreed.get(Side.DIDOMI) is None and _left_out(state, line, seen, context)
        after = _line_after_reading(line, before, seen, dated, context, left_out=left_out)
        if after is not before:
            state = with_line(state, line, after)
    return with_lists(state, seen.tree, dated)


def disbelieved(before: PersonState, after: PersonState, context: Context) -> tuple[Entry, ...]:
    """Return what to tell of agreements that a look shows and that only our refusal speaks against.

    Either that refusal did not take, or the person came back and its webhook is lost.
    """
    return tuple(
        Entry(
            at=context.now,
            kind=Kind.DECIDED,
            verdict=Verdict.CONFLICT_STRICTEST,
            reason="Didomi shows an agreement, and nothing has confirmed the refusal that we wrote "
            "there; nobody can say which came last, so the refusal is written again",
            side=Side.DIDOMI,
            line=line.id,
            line_number=line.line_number,
            choice=Choice.GRANTED,
        )
        for line in context.mapping.lines
        if _is_disbelieved(line_state(before, line), line_state(after, line))
    )


def _is_disbelieved(before: LineState, after: LineState) -> bool:
    ours, shown = before.agreed.get(Side.DIDOMI), after.agreed.get(Side.DIDOMI)
    refused = ours is not None and ours.choice is Choice.DENIED and not ours.confirmed
    agrees = shown is not None and shown.choice is Choice.GRANTED
    return refused and agrees and after.latest is before.latest


def fold_user_missing(state: PersonState) -> PersonState:
    """Take in that Didomi has no such person: it holds nothing any more."""
    return replaced(without_didomi(state), user=Presence.MISSING)


def _line_after_reading(
    line: Line,
    known: LineState,
    seen: UserReading,
    dated: Micros,
    context: Context,
    *,
    left_out: bool,
) -> LineState:
    agreed = known.agreed.get(Side.DIDOMI)
    choice = choice_at(seen.tree, line.node, held=held_by_didomi(known))
    if left_out:
        choice = Choice.DENIED
    elif choice is Choice.NONE and agreed is not None and agreed.choice is Choice.DENIED:
        # A cleared list may be left out altogether, and a refusal that is gone is still no yes.
        gone = not agreed.confirmed and not line.node.option
        choice = Choice.NONE if gone else Choice.DENIED
    if agreed is not None and _lagging(known, agreed, seen, choice, dated):
        return known
    refused = choice is Choice.DENIED
    if agreed is None:
        ours = unsure_write(known, Side.DIDOMI, choice)
        after = with_agreed(resolved(known, Side.DIDOMI, choice), Side.DIDOMI, choice, dated)
        if ours:
            # Not a first sight of somebody's refusal, but what a lost answer would have told.
            return with_refusal(after, Side.DIDOMI, dated) if refused else after
        if not refused or line.node.option:
            # Outside of a list since its date: that date is compared, the moment of the look is not.
            return after
        after = delayed_by_first_sight(after, Side.DIDOMI, seen.read_at)
        return with_refusal(after, Side.DIDOMI, seen.read_at)
    after = resolved(known, Side.DIDOMI, choice)
    same = choice is agreed.choice or dated < agreed.as_of
    # Our own write explains it, or our own refusal did not take: to be put right, not believed.
    explained = unsure_write(known, Side.DIDOMI, choice) or (
        choice is Choice.GRANTED and not agreed.confirmed
    )
    if not same and choice is not Choice.NONE and not explained:
        not_before = lifted(agreed.as_of, agreed, context.rules)
        said = Statement(
            id=f"read-{dated}-{choice}",
            side=Side.DIDOMI,
            choice=choice,
            not_before=not_before,
            not_after=max(min(dated, seen.read_at), not_before),
            dated=dated,
            delay=max(0, seen.read_at - not_before),
            evidence="a look at Didomi",
        )
        after, _ = add_statement(line, after, said)
    vanished = choice is Choice.NONE and agreed.choice is Choice.GRANTED
    after = with_agreed(after, Side.DIDOMI, choice, max(dated, agreed.as_of))
    return with_refusal(after, Side.DIDOMI, seen.read_at) if refused or vanished else after


def _left_out(state: PersonState, line: Line, seen: UserReading, context: Context) -> bool:
    """Say whether a list leaves this option out, and is not ours.

    At first sight that counts as refused: it is only a baseline, and careful.
    """
    pick = Pick(line.node.purpose, line.node.preference)
    options = seen.tree.picks.get(pick) if line.node.option else None
    if not options or line.node.option in options:
        return False
    siblings = [
        one for one in context.mapping.lines if (one.node.purpose, one.node.preference) == pick
    ]
    return not any(
        write.side is Side.DIDOMI for one in siblings for write in line_state(state, one).writes
    )


def _lagging(
    known: LineState, agreed: Agreed, seen: UserReading, choice: Choice, dated: Micros
) -> bool:
    """Say whether a reading is older than what we know Didomi to hold, and no news.

    A write of ours that nothing has confirmed, and that a reading long after it does not show,
    did not take: that reading is news, however old its date.
    """
    if seen.updated_at is None or dated >= agreed.as_of:
        return False
    sent = [write.sent_at for write in own_writes(known, Side.DIDOMI, agreed.choice)]
    ignored = bool(sent) and not agreed.confirmed and choice is not agreed.choice
    return not (ignored and seen.asked_at > max(sent) + _READ_LAG)


def held_by_didomi(known: LineState) -> Choice:
    """Return what Didomi is known to hold on a line; NONE when nothing is known."""
    agreed = known.agreed.get(Side.DIDOMI)
    return Choice.NONE if agreed is None else agreed.choice


def with_lists(state: PersonState, tree: ConsentTree, dated: Micros) -> PersonState:
    """Return the person with the lists of a tree, where they are not older than those known."""
    newer = {
        pick: HeldList(options, dated)
        for pick, options in tree.picks.items()
        if pick not in state.picks or state.picks[pick].dated <= dated
    }
    return replaced(state, picks={**state.picks, **newer}) if newer else state


def without_didomi(state: PersonState) -> PersonState:
    """Return the person with nothing known any more of what Didomi holds."""
    lines = {
        name: replaced(
            known, agreed={side: held for side, held in known.agreed.items() if side != Side.DIDOMI}
        )
        for name, known in state.lines.items()
    }
    return replaced(state, lines=lines, picks={})
