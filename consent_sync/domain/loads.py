"""A first load: what a side holds now, taken in as its webhooks would have told it, and weighed.

A load never raises unless that is asked for, and never where no time is known. So without leave it
carries refusals only, and nothing of it can become a yes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from consent_sync.domain.actito_hints import Hint, fold_hint
from consent_sync.domain.actito_looks import fold_profile_missing
from consent_sync.domain.compare import Sides
from consent_sync.domain.consent import Choice, ConsentTree
from consent_sync.domain.didomi_items import fold_didomi_item
from consent_sync.domain.didomi_looks import fold_user_missing, fold_user_reading
from consent_sync.domain.events import (
    DidomiItem,
    Item,
    LoadedChoices,
    ProfileHint,
    ProfileMissing,
    ProfileReading,
    UserReading,
)
from consent_sync.domain.identity import Side
from consent_sync.domain.lines import Context, line_state
from consent_sync.domain.loaded import fold_loaded
from consent_sync.domain.mapping import Line, Mapping
from consent_sync.domain.plan import Plan, plan_changes
from consent_sync.domain.several import choice_in, fold_profiles, profiles_in
from consent_sync.domain.state import PersonState
from consent_sync.domain.translate import choice_at, choice_from_subscription
from consent_sync.domain.values import replaced


@dataclass(frozen=True, slots=True)
class Weight:
    """What loading one person would do, in lines: raised, lowered, held for a person's word.

    `creates` says that a profile would be made, `absent` that the other side does not know them.
    """

    raised: int = 0
    lowered: int = 0
    held: int = 0
    creates: bool = False
    absent: bool = False

    @property
    def changes(self) -> bool:
        """Whether a turn would write or newly hold anything."""
        return bool(self.raised or self.lowered or self.held)


def loadable(seen: UserReading, *, may_raise: bool) -> ConsentTree:
    """Return what a load may tell of a Didomi user: everything, or the refusals alone.

    A list is no refusal of what it leaves out, and a user without a date can only lower.
    """
    if may_raise and seen.updated_at is not None:
        return seen.tree
    denied = {node: choice for node, choice in seen.tree.nodes.items() if choice is Choice.DENIED}
    return ConsentTree(denied, {})


def refused_subscriptions(
    state: PersonState, seen: ProfileReading, mapping: Mapping
) -> dict[str, bool]:
    """Return the subscriptions that refuse, of lines on which Actito was never read before.

    Actito tells no time of a change, so its agreements are not loaded at all.
    """
    found: dict[str, bool] = {}
    for line in mapping.lines:
        subscribed = seen.subscriptions.get(line.id)
        if subscribed is None or Side.ACTITO in line_state(state, line).agreed:
            continue
        if choice_from_subscription(line, subscribed=subscribed) is Choice.DENIED:
            found[line.id] = subscribed
    return found


def weigh_user(
    state: PersonState, item: Item, content: DidomiItem, sides: Sides, context: Context
) -> Weight:
    """Return what a turn would do that takes this Didomi user in."""
    after = fold_didomi_item(state, item, content, context).state
    looked: frozenset[Side] = frozenset()
    if isinstance(sides.actito, ProfileMissing):
        after, looked = _profile(after, sides.actito, [], context), frozenset({Side.ACTITO})
    plan = _plan(after, looked, sides, context)
    return _weight(state, plan, absent=isinstance(sides.actito, ProfileMissing))


def weigh_profile(state: PersonState, hint: Hint, sides: Sides, context: Context) -> Weight:
    """Return what a turn would do that takes this webhook of the profile in."""
    after = fold_hint(state, hint, context).state
    after = _profile(after, sides.actito, [hint], context)
    plan = _plan(after, frozenset({Side.ACTITO}), sides, context)
    absent = not any(isinstance(seen, UserReading) for seen in sides.didomi)
    return _weight(state, plan, absent=absent)


def without_held(row: LoadedChoices, sides: Sides, mapping: Mapping) -> LoadedChoices:
    """Return a row of a file without the choices that every side holds already."""
    told = {
        line.id: choice
        for line in mapping.lines
        if (choice := row.choices.get(line.id, Choice.NONE)) is not Choice.NONE
        and set(_held(line, sides, mapping)) != {choice}
    }
    return replaced(row, choices=told)


def _held(line: Line, sides: Sides, mapping: Mapping) -> list[Choice]:
    """Return what each side holds on a line; one that lacks the person and gets nobody is no side."""
    held = [
        choice_at(seen.tree, line.node, held=Choice.NONE)
        for seen in sides.didomi
        if isinstance(seen, UserReading)
    ]
    if not held and mapping.create_in_didomi:
        held.append(Choice.NONE)
    if isinstance(sides.actito, ProfileReading):
        held += [choice_in(line, one) for one in profiles_in(sides.actito)]
    elif mapping.upsert_mode:
        held.append(Choice.NONE)
    return held


def tells_news(
    state: PersonState, rows: Sequence[tuple[Item, LoadedChoices]], context: Context
) -> bool:
    """Say whether any of these rows of a file tells what none has told before."""
    return any(fold_loaded(state, item, row, context).touched for item, row in rows)


def weigh_rows(
    state: PersonState,
    rows: Sequence[tuple[Item, LoadedChoices]],
    sides: Sides,
    context: Context,
) -> Weight:
    """Return what a turn would do that takes these rows of a file in, all about one person."""
    after = state
    for item, row in rows:
        after = fold_loaded(after, item, row, context).state
    looked: frozenset[Side] = frozenset()
    if isinstance(sides.actito, ProfileMissing):
        after, looked = _profile(after, sides.actito, [], context), frozenset({Side.ACTITO})
    plan = _plan(after, looked, sides, context)
    return _weight(state, plan, absent=isinstance(sides.actito, ProfileMissing))


def _plan(state: PersonState, looked: frozenset[Side], sides: Sides, context: Context) -> Plan:
    """Plan as a turn does: again after each look that a plan asks for."""
    while due := (plan := plan_changes(state, context, looked=looked)).looks - looked:
        if Side.ACTITO in due:
            state = _profile(state, sides.actito, [], context)
        if Side.DIDOMI in due:
            state = _users(state, sides, context)
        looked |= due
    return plan


def a_hint(state: PersonState, subscriptions: dict[str, bool], context: Context) -> Hint:
    """Return the webhook that would tell of these subscriptions now."""
    content = ProfileHint(state.names, subscriptions)
    return Hint(Item(0, context.now, content), content)


def _profile(
    state: PersonState,
    seen: ProfileReading | ProfileMissing,
    hints: Sequence[Hint],
    context: Context,
) -> PersonState:
    if isinstance(seen, ProfileMissing):
        return fold_profile_missing(state, seen, hints, context).state
    return fold_profiles(state, seen, hints, context).state


def _users(state: PersonState, sides: Sides, context: Context) -> PersonState:
    readings = [seen for seen in sides.didomi if isinstance(seen, UserReading)]
    for seen in readings:
        state = fold_user_reading(state, seen, context)
    return state if readings else fold_user_missing(state)


def _weight(before: PersonState, plan: Plan, *, absent: bool) -> Weight:
    choices = [*plan.actito.values(), *plan.didomi.values()]
    raised = sum(choice is Choice.GRANTED for choice in choices)
    held_before = {name for name, known in before.lines.items() if known.held}
    return Weight(
        raised=raised,
        lowered=len(choices) - raised,
        held=len(plan.held - held_before),
        creates=absent and bool(plan.actito),
        absent=absent,
    )
