"""A mapping that moves: what is known of a side belongs to where that side was.

Another table under the same name would otherwise be compared with the old one, and every
difference would read as a choice of the person.
"""

from consent_sync.domain.identity import Side
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.state import LineState, PersonState, Presence
from consent_sync.domain.values import replaced


def moved_to(state: PersonState, mapping: Mapping) -> PersonState:
    """Return the person at the places of this mapping.

    What a side held somewhere else is forgotten; what the person said stays said, so a refusal
    that still had to be written is written at the new place.
    """
    before, now = state.place, mapping.place
    if before == now:
        return state
    if before.didomi not in {"", now.didomi}:
        state = replaced(_without(state, Side.DIDOMI), user=Presence.UNKNOWN, picks={})
    if before.actito not in {"", now.actito}:
        names = replaced(state.names, profile_id="")
        state = _without(state, Side.ACTITO)
        state = replaced(state, profile=Presence.UNKNOWN, names=names, sent={}, several=None)
    return replaced(state, place=now)


def _without(state: PersonState, side: Side) -> PersonState:
    lines = {name: _line_without(known, side) for name, known in state.lines.items()}
    return replaced(state, lines=lines)


def _line_without(known: LineState, side: Side) -> LineState:
    # An approval was given for what the old place was seen to hold; a rejection stands anywhere.
    approved = known.word is not None and bool(known.word.lifts)
    return replaced(
        known,
        agreed={one: held for one, held in known.agreed.items() if one is not side},
        refused_at={one: at for one, at in known.refused_at.items() if one is not side},
        writes=tuple(write for write in known.writes if write.side is not side),
        failed={one: why for one, why in known.failed.items() if one is not side},
        unshown={one: times for one, times in known.unshown.items() if one is not side},
        word=None if approved else known.word,
        written_off=known.written_off - {side},
    )
