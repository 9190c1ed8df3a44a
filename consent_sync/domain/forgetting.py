"""Forgetting who a person is, while what they chose is remembered."""

from consent_sync.domain.identity import Names
from consent_sync.domain.state import PersonState, Presence
from consent_sync.domain.values import replaced


def without_names(person: str, state: PersonState) -> PersonState | None:
    """Return what may be known of a person key without a name; None where names are still needed.

    Statements, what both sides hold and when they refused stay, so an old yes is refused as before.
    Names are needed where the person key does not lead back to them: another spelling, several
    profiles. Without them a refusal could not be carried to all of those. They are needed as
    well while an event awaits approval.
    """
    names = state.names
    spelt = {names.ouid, names.actito_key, *state.spellings} - {"", person}
    if spelt or state.several is not None or state.pending:
        return None
    return replaced(
        state,
        names=Names(),
        spellings=(),
        # Nothing is written before the person was looked for again.
        profile=Presence.UNKNOWN,
        user=Presence.UNKNOWN,
        wanted={},
        sent={},
    )
