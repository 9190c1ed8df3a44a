"""Which agreements may raise a side, and which of them come too late to do so."""

from collections.abc import Sequence

from consent_sync.domain.consent import Choice, Pick, Statement
from consent_sync.domain.identity import Desk, Side
from consent_sync.domain.lines import Context, line_state, own_writes
from consent_sync.domain.mapping import Line
from consent_sync.domain.rules import Rules
from consent_sync.domain.state import LineState, PersonState, Presence


def grants_for(side: Side, known: LineState) -> list[Statement]:
    """Return the grants that may raise this side: another side's, or its own that we overwrote.

    A side is never raised by its own word, except where the no that it holds is one we wrote and
    the person's own yes there has turned out to be the newer choice.
    """
    agreed = known.agreed.get(side)
    ours = (
        agreed is not None
        and agreed.choice is Choice.DENIED
        and bool(own_writes(known, side, Choice.DENIED))
    )
    return [
        said
        for other, said in known.latest.items()
        if said.choice is Choice.GRANTED and (other is not side or ours)
    ]


def in_time(said: Statement, side: Side, known: LineState, rules: Rules) -> bool:
    """A late yes does not wake the dead: not beside a no this side was seen to hold since.

    Nor does a yes count over a no that Didomi holds with a later date, even when no event ever
    told us of that no: its webhook may be lost.
    """
    refused_at = known.refused_at.get(side)
    late = said.delay > rules.late_after
    if late and refused_at is not None and said.not_before < refused_at:
        return False
    agreed, latest = known.agreed.get(side), known.latest.get(side)
    if side is Side.DIDOMI and said.side is side and agreed is not None:
        # Our own no was dated just past the yes; what is dated later is not only ours.
        return agreed.as_of <= said.dated + rules.tolerance
    untold = (
        side is Side.DIDOMI
        and agreed is not None
        and agreed.choice is Choice.DENIED
        and not agreed.known
        and (latest is None or latest.choice is not Choice.DENIED)
    )
    return not (untold and agreed is not None and said.not_before <= agreed.as_of + rules.tolerance)


def newer_than_list(
    said: Statement, side: Side, line: Line, state: PersonState, rules: Rules
) -> bool:
    """Say whether a yes is newer than a list of Didomi's that leaves this option out.

    Nothing may ever have told us that the option stood in an older list, so leaving it out may
    have been a refusal.
    """
    held = state.picks.get(Pick(line.node.purpose, line.node.preference))
    left_out = held is not None and line.node.option not in held.options
    told = Side.DIDOMI in line_state(state, line).latest
    if side is not Side.DIDOMI or not line.node.option or held is None or not left_out or told:
        return True
    return said.not_before > held.dated + rules.tolerance


def to_be_read(
    side: Side, sources: Sequence[Statement], looked: frozenset[Side], context: Context
) -> Side | None:
    """Return the side to read before these agreements may raise one, if any is left to read.

    Agreements that have waited, for a profile or for a platform, are looked for on their own side
    first: they may have been taken back meanwhile, and the webhook of that may be lost. The side
    to be raised comes last, as close to its write as can be. Of a file nothing tells what came
    after it, so then both sides are read.
    """
    if _only_files(sources):
        unread = [one for one in Side if one not in looked]
        return min(unread, key=lambda one: one is side, default=None)
    source = _waited(side, sources, context)
    if source is not None and source not in looked:
        return source
    return None if side in looked else side


def gone_meanwhile(
    side: Side, sources: Sequence[Statement], line: Line, state: PersonState, context: Context
) -> Side | None:
    """Return the side that was read for an agreement that waited, and does not show it any more.

    That is no refusal, but nobody can say that the person still agrees. Didomi is asked under one
    regulation, so where a mapping accepts several a look that shows nothing tells nothing.
    """
    source = _waited(side, sources, context)
    if source is None or (source is Side.DIDOMI and len(context.mapping.regulations) > 1):
        return None
    there = state.user if source is Side.DIDOMI else state.profile
    held = line_state(state, line).agreed.get(source)
    shown = held is not None and held.choice is not Choice.NONE
    return None if shown and there is not Presence.MISSING else source


def _waited(side: Side, sources: Sequence[Statement], context: Context) -> Side | None:
    """Return where the agreements were given that may raise a side and have waited for it."""
    others = [said for said in sources if isinstance(said.side, Side) and said.side is not side]
    newest = max(others, key=lambda said: said.not_after, default=None)
    if newest is None or context.now - newest.not_after <= context.rules.late_after:
        return None
    return Side(newest.side)


def refusal_beside_file(sources: Sequence[Statement], known: LineState) -> Side | None:
    """Return the side whose refusal may be newer than agreements that only files tell of.

    A refusal that was told is compared by its time; of any other nobody knows the age.
    """
    if not _only_files(sources):
        return None
    for side, held in known.agreed.items():
        told = known.latest.get(side)
        explained = told is not None and told.choice is Choice.DENIED
        if held.choice is Choice.DENIED and not explained:
            return side
    return None


def _only_files(sources: Sequence[Statement]) -> bool:
    return bool(sources) and all(said.side is Desk.FILE for said in sources)
