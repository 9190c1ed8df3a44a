"""Actito's webhooks as hints, taken into a person's state.

A webhook carries no time and may be late, doubled or partial: either it shows exactly what is
agreed, or the profile is read and the reading decides.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from consent_sync.domain.consent import Agreed, Choice
from consent_sync.domain.events import Item, ProfileHint
from consent_sync.domain.identity import Names, Side
from consent_sync.domain.lines import (
    Context,
    Outcome,
    line_state,
    own_writes,
    resolved,
    tried_again,
    unsure_write,
    with_agreed,
    with_line,
)
from consent_sync.domain.mapping import Line
from consent_sync.domain.moments import Micros
from consent_sync.domain.state import LineState, PersonState, Presence, Several
from consent_sync.domain.translate import choice_from_subscription
from consent_sync.domain.values import replaced
from consent_sync.domain.verdicts import Verdict

MOST_PROFILES: Final = 8
"""How many further profiles of one person are kept in mind at most."""


@dataclass(frozen=True, slots=True)
class Hint:
    """One Actito webhook of this turn that made a look necessary."""

    item: Item
    content: ProfileHint

    def choice(self, line: Line) -> Choice:
        """Return the choice it names for a line, NONE when it does not name it."""
        subscribed = self.content.subscriptions.get(line.id)
        if subscribed is None:
            return Choice.NONE
        return choice_from_subscription(line, subscribed=subscribed)


def fold_hint(state: PersonState, hint: Hint, context: Context) -> Outcome:
    """Take a webhook in: an echo confirms and is done; anything else asks for a look.

    The verdict is None when a look is needed.
    """
    state = with_named_profile(state, hint.content.names)
    if state.several is not None:
        # Of several profiles one webhook shows only one: all of them are read.
        return Outcome(state)
    if state.profile is not Presence.PRESENT or not _shows_agreed(state, hint, context):
        return Outcome(state)
    fresh = False
    for line in context.mapping.lines:
        choice = hint.choice(line)
        known = line_state(state, line)
        agreed = known.agreed.get(Side.ACTITO)
        if choice is Choice.NONE or agreed is None:
            continue
        fresh = fresh or not agreed.confirmed
        known = with_agreed(resolved(known, Side.ACTITO, choice), Side.ACTITO, choice, agreed.as_of)
        known = said_again(tried_again(known), choice, hint.item.received_at, context)
        state = with_line(state, line, known)
    if fresh:
        return Outcome(
            state, verdict=Verdict.CONFIRMED, reason="Actito shows the change that we made"
        )
    return Outcome(
        state, verdict=Verdict.ECHO, reason="it shows what both sides already hold; nothing to do"
    )


def came_back(state: PersonState, hints: Sequence[Hint], context: Context) -> bool:
    """Say whether a webhook shows a yes over a no that both sides are known to hold.

    She may have agreed on the other side too, and refused once more here since: then it matters
    whether Didomi holds a yes that nobody has told us of.
    """
    if not hints or state.user is Presence.MISSING:
        return False
    for line in context.mapping.lines:
        known = line_state(state, line)
        agreed, said = known.agreed.get(Side.ACTITO), known.latest.get(Side.DIDOMI)
        if (
            agreed is not None
            and agreed.choice is Choice.DENIED
            and said is not None
            and said.choice is Choice.DENIED
            and any(hint.choice(line) is Choice.GRANTED for hint in hints)
        ):
            return True
    return False


def with_named_profile(state: PersonState, told: Names) -> PersonState:
    """Return the person with what a webhook calls the profile; one not known yet is kept beside."""
    several = state.several or Several()
    if not is_another(state.names, told):
        return replaced(state, names=merged_names(state.names, told))
    if any(not is_another(one, told) for one in (*several.twins, *several.strangers)):
        return state
    strangers = (*several.strangers, replaced(told, ouid=""))[-MOST_PROFILES:]
    return replaced(state, several=replaced(several, strangers=strangers))


def is_another(known: Names, told: Names) -> bool:
    """Say whether these names cannot be one profile's: another spelling, another number.

    One of the two alone may change: a key is spelled anew, or a profile is made anew.
    """
    keys = bool(known.actito_key and told.actito_key)
    numbers = bool(known.profile_id and told.profile_id)
    if keys and numbers:
        return known.actito_key != told.actito_key and known.profile_id != told.profile_id
    if keys:
        return known.actito_key != told.actito_key
    return numbers and known.profile_id != told.profile_id


def merged_names(known: Names, told: Names) -> Names:
    """Return the names with what a side has told us now; empty tells nothing."""
    merged = Names(
        told.ouid or known.ouid,
        told.actito_key or known.actito_key,
        told.profile_id or known.profile_id,
    )
    return known if merged == known else merged


def _shows_agreed(state: PersonState, hint: Hint, context: Context) -> bool:
    """Say whether a hint shows exactly what is agreed, and nothing of ours makes that doubtful."""
    named = False
    for line in context.mapping.lines:
        choice = hint.choice(line)
        if choice is Choice.NONE:
            continue
        named = True
        known = line_state(state, line)
        agreed = known.agreed.get(Side.ACTITO)
        opposite = Choice.DENIED if choice is Choice.GRANTED else Choice.GRANTED
        if agreed is None or agreed.choice is not choice:
            return False
        if maybe_before_first_sight(known, agreed, hint, context):
            return False
        if refused_before_us(known, choice, hint.item.received_at):
            return False
        if unsure_write(known, Side.ACTITO, opposite):
            return False
    if named:
        return True
    others = {**hint.content.other, **hint.content.subscriptions}
    others.pop(context.mapping.key_attribute, None)
    return bool(others) and all(
        name in state.sent and str(state.sent[name]).lower() == str(value).lower()
        for name, value in others.items()
    )


def maybe_before_first_sight(
    known: LineState, agreed: Agreed, hint: Hint, context: Context
) -> bool:
    """Say whether a webhook may tell of the very change that a first sight has shown already.

    Then nobody has counted that change as a choice yet: the first sight was only a baseline.
    """
    told = Side.ACTITO in known.latest or agreed.known
    written = any(write.side is Side.ACTITO for write in known.writes)
    recent = hint.item.received_at <= agreed.as_of + context.rules.webhook_max_delay
    return recent and not told and not written


def said_again(known: LineState, choice: Choice, at: Micros, context: Context) -> LineState:
    """Let a repeated no reach up to the moment of its webhook, unless it is an echo of ours.

    Nobody can tell a doubled webhook from a person who refuses once more after agreeing on the
    other side. So the refusal that is known may have been made as late as this.
    """
    latest = known.latest.get(Side.ACTITO)
    if choice is not Choice.DENIED or latest is None or latest.choice is not choice:
        return known
    if at <= latest.not_after or echoes(known, at, context):
        return known
    return replaced(known, latest={**known.latest, Side.ACTITO: replaced(latest, not_after=at)})


def echoes(known: LineState, at: Micros, context: Context) -> bool:
    """Say whether a webhook with a no may be the echo of a no that we wrote."""
    delay = context.rules.webhook_max_delay
    refusals = own_writes(known, Side.ACTITO, Choice.DENIED)
    return any(write.sent_at < at <= write.sent_at + delay for write in refusals)


def refused_before_us(known: LineState, choice: Choice, at: Micros) -> bool:
    """Say whether a webhook tells of the person's own no, received before we wrote ours there."""
    latest = known.latest.get(Side.ACTITO)
    if choice is not Choice.DENIED or (latest is not None and latest.choice is choice):
        return False
    ours = own_writes(known, Side.ACTITO, choice)
    return bool(ours) and all(at <= write.sent_at for write in ours)
