"""What was given up: writes that failed for good, and items that came to nothing.

They stand in the person's state and nowhere else, so that they are kept, moved and erased with it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from consent_sync.domain.consent import Choice
from consent_sync.domain.desired import desired_choice
from consent_sync.domain.events import DeadLetterWord
from consent_sync.domain.identity import Side, Subject
from consent_sync.domain.ledger import Unread
from consent_sync.domain.lines import Context, Outcome, line_state, with_line
from consent_sync.domain.mapping import Line, Mapping
from consent_sync.domain.own_events import basis_of
from consent_sync.domain.plan import failed_sides
from consent_sync.domain.rules import Rules
from consent_sync.domain.state import LineState, PersonState
from consent_sync.domain.values import replaced
from consent_sync.domain.verdicts import Verdict
from consent_sync.domain.words import statements_of

MOST_UNREAD: Final = 50
"""How many items that came to nothing are remembered of one person, the newest ones."""

_LONGEST_REASON: Final = 400


@dataclass(frozen=True, slots=True)
class DeadLine:
    """A choice that could not be written to one side; `id` stands for exactly this failure."""

    id: str
    line: Line
    side: Side
    choice: Choice
    reason: str


@dataclass(frozen=True, slots=True)
class DeadItem:
    """A stored event that came to nothing for this person."""

    id: str
    event: int
    reason: str


def dead_lines(
    subject: Subject, state: PersonState, mapping: Mapping, rules: Rules
) -> tuple[DeadLine, ...]:
    """Return the writes of a person that failed for good, in the order of the file."""
    return tuple(
        _dead_line(subject, line, side, known, rules)
        for line in mapping.lines
        for known in (line_state(state, line),)
        for side in failed_sides(line, known, mapping, rules)
    )


def dead_items(subject: Subject, state: PersonState) -> tuple[DeadItem, ...]:
    """Return the items of a person that came to nothing, oldest first."""
    return tuple(
        DeadItem(basis_of([*subject, str(event), reason]), event, reason)
        for event, reason in state.unread.items()
    )


def fold_unread(state: PersonState, fact: Unread) -> PersonState:
    """Take in that an item came to nothing."""
    unread = {**state.unread, fact.event: fact.reason[:_LONGEST_REASON]}
    return replaced(state, unread=dict([*unread.items()][-MOST_UNREAD:]))


def taken_once_more(state: PersonState, events: Iterable[int]) -> PersonState:
    """Return the person while these items are taken: what becomes of them is open again."""
    if not state.unread:
        return state
    again = frozenset(events)
    left = {event: why for event, why in state.unread.items() if event not in again}
    return state if len(left) == len(state.unread) else replaced(state, unread=left)


def fold_dead_letter_word(state: PersonState, word: DeadLetterWord, context: Context) -> Outcome:
    """Take an operator's word in, for the dead letters that are still as they were shown.

    A line is tried again by the plan, after every look that the plan asks for; an item is queued
    again beside this word, because only its own turn can take it in.
    """
    subject, mapping, letters = context.subject, context.mapping, frozenset(word.letters)
    lines = [one for one in dead_lines(subject, state, mapping, context.rules) if one.id in letters]
    items = [one for one in dead_items(subject, state) if one.id in letters]
    for one in lines:
        known = line_state(state, one.line)
        state = with_line(state, one.line, _decided(known, one.side, again=word.again))
    if not word.again:
        state = taken_once_more(state, [one.event for one in items])
    reason = f"{'tried again' if word.again else 'put away'} by the operator {word.by}"
    if lines and word.again:
        return Outcome(state, reason=reason, touched=frozenset(one.line.id for one in lines))
    if lines or items:
        return Outcome(state, verdict=Verdict.NO_CHANGE, reason=reason)
    reason += ", but what was looked at is no dead letter any more; nothing came of it"
    return Outcome(state, verdict=Verdict.OLDER, reason=reason)


def _decided(known: LineState, side: Side, *, again: bool) -> LineState:
    if not again:
        return replaced(known, written_off=known.written_off | {side})
    return replaced(
        known,
        failed={one: why for one, why in known.failed.items() if one is not side},
        # Otherwise what was answered often without effect would be given up again at once.
        unshown={one: times for one, times in known.unshown.items() if one is not side},
    )


def _dead_line(
    subject: Subject, line: Line, side: Side, known: LineState, rules: Rules
) -> DeadLine:
    reason = known.failed[side]
    grounds = [*subject, line.id, line.shape, side, reason, statements_of(known)]
    choice = desired_choice(line, known, rules).choice
    return DeadLine(basis_of(grounds), line, side, choice, reason)
