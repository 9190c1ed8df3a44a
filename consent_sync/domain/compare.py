"""What two sides hold beside each other, where they differ, and what the rules would do about it."""

from collections.abc import Mapping as MappingView
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from consent_sync.domain.actito_hints import Hint, fold_hint
from consent_sync.domain.actito_looks import fold_profile_missing
from consent_sync.domain.consent import Agreed, Choice, ConsentTree
from consent_sync.domain.desired import desired_choice
from consent_sync.domain.didomi_items import fold_didomi_item
from consent_sync.domain.didomi_looks import fold_user_missing, fold_user_reading
from consent_sync.domain.events import (
    DidomiItem,
    Item,
    ProfileHint,
    ProfileMissing,
    ProfileReading,
    UserMissing,
    UserReading,
)
from consent_sync.domain.identity import Side
from consent_sync.domain.lines import Context, line_state
from consent_sync.domain.mapping import Line, Mapping, SyncMode
from consent_sync.domain.plan import Plan, may_write, plan_changes
from consent_sync.domain.several import fold_profiles, profiles_in, shown_together
from consent_sync.domain.state import PersonState, Presence
from consent_sync.domain.translate import choice_at, names_node
from consent_sync.domain.verdicts import Verdict


@dataclass(frozen=True, slots=True)
class Sides:
    """One person as both sides show them; several Didomi users may be one person."""

    didomi: tuple[UserReading | UserMissing, ...]
    actito: ProfileReading | ProfileMissing


@dataclass(frozen=True, slots=True)
class Difference:
    """One line on which the sides differ: what they hold, what we believe, what would be done.

    `proposed` is what both ought to hold, `writes` the sides that would be written for it; `held`
    is the word under which the line is known to be held already.
    """

    line: Line
    didomi: Choice
    actito: Choice
    believed: MappingView[Side, Agreed]
    proposed: Choice
    verdict: Verdict
    reason: str
    writes: tuple[Side, ...]
    held: str = ""


def shown_choices(line: Line, sides: Sides) -> tuple[Choice, Choice]:
    """Return what Didomi and Actito show on a line; of several Didomi users the no counts."""
    trees = [seen.tree for seen in sides.didomi if isinstance(seen, UserReading)]
    return _shown_by_didomi(line, trees), _shown_by_actito(line, sides.actito)


class Gap(IntEnum):
    """How far apart two sides are at a first look."""

    NONE = 0
    WEAK = 1
    """One side refuses what the other says nothing about; that may be no difference."""
    STRONG = 2
    """One side agrees to what the other does not."""


def gap(sides: Sides, mapping: Mapping) -> Gap:
    """Return the widest gap on any line that is not switched off; cheap, for everybody."""
    widest = Gap.NONE
    trees = [seen.tree for seen in sides.didomi if isinstance(seen, UserReading)]
    for line in mapping.lines:
        if line.sync is SyncMode.OFF:
            continue
        didomi, actito = _shown_by_didomi(line, trees), _shown_by_actito(line, sides.actito)
        if didomi is actito:
            continue
        if Choice.GRANTED in (didomi, actito):
            return Gap.STRONG
        widest = Gap.WEAK
    return widest


def emptied(state: PersonState, sides: Sides, mapping: Mapping) -> tuple[Side, ...]:
    """Return the sides that show nothing at all where they are known to have held something."""
    trees = [seen.tree for seen in sides.didomi if isinstance(seen, UserReading)]
    held = sides.actito.subscriptions if isinstance(sides.actito, ProfileReading) else {}
    bare = {
        Side.DIDOMI: not any(names_node(tree, one.node) for tree in trees for one in mapping.lines),
        Side.ACTITO: not any(one.id in held for one in mapping.lines),
    }
    return tuple(side for side in bare if bare[side] and _held_something(side, state, mapping))


def held_in_didomi(state: PersonState, mapping: Mapping) -> bool:
    """Say whether Didomi is known to have held a choice of this person."""
    return state.user is Presence.PRESENT and _held_something(Side.DIDOMI, state, mapping)


def _held_something(side: Side, state: PersonState, mapping: Mapping) -> bool:
    held = [line_state(state, line).agreed.get(side) for line in mapping.lines]
    return any(one is not None and one.choice is not Choice.NONE for one in held)


def differences(
    state: PersonState, shown: Sequence[Item], sides: Sides, context: Context
) -> tuple[Difference, ...]:
    """Return the lines on which the sides differ, with the outcome that the rules propose.

    `shown` are the Didomi users as webhooks would show them. The outcome is that of a turn which
    takes them in and looks at both sides; nothing is written.
    """
    after, plan = foretold(state, shown, sides, context)
    decisions = {one.line.id: one for one in plan.decisions}
    one_missing = isinstance(sides.actito, ProfileMissing) or not any(
        isinstance(seen, UserReading) for seen in sides.didomi
    )
    found: list[Difference] = []
    for line in context.mapping.lines:
        didomi, actito = shown_choices(line, sides)
        writes = tuple(side for side in Side if line.id in plan.writes(side))
        held = line.id in plan.held
        if line.sync is SyncMode.OFF or didomi is actito:
            continue
        by_rules = bool(writes) or (held and not one_missing)
        if not by_rules and (one_missing or not _drifts(line, didomi, actito, context.mapping)):
            continue
        decision = decisions.get(line.id)
        wish = desired_choice(line, line_state(after, line), context.rules)
        found.append(
            Difference(
                line,
                didomi,
                actito,
                line_state(state, line).agreed,
                wish.choice,
                decision.verdict if decision else Verdict.NO_CHANGE,
                decision.reason if decision else _NOBODY,
                writes,
                line_state(state, line).held,
            )
        )
    return tuple(found)


_NOBODY = "nobody is known to have made a choice here, so nothing is written"


def foretold(
    state: PersonState, shown: Sequence[Item], sides: Sides, context: Context
) -> tuple[PersonState, Plan]:
    """Return what a turn would know and plan that takes these users in and looks at both sides."""
    for item in shown:
        if isinstance(item.content, DidomiItem):
            state = fold_didomi_item(state, item, item.content, context).state
    hint = Hint(Item(0, context.now, ProfileHint(state.names)), ProfileHint(state.names))
    state = fold_hint(state, hint, context).state
    if isinstance(sides.actito, ProfileMissing):
        state = fold_profile_missing(state, sides.actito, [hint], context).state
    else:
        state = fold_profiles(state, sides.actito, [hint], context).state
    looked = frozenset({Side.ACTITO})
    plan = plan_changes(state, context, looked=looked)
    if Side.DIDOMI not in plan.looks:
        return state, plan
    readings = [seen for seen in sides.didomi if isinstance(seen, UserReading)]
    for seen in readings:
        state = fold_user_reading(state, seen, context)
    state = state if readings else fold_user_missing(state)
    return state, plan_changes(state, context, looked=looked | {Side.DIDOMI})


def _drifts(line: Line, didomi: Choice, actito: Choice, mapping: Mapping) -> bool:
    """Say whether an agreement on one side alone is drift, whatever the rules would write.

    On a line that flows one way only the receiving side may refuse what the other agrees to, and
    its own agreement is nobody's business.
    """
    if (didomi is Choice.GRANTED) is (actito is Choice.GRANTED):
        return False
    to_actito = may_write(Side.ACTITO, line, mapping)
    to_didomi = may_write(Side.DIDOMI, line, mapping)
    if to_actito and to_didomi:
        return True
    giver, taker = (didomi, actito) if to_actito else (actito, didomi)
    return giver is not Choice.NONE and taker is not Choice.DENIED


def _shown_by_didomi(line: Line, trees: Sequence[ConsentTree]) -> Choice:
    if len(trees) == 1:
        # Nearly everybody, so it is worth a way of its own.
        return choice_at(trees[0], line.node, held=Choice.NONE)
    choices = {choice_at(tree, line.node, held=Choice.NONE) for tree in trees}
    for choice in (Choice.DENIED, Choice.GRANTED):
        if choice in choices:
            return choice
    return Choice.NONE


def _shown_by_actito(line: Line, seen: ProfileReading | ProfileMissing) -> Choice:
    return (
        shown_together(line, profiles_in(seen)) if isinstance(seen, ProfileReading) else Choice.NONE
    )
