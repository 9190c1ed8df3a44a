"""A row of a loaded file, taken into a person's state as a statement of its own.

It says what the person chose and when, and nothing about what a side holds. Without a time a yes
counts for nothing, and a no may be as young as the file.
"""

from consent_sync.domain.consent import Choice, Statement
from consent_sync.domain.events import Item, LoadedChoices
from consent_sync.domain.identity import Desk
from consent_sync.domain.lines import (
    Added,
    Context,
    Outcome,
    add_statement,
    line_state,
    with_line,
)
from consent_sync.domain.mapping import Line
from consent_sync.domain.moments import OPEN
from consent_sync.domain.state import PersonState
from consent_sync.domain.values import replaced
from consent_sync.domain.verdicts import Verdict


def fold_loaded(
    state: PersonState, item: Item, content: LoadedChoices, context: Context
) -> Outcome:
    """Take one row in, for the lines where it is the newest that a file has told."""
    state = _with_names(state, content)
    touched: set[str] = set()
    ends: set[Added] = set()
    for line in context.mapping.lines:
        said = _statement(line, item, content)
        if said is None:
            continue
        known, how = add_statement(line, line_state(state, line), said)
        state = with_line(state, line, known)
        ends.add(how)
        if how is Added.NEW:
            touched.add(line.id)
    if touched:
        return Outcome(state, reason="loaded from a file", touched=frozenset(touched))
    if Added.OLDER in ends:
        reason = "loaded from a file, and older than what a file has told before"
        return Outcome(state, verdict=Verdict.OLDER, reason=reason)
    reason = "loaded from a file, and nothing in it is new or counts on these lines"
    return Outcome(state, verdict=Verdict.NO_CHANGE, reason=reason)


def _statement(line: Line, item: Item, content: LoadedChoices) -> Statement | None:
    choice = content.choices.get(line.id, Choice.NONE)
    dated = content.not_before != OPEN
    if choice is Choice.NONE or (choice is Choice.GRANTED and not dated):
        return None
    not_after = min(content.not_after, item.received_at)
    not_before = min(content.not_before, not_after)
    span = f"{not_before}-{not_after}" if dated else "undated"
    return Statement(
        # The same for the same row: loaded once more, it is no new statement.
        id=f"file-{span}-{choice}",
        side=Desk.FILE,
        choice=choice,
        not_before=not_before,
        not_after=not_after,
        dated=not_before if choice is Choice.GRANTED else not_after,
        delay=item.received_at - not_before if dated else 0,
        evidence=f"event {item.id}",
    )


def _with_names(state: PersonState, content: LoadedChoices) -> PersonState:
    """Return the person with the file's spelling, where the side itself has not told its own."""
    names = state.names
    ouid, key = names.ouid or content.names.ouid, names.actito_key or content.names.actito_key
    if (ouid, key) == (names.ouid, names.actito_key):
        return state
    return replaced(state, names=replaced(names, ouid=ouid, actito_key=key))
