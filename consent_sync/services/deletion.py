"""What a deletion of the user in Didomi means: nothing, an erasure, or a refusal before it."""

from typing import Final

from consent_sync.domain.consent import Choice, Statement
from consent_sync.domain.events import DidomiItem, EventKind
from consent_sync.domain.identity import Side
from consent_sync.domain.lines import Added, Context, add_statement, line_state, with_line
from consent_sync.domain.moments import MINUTE, Micros
from consent_sync.domain.state import PersonState, Presence

AGAIN: Final[Micros] = MINUTE
"""How long after its turn an erasure is tried again that a crash has kept from being done."""


def says_deleted(content: object, context: Context) -> bool:
    """Say whether a webhook tells that a user of an accepted regulation was deleted."""
    return (
        isinstance(content, DidomiItem)
        and content.kind is EventKind.CONSENT_USER_DELETED
        and content.regulation in context.mapping.regulations
    )


def refused_by_deletion(
    state: PersonState, at: Micros, context: Context
) -> tuple[PersonState, frozenset[str]]:
    """Return the state with a refusal on every line, and the lines it is new on.

    Only where Actito has a profile: nobody is created to be refused.
    """
    if state.profile is not Presence.PRESENT:
        return state, frozenset()
    touched: set[str] = set()
    for line in context.mapping.lines:
        said = Statement(
            f"deleted-{at}", Side.DIDOMI, Choice.DENIED, at, at, dated=at, delay=0, evidence=""
        )
        known, how = add_statement(line, line_state(state, line), said)
        state = with_line(state, line, known)
        if how is Added.NEW:
            touched.add(line.id)
    return state, frozenset(touched)
