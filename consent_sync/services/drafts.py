"""From a plan to the exact writes: one change of a profile, the events for one Didomi user."""

from collections.abc import Iterable, Sequence
from collections.abc import Mapping as MappingView
from typing import Final

from consent_sync.domain.consent import Choice, Node, Pick, Statement, WriteOutcome
from consent_sync.domain.events import Origin
from consent_sync.domain.identity import Desk, Normalise, Side
from consent_sync.domain.ledger import Write, WrittenLine
from consent_sync.domain.lines import Context, line_state
from consent_sync.domain.mapping import Line
from consent_sync.domain.moments import MILLISECOND, OPEN, Micros
from consent_sync.domain.own_events import basis_of, own_event_id
from consent_sync.domain.profile import Collection, ProfileChange, Scalar
from consent_sync.domain.several import profiles_of
from consent_sync.domain.state import PersonState
from consent_sync.domain.translate import rebuilt_list, subscription_from_choice
from consent_sync.domain.values import dataclass
from consent_sync.ports.platforms import ConsentDraft

SOURCE: Final = "Didomi via consent-sync"
"""What Actito shows as the place where a choice was found."""

FROM_FILE: Final = "a file via consent-sync"
"""The same of a choice that a loaded file told of."""

METADATA_WAY: Final = "metadata of the Didomi user"


@dataclass(frozen=True, slots=True)
class ProfileDraft:
    """One write to a person's profile, or to all that there are: the calls, and the fact."""

    keys: tuple[str, ...]
    change: ProfileChange
    write: Write


@dataclass(frozen=True, slots=True)
class EventsDraft:
    """The events of one call to Didomi, and the facts they become, one each."""

    events: tuple[ConsentDraft, ...]
    writes: tuple[Write, ...]


def actito_keys(state: PersonState, context: Context) -> tuple[str, ...]:
    """Return the key values the profile may have, best first: Actito's own spelling once known.

    Whether Actito's look-up ignores letter case is not documented. So until a profile has been
    seen, Didomi's spelling is tried before the normalised one. Where several profiles come to the
    person, all their keys follow.
    """
    if state.names.actito_key:
        keys = [one.actito_key for one in profiles_of(state) if one.actito_key]
        return tuple(dict.fromkeys(keys))
    person, how = context.subject.person, context.mapping.normalise
    spelled = state.names.ouid.strip()
    if how in {Normalise.TRIM, Normalise.LOWER} and spelled and spelled != person:
        return (spelled, person)
    return (person,)


def actito_key(state: PersonState, context: Context) -> str:
    """Return the key value to address the profile with."""
    return actito_keys(state, context)[0]


def didomi_ouids(state: PersonState, context: Context) -> tuple[str, ...]:
    """Return the organisation user ids to write to: every spelling Didomi has used."""
    if state.spellings:
        return state.spellings
    hashed = context.mapping.normalise is Normalise.SHA256
    return (context.subject.person if hashed else actito_key(state, context),)


def profile_draft(
    state: PersonState,
    choices: MappingView[str, Choice],
    attributes: MappingView[str, Scalar],
    context: Context,
    *,
    created: bool = False,
) -> ProfileDraft:
    """Build the write that sets these choices and attributes on the profile, and nothing else."""
    lines = [line for line in context.mapping.lines if line.id in choices]
    sources = [
        said
        for line in lines
        for side, said in line_state(state, line).latest.items()
        if side is not Side.ACTITO and said.choice is choices[line.id]
    ]
    collection = Collection(SOURCE, METADATA_WAY, context.now)
    if sources:
        newest = max(sources, key=lambda said: said.not_after)
        collection = Collection(SOURCE, f"consent event {newest.id}", newest.not_after)
        if newest.side is Desk.FILE:
            collection = Collection(FROM_FILE, newest.id, newest.not_after)
    write = Write(
        side=Side.ACTITO,
        lines=_written(choices),
        sent_at=context.now,
        dated=context.now,
        outcome=WriteOutcome.IN_FLIGHT,
        attributes=tuple(sorted(attributes.items())),
        created=created,
    )
    subscriptions = {line.id: subscription_from_choice(line, choices[line.id]) for line in lines}
    keys = actito_keys(state, context)
    profile_id = state.names.profile_id if len(keys) == 1 else ""
    change = ProfileChange(subscriptions, attributes, collection, profile_id)
    return ProfileDraft(keys, change, write)


def events_draft(
    state: PersonState, choices: MappingView[str, Choice], context: Context
) -> EventsDraft:
    """Build the events that bring these choices to Didomi: one, or one per kind of choice.

    Didomi merges by date. A refusal is dated late and an agreement early, so the two kinds of a
    mixed turn cannot share one event. A list with both goes with the refusals.
    """
    lines = [line for line in context.mapping.lines if line.id in choices]
    with_denied_list = {
        Pick(line.node.purpose, line.node.preference)
        for line in lines
        if line.node.option and choices[line.id] is Choice.DENIED
    }
    denials = [
        line
        for line in lines
        if choices[line.id] is Choice.DENIED
        or (line.node.option and Pick(line.node.purpose, line.node.preference) in with_denied_list)
    ]
    grants = [line for line in lines if line not in denials]
    events: list[ConsentDraft] = []
    writes: list[Write] = []
    groups = [(_denied_at(state, denials, context), denials)] if denials else []
    groups += [(_granted_at(state, grants, context), grants)] if grants else []
    # Oldest date first: a webhook that shows the user between two of our events must not seem
    # newer than the one that is still to come.
    for created_at, group in sorted(groups, key=lambda pair: pair[0]):
        for ouid in didomi_ouids(state, context):
            event = _event(state, group, choices, created_at, ouid, context)
            events.append(event)
            writes.append(_write(event, group, choices, context))
    return EventsDraft(tuple(events), tuple(writes))


def _event(
    state: PersonState,
    group: Sequence[Line],
    choices: MappingView[str, Choice],
    created_at: Micros,
    ouid: str,
    context: Context,
) -> ConsentDraft:
    nodes: dict[Node, Choice] = {}
    changed: dict[Pick, dict[str, Choice]] = {}
    parts = [ouid, str(created_at)]
    for line in group:
        choice = choices[line.id]
        if line.node.option:
            pick = Pick(line.node.purpose, line.node.preference)
            changed.setdefault(pick, {})[line.node.option] = choice
        else:
            nodes[line.node] = choice
        said = line_state(state, line).latest
        parts.append(f"{line.id} {choice} " + " ".join(sorted(one.id for one in said.values())))
    held = {pick: state.picks[pick].options for pick in changed if pick in state.picks}
    picks = {
        pick: rebuilt_list(held.get(pick, frozenset()), options)
        for pick, options in changed.items()
    }
    basis = basis_of(parts)
    told = _told(state, group, choices)
    origin = Origin(
        context.subject.mapping,
        context.subject.person,
        basis,
        min((said.not_before for said in told), default=created_at),
        max((said.not_after for said in told), default=created_at),
    )
    return ConsentDraft(
        id=own_event_id(context.subject, basis),
        created_at=created_at,
        ouid=ouid,
        regulation=context.mapping.regulations[0],
        nodes=nodes,
        picks=picks,
        origin=origin,
    )


def _write(
    event: ConsentDraft, group: Sequence[Line], choices: MappingView[str, Choice], context: Context
) -> Write:
    return Write(
        side=Side.DIDOMI,
        lines=_written({line.id: choices[line.id] for line in group}),
        sent_at=context.now,
        dated=event.created_at,
        outcome=WriteOutcome.IN_FLIGHT,
        event_id=event.id,
        lists=tuple(
            (pick.purpose, pick.preference, options) for pick, options in event.picks.items()
        ),
    )


def _told(
    state: PersonState, group: Iterable[Line], choices: MappingView[str, Choice]
) -> list[Statement]:
    """The statements of the other sides that these writes carry to Didomi."""
    return [
        said
        for line in group
        for side, said in line_state(state, line).latest.items()
        if side is not Side.DIDOMI and said.choice is choices[line.id]
    ]


def _denied_at(state: PersonState, group: Sequence[Line], context: Context) -> Micros:
    latest = [
        said.not_after
        for line in group
        for said in line_state(state, line).latest.values()
        if said.choice is Choice.DENIED
    ]
    return _past_what_is_held(max(latest, default=context.now), state, group)


def _granted_at(state: PersonState, group: Sequence[Line], context: Context) -> Micros:
    latest = [
        said.not_before if said.not_before != OPEN else said.not_after
        for line in group
        for said in line_state(state, line).latest.values()
        if said.choice is Choice.GRANTED
    ]
    return _past_what_is_held(min(latest, default=context.now), state, group)


def _past_what_is_held(date: Micros, state: PersonState, group: Sequence[Line]) -> Micros:
    """Move a date just past what Didomi is known to hold, in whole milliseconds.

    Didomi would silently ignore an earlier one.
    """
    held = [
        agreed.as_of + MILLISECOND
        for line in group
        if (agreed := line_state(state, line).agreed.get(Side.DIDOMI)) is not None
    ]
    return -(-max([date, *held]) // MILLISECOND) * MILLISECOND


def _written(choices: MappingView[str, Choice]) -> tuple[WrittenLine, ...]:
    return tuple(WrittenLine(line, choice) for line, choice in sorted(choices.items()))
