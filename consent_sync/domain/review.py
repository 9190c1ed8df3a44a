"""What is held for a person's word, and how that word enters the person's turn."""

from dataclasses import dataclass
from typing import Final

from consent_sync.domain.consent import Choice, Word
from consent_sync.domain.dead_letters import fold_dead_letter_word
from consent_sync.domain.desired import desired_choice
from consent_sync.domain.events import DeadLetterWord, Item, OperatorWord
from consent_sync.domain.identity import Side
from consent_sync.domain.lines import Context, Outcome, line_state, with_line
from consent_sync.domain.mapping import Line, SyncMode
from consent_sync.domain.own_events import basis_of
from consent_sync.domain.plan import Decision, plan_changes
from consent_sync.domain.state import LineState, PersonState
from consent_sync.domain.values import replaced
from consent_sync.domain.verdicts import Verdict
from consent_sync.domain.words import conflict_of, doubt_of, refusal_in_didomi, statements_of

_BOTH: Final = frozenset(Side)


@dataclass(frozen=True, slots=True)
class Doubt:
    """One held line: which side is not raised, and why.

    `ticket` stands for this very doubt about these very statements: a word given on it counts for
    nothing else.
    """

    line: Line
    verdict: Verdict
    side: Side
    choice: Choice
    reason: str
    ticket: str


def doubts(state: PersonState, context: Context) -> tuple[Doubt, ...]:
    """Return the lines of a person that wait for an operator's word, in the order of the file."""
    if not any(known.held for known in state.lines.values()):
        return ()
    # What rests because a name has vanished is no operator's to decide.
    plan = plan_changes(state, replaced(context, stops={}), looked=_BOTH)
    return tuple(
        _doubt(decision, decision.side, line_state(state, decision.line))
        for decision in plan.decisions
        if decision.line.id in plan.held
        and decision.side is not None
        and line_state(state, decision.line).held
    )


def conflicts(state: PersonState, context: Context) -> tuple[Doubt, ...]:
    """Return the lines on which two choices met and nobody knows which came last.

    Nothing of them waits: the refusal counts, unless an operator says that the agreement came last.
    """
    found: list[Doubt] = []
    for line in context.mapping.lines:
        known = line_state(state, line)
        wish = desired_choice(line, known, context.rules)
        if not wish.undecided or line.sync is SyncMode.OFF:
            continue
        refusing = [side for side in Side if _refuses(known, side)]
        # A file may have refused; then the side that did not agree is the one not raised.
        silent = [side for side in Side if not _agrees(known, side)]
        side = (*refusing, *silent, Side.ACTITO)[0]
        verdict = Verdict.CONFLICT_STRICTEST
        ticket = _ticket(conflict_of(known), known)
        found.append(Doubt(line, verdict, side, wish.choice, wish.reason, ticket))
    return tuple(found)


def fold_word(
    state: PersonState, item: Item, word: OperatorWord | DeadLetterWord, context: Context
) -> Outcome:
    """Take an operator's word in, where it is still about what there is."""
    if isinstance(word, DeadLetterWord):
        return fold_dead_letter_word(state, word, context)
    every = (*conflicts(state, context), *doubts(state, context))
    found = {doubt.line.id: doubt for doubt in every}
    touched: set[str] = set()
    for name, ticket in word.tickets.items():
        doubt = found.get(name)
        if doubt is not None and doubt.ticket == ticket:
            known = _decided(line_state(state, doubt.line), doubt, item, word)
            state = with_line(state, doubt.line, known)
            touched.add(name)
    reason = f"{'approved' if word.approved else 'rejected'} by the operator {word.by}"
    if touched:
        return Outcome(state, reason=reason, touched=frozenset(touched))
    reason += ", but what was looked at is not held any more; nothing came of it"
    return Outcome(state, verdict=Verdict.OLDER, reason=reason)


def _decided(known: LineState, doubt: Doubt, item: Item, word: OperatorWord) -> LineState:
    basis, before = statements_of(known), known.word
    lifts: tuple[str, ...] = ()
    if word.approved:
        earlier = before.lifts if before is not None and before.basis == basis else ()
        lifts = (*earlier, _name_of(doubt, known))
    said = Word(word.by, item.received_at, lifts, basis, refusal_in_didomi(known))
    return replaced(known, word=said, failed={})


def _doubt(decision: Decision, side: Side, known: LineState) -> Doubt:
    ticket = _ticket(doubt_of(decision.verdict, side), known)
    return Doubt(decision.line, decision.verdict, side, decision.choice, decision.reason, ticket)


def _ticket(doubt: str, known: LineState) -> str:
    return basis_of([doubt, statements_of(known), str(refusal_in_didomi(known))])


def _name_of(doubt: Doubt, known: LineState) -> str:
    if doubt.verdict is Verdict.CONFLICT_STRICTEST:
        return conflict_of(known)
    return doubt_of(doubt.verdict, doubt.side)


def _refuses(known: LineState, side: Side) -> bool:
    said = known.latest.get(side)
    return said is not None and said.choice is Choice.DENIED


def _agrees(known: LineState, side: Side) -> bool:
    said = known.latest.get(side)
    return said is not None and said.choice is Choice.GRANTED
