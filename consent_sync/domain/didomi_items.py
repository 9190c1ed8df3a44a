"""What Didomi's webhooks say, taken into a person's state."""

from consent_sync.domain.attributes import attributes_from
from consent_sync.domain.consent import Agreed, Choice, ConsentTree, Pick, Statement
from consent_sync.domain.didomi_ends import nothing_new
from consent_sync.domain.didomi_looks import held_by_didomi, with_lists, without_didomi
from consent_sync.domain.events import (
    ConsentEvent,
    DidomiItem,
    EventKind,
    Item,
)
from consent_sync.domain.identity import Side
from consent_sync.domain.lines import (
    Added,
    Context,
    Outcome,
    add_statement,
    age_beside_first_sight,
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
from consent_sync.domain.moments import OPEN, Micros
from consent_sync.domain.own_events import is_own
from consent_sync.domain.state import LineState, PersonState, Presence, Wanted
from consent_sync.domain.translate import choice_at, names_node
from consent_sync.domain.values import dataclass, replaced
from consent_sync.domain.verdicts import Verdict

CONFIRMED = "confirmed"
PENDING = "pending_approval"


@dataclass(frozen=True, slots=True)
class _Folded:
    state: PersonState
    added: tuple[tuple[str, Added], ...] = ()


def fold_didomi_item(
    state: PersonState, item: Item, content: DidomiItem, context: Context
) -> Outcome:
    """Take one Didomi webhook in: statements, confirmations, metadata; or say why not."""
    if content.regulation not in context.mapping.regulations:
        accepted = ", ".join(context.mapping.regulations)
        return Outcome(
            state,
            verdict=Verdict.BLOCKED_REGULATION,
            reason=f"this choice was made under another regulation; this mapping takes {accepted}",
        )
    state = _with_name(state, content.ouid)
    if content.kind in {EventKind.CONSENT_EVENT_DELETED, EventKind.CONSENT_USER_DELETED}:
        return _fold_deletion(state, content)
    event = content.event
    if content.kind is EventKind.CONSENT_EVENT and event is not None:
        if event.status != CONFIRMED:
            return _fold_pending(state, event, item)
        return _finish(_fold_event(state, event, item, context), event, content, item, context)
    folded = _Folded(state)
    if event is not None and event.status == CONFIRMED:
        folded = _fold_event(state, event, item, context)
    shown = _fold_shown(folded.state, content, item, context)
    both = _Folded(shown.state, folded.added + shown.added)
    return _finish(both, event, content, item, context)


def _with_name(state: PersonState, ouid: str) -> PersonState:
    spellings = state.spellings
    if ouid and (not spellings or spellings[-1] != ouid):
        spellings = (*(one for one in spellings if one != ouid), ouid)[-5:]
    names = state.names if state.names.ouid == ouid else replaced(state.names, ouid=ouid)
    return replaced(state, names=names, spellings=spellings, user=Presence.PRESENT)


def _fold_deletion(state: PersonState, content: DidomiItem) -> Outcome:
    if content.kind is EventKind.CONSENT_USER_DELETED:
        # Didomi may have merged this record into another one of the same person: only a look tells.
        left = tuple(one for one in state.spellings if one != content.ouid)
        state = replaced(
            without_didomi(state), user=Presence.UNKNOWN, spellings=left or state.spellings
        )
    return Outcome(
        state,
        verdict=Verdict.NO_CHANGE,
        reason="something was deleted in Didomi; that is no choice, so nothing changes in Actito",
    )


def _fold_pending(state: PersonState, event: ConsentEvent, item: Item) -> Outcome:
    if event.status == PENDING and event.id not in state.pending:
        # Bounded, oldest out: an approval that comes for a forgotten one only counts as late.
        pending = dict(list(state.pending.items())[-19:])
        state = replaced(state, pending={**pending, event.id: item.received_at})
        return Outcome(state, verdict=Verdict.HELD_PENDING, reason="waits for approval in Didomi")
    reason = "waits for approval in Didomi"
    if event.status != PENDING:
        reason = "has a status this version does not know, so it is not applied"
    return Outcome(state, verdict=Verdict.HELD_PENDING, reason=reason)


def _fold_event(state: PersonState, event: ConsentEvent, item: Item, context: Context) -> _Folded:
    if is_own(event, context.subject):
        return _Folded(_fold_own(state, event, context))
    created = item.received_at if event.created_at is None else event.created_at
    # What has been received cannot be made later than that, whatever the sender's clock says.
    made = min(created, item.received_at)
    reached = min(state.pending.get(event.id, item.received_at), item.received_at)
    not_before = OPEN if event.created_at is None else made
    since = not_before
    if event.origin is not None:
        # Another mapping's engine dates a yes early; it saw the choice at the end of its interval.
        not_before = min(not_before, event.origin.not_before)
        since = max(not_before, min(event.origin.not_after, item.received_at))
    added: list[tuple[str, Added]] = []
    for line in context.mapping.lines:
        if not names_node(event.tree, line.node):
            continue
        known = line_state(state, line)
        choice = choice_at(
            event.tree,
            line.node,
            held=_ticked(known),
            chosen=event.origin is None,
        )
        if choice is Choice.NONE:
            continue
        if _left_out_by_engine(event, line, known, choice):
            added.append((line.id, Added.KNOWN))
            continue
        said = Statement(
            id=event.id or f"event-{item.id}",
            side=Side.DIDOMI,
            choice=choice,
            not_before=not_before,
            not_after=made,
            dated=created,
            delay=max(0, reached - since),
            evidence=f"event {item.id}",
        )
        known, how = _with_event(state, line, known, said, context)
        state = with_line(state, line, known)
        added.append((line.id, how))
    pending = {key: at for key, at in state.pending.items() if key != event.id}
    state = replaced(state, pending=pending) if len(pending) != len(state.pending) else state
    return _Folded(with_lists(state, event.tree, created), tuple(added))


def _left_out_by_engine(event: ConsentEvent, line: Line, known: LineState, choice: Choice) -> bool:
    """Say whether an engine's list leaves an option out that was not granted before either."""
    engine = event.origin is not None and bool(line.node.option)
    return engine and choice is Choice.DENIED and held_by_didomi(known) is not Choice.GRANTED


def _with_event(
    state: PersonState, line: Line, known: LineState, said: Statement, context: Context
) -> tuple[LineState, Added]:
    """Take in what an event says about one line, unless what Didomi is known to hold says more.

    A yes that is older than a no which Didomi was seen to hold was taken back there, even where no
    event ever told us of that no. And a list names all that is ticked on a page: an option that was
    ticked before is no new yes, which would overrule a no from Actito on its way to Didomi.
    """
    agreed, latest = known.agreed.get(Side.DIDOMI), known.latest.get(Side.DIDOMI)
    if said.choice is Choice.GRANTED:
        ticked = bool(line.node.option) and held_by_didomi(known) is Choice.GRANTED
        refused = _refused_since(state, line, known, said, context)
        if agreed is not None and ticked:
            if agreed.known or (latest is not None and latest.choice is Choice.GRANTED):
                return _holding(known, said.choice, said.dated, said.not_after), Added.KNOWN
            said = replaced(said, not_before=min(said.not_before, agreed.as_of))
        elif refused is not None and (latest is None or latest.dated < said.dated):
            said = replaced(
                said,
                id=f"held-{refused}",
                choice=Choice.DENIED,
                not_after=max(refused, said.not_after),
                dated=refused,
            )
    known, how = add_statement(line, known, said)
    return _holding(known, said.choice, said.dated, said.not_after), how


def _refused_since(
    state: PersonState, line: Line, known: LineState, said: Statement, context: Context
) -> Micros | None:
    """Return when Didomi was seen to hold a no that is newer than this yes and not ours, if it was."""
    agreed = known.agreed.get(Side.DIDOMI)
    held = state.picks.get(Pick(line.node.purpose, line.node.preference))
    seen: Micros | None = None
    if agreed is not None and agreed.choice is Choice.DENIED:
        seen = agreed.as_of
    elif line.node.option and held is not None and line.node.option not in held.options:
        seen = held.dated
    since = said.dated - context.rules.tolerance
    ours = any(write.sent_at >= since for write in own_writes(known, Side.DIDOMI, Choice.DENIED))
    return seen if seen is not None and seen > said.dated and not ours else None


def _ticked(known: LineState) -> Choice:
    """What an empty list takes back: also an option whose older yes is not held any more."""
    latest = known.latest.get(Side.DIDOMI)
    granted = latest is not None and latest.choice is Choice.GRANTED
    return Choice.GRANTED if granted else held_by_didomi(known)


def _fold_own(state: PersonState, event: ConsentEvent, context: Context) -> PersonState:
    """Our own event came back: it was stored, whatever the answer to our call was."""
    for line in context.mapping.lines:
        known = line_state(state, line)
        choice = choice_at(event.tree, line.node, held=held_by_didomi(known))
        agreed = known.agreed.get(Side.DIDOMI)
        if choice is Choice.NONE:
            continue
        dated = event.created_at if event.created_at is not None else context.now
        known = resolved(known, Side.DIDOMI, choice)
        if (
            agreed is None
            or dated > agreed.as_of
            or (agreed.choice is choice and not agreed.confirmed)
        ):
            as_of = dated if agreed is None else max(dated, agreed.as_of)
            known = with_agreed(known, Side.DIDOMI, choice, as_of)
        state = with_line(state, line, known)
    dated = event.created_at if event.created_at is not None else context.now
    return with_lists(state, event.tree, dated)


def _fold_shown(state: PersonState, content: DidomiItem, item: Item, context: Context) -> _Folded:
    """The merged state a user entity shows, never newer than the event behind it."""
    tree = content.shown
    dates = [
        date
        for date in (content.updated_at, content.event.created_at if content.event else None)
        if date is not None
    ]
    if tree is None:
        return _Folded(state)
    shown_at = min(dates) if dates else item.received_at
    named = content.event.tree if content.event else ConsentTree()
    added: list[tuple[str, Added]] = []
    for line in context.mapping.lines:
        known = line_state(state, line)
        choice = choice_at(tree, line.node, held=held_by_didomi(known))
        named_too = choice_at(named, line.node, held=held_by_didomi(known), chosen=True)
        if named_too is not Choice.NONE and content.event and content.event.status != CONFIRMED:
            added.append((line.id, Added.PENDING))
        if choice is Choice.NONE or named_too is not Choice.NONE:
            continue
        known, how = _differing(
            line, known, choice, shown_at, min(shown_at, item.received_at), item, context
        )
        state = with_line(state, line, known)
        added.append((line.id, how))
    return _Folded(with_lists(state, tree, shown_at), tuple(added))


def _differing(
    line: Line,
    known: LineState,
    choice: Choice,
    dated: Micros,
    not_after: Micros,
    item: Item,
    context: Context,
) -> tuple[LineState, Added]:
    """A state that differs from what Didomi was known to hold: made between the two sights."""
    agreed = known.agreed.get(Side.DIDOMI)
    if agreed is not None and _seen_before_it_was_told(line, known, agreed, choice, dated):
        # Nobody has counted it yet: the look that showed it first was only a baseline.
        agreed = None
    if agreed is not None and agreed.choice is choice:
        again = _shown_again(known, agreed, dated)
        return again, Added.KNOWN if again is known else Added.CONFIRMED
    if agreed is not None and dated <= agreed.as_of:
        return known, Added.OLDER
    if agreed is not None and _before_our_write(known, dated, context):
        return known, Added.OLDER if choice is Choice.GRANTED else Added.DOUBTFUL
    if agreed is not None and agreed.choice is Choice.DENIED and not agreed.confirmed:
        # Only an answer says that our refusal took, and it did not: it is written again.
        return with_agreed(known, Side.DIDOMI, choice, dated), Added.NOT_TAKEN
    if unsure_write(known, Side.DIDOMI, choice):
        # What a lost answer would have told: our own write, nobody's choice.
        known = with_agreed(resolved(known, Side.DIDOMI, choice), Side.DIDOMI, choice, dated)
        return known, Added.CONFIRMED
    not_before = OPEN if agreed is None else lifted(agreed.as_of, agreed, context.rules)
    said = Statement(
        id=f"shown-{dated}-{choice}",
        side=Side.DIDOMI,
        choice=choice,
        not_before=not_before,
        not_after=max(not_after, not_before),
        dated=dated,
        # A user is posted when it changes: it was under way since its own date. Another choice may
        # have changed it, and then this one is older.
        delay=max(
            0,
            item.received_at - dated,
            age_beside_first_sight(known, Side.DIDOMI, not_before),
        ),
        evidence=f"event {item.id}",
    )
    known, how = add_statement(line, known, said)
    return _holding(known, choice, dated, not_after), how


def _seen_before_it_was_told(
    line: Line, known: LineState, agreed: Agreed, choice: Choice, dated: Micros
) -> bool:
    """Say whether a user shows a choice that a first sight has shown before its webhook came.

    A list that leaves an option out tells nothing of an option that nobody is known to have ticked.
    """
    told = Side.DIDOMI in known.latest or agreed.known
    written = any(write.side is Side.DIDOMI for write in known.writes)
    named = choice is Choice.GRANTED or not line.node.option
    same = agreed.choice is choice and dated <= agreed.as_of
    return same and named and not told and not written


def _shown_again(known: LineState, agreed: Agreed, dated: Micros) -> LineState:
    """Our own write confirmed, where a user shows it that is not older than it."""
    if agreed.confirmed or dated < agreed.as_of:
        return known
    return with_agreed(
        resolved(known, Side.DIDOMI, agreed.choice), Side.DIDOMI, agreed.choice, dated
    )


def _before_our_write(known: LineState, dated: Micros, context: Context) -> bool:
    """Say whether a user may have been shown as it was before our newest write reached Didomi.

    Our event may carry an earlier date than that, so its own date does not tell. A yes is left
    aside then, but a no may be newer than our write: Didomi is asked.
    """
    sent = [write.sent_at for write in known.writes if write.side is Side.DIDOMI]
    return bool(sent) and dated <= max(sent) + context.rules.tolerance


def _holding(known: LineState, choice: Choice, dated: Micros, seen_at: Micros) -> LineState:
    """Didomi held this choice at its date, unless it is known to hold a later one."""
    agreed = known.agreed.get(Side.DIDOMI)
    later = agreed is not None and (
        dated < agreed.as_of
        or (dated == agreed.as_of and choice is Choice.GRANTED and agreed.choice is Choice.DENIED)
    )
    if not later:
        known = with_agreed(known, Side.DIDOMI, choice, dated)
    return with_refusal(known, Side.DIDOMI, seen_at) if choice is Choice.DENIED else known


def _with_metadata(
    state: PersonState, content: DidomiItem, dated: Micros, context: Context
) -> PersonState:
    mapping = context.mapping
    chosen = attributes_from(content.metadata, mapping.attributes, mapping.key_attribute)
    newer = {
        name: Wanted(value, dated)
        for name, value in chosen.items()
        if name not in state.wanted or state.wanted[name].dated <= dated
    }
    return replaced(state, wanted={**state.wanted, **newer}) if newer else state


def _finish(
    folded: _Folded,
    event: ConsentEvent | None,
    content: DidomiItem,
    item: Item,
    context: Context,
) -> Outcome:
    dated = next(
        date
        for date in (event.created_at if event else None, content.updated_at, item.received_at)
        if date is not None
    )
    own = event is not None and is_own(event, context.subject)
    state = folded.state if own else _with_metadata(folded.state, content, dated, context)
    touched = frozenset(name for name, how in folded.added if how is Added.NEW)
    doubtful = any(how is Added.DOUBTFUL for _, how in folded.added)
    if touched or state.wanted is not folded.state.wanted:
        return Outcome(state, touched=touched, doubtful=doubtful)
    verdict, reason = nothing_new(how for _, how in folded.added)
    if own:
        verdict, reason = Verdict.CONFIRMED, "our own change came back from Didomi"
    return Outcome(state, verdict=verdict, reason=reason, doubtful=doubtful)
