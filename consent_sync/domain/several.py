"""Several Actito profiles of one person: what they hold together, and what one of them says.

A refusal in one of them is a refusal of the person. For an agreement they have to be of one mind.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from consent_sync.domain.actito_hints import Hint, echoes, is_another
from consent_sync.domain.actito_looks import LineLook, fold_profile_reading
from consent_sync.domain.consent import Agreed, Choice
from consent_sync.domain.events import ProfileReading
from consent_sync.domain.identity import Names, Side
from consent_sync.domain.lines import (
    Context,
    Outcome,
    delayed_by_first_sight,
    line_state,
    own_writes,
    unsure_write,
    with_agreed,
    with_line,
    with_refusal,
)
from consent_sync.domain.mapping import Line
from consent_sync.domain.moments import OPEN
from consent_sync.domain.state import LineState, PersonState, Several
from consent_sync.domain.translate import choice_from_subscription
from consent_sync.domain.values import replaced

_NONE: Final[Several] = Several()


def profiles_of(state: PersonState) -> tuple[Names, ...]:
    """Return the names of every Actito profile known of a person, the main one first."""
    several = state.several or _NONE
    found = (state.names, *several.twins, *several.strangers)
    return tuple(one for one in found if one.actito_key or one.profile_id)


def profiles_in(seen: ProfileReading) -> tuple[ProfileReading, ...]:
    """Return every profile of a reading, the one that the person is known by first."""
    return (seen, *seen.others)


def choice_in(line: Line, profile: ProfileReading) -> Choice:
    """Return what one profile holds on a line."""
    subscribed = profile.subscriptions.get(line.id)
    if subscribed is None:
        return Choice.NONE
    return choice_from_subscription(line, subscribed=subscribed)


def shown_together(line: Line, profiles: Sequence[ProfileReading]) -> Choice:
    """Return what these profiles come to on a line: the strictest choice that one of them holds."""
    held = {choice_in(line, one) for one in profiles}
    return next((one for one in (Choice.DENIED, Choice.GRANTED) if one in held), Choice.NONE)


def fold_profiles(
    state: PersonState, seen: ProfileReading, hints: Sequence[Hint], context: Context
) -> Outcome:
    """Take in what Actito held when it was asked, in all profiles of the person.

    `hints` are the webhooks of this turn that asked for the look.
    """
    before = state.several
    if before is None and not seen.others:
        return fold_profile_reading(state, seen, hints, context)
    before = before or _NONE
    profiles = profiles_in(seen)
    known = [one for one in profiles if _is_known(one, state, before)] or list(profiles)
    if len(known) < 1 + len(before.twins):
        state = _without_uneven(state, before)
    together = _together(known, seen, context)
    theirs = _hints_of([one for one in profiles if one not in known], hints)
    common = [hint for hint in hints if hint not in theirs]
    outcome = fold_profile_reading(state, together, common, context)
    touched, after = set(outcome.touched), outcome.state
    uneven = set()
    for line in context.mapping.lines:
        look = _Several(line, line_state(state, line), before, profiles, known, hints, context)
        told = look.after(line_state(after, line), told=line.id in touched)
        if told is not line_state(after, line):
            if told.latest != line_state(after, line).latest:
                touched.add(line.id)
            after = with_line(after, line, told)
        if look.is_uneven():
            uneven.add(line.id)
    twins = tuple(replaced(one.names, ouid="") for one in seen.others)
    several = Several(twins, (), frozenset(uneven)) if twins else None
    return replaced(outcome, state=replaced(after, several=several), touched=frozenset(touched))


def _is_known(profile: ProfileReading, state: PersonState, before: Several) -> bool:
    nobody = not state.names.actito_key and not state.names.profile_id
    return nobody or any(not is_another(one, profile.names) for one in (state.names, *before.twins))


def _without_uneven(state: PersonState, before: Several) -> PersonState:
    """One of them has gone: what the others held was not what they held together."""
    lines = {
        name: replaced(
            known, agreed={side: held for side, held in known.agreed.items() if side != Side.ACTITO}
        )
        if name in before.uneven
        else known
        for name, known in state.lines.items()
    }
    return replaced(state, lines=lines)


def _together(
    profiles: Sequence[ProfileReading], seen: ProfileReading, context: Context
) -> ProfileReading:
    """Return one reading that shows what these profiles hold together."""
    shown = {}
    for line in context.mapping.lines:
        choice = shown_together(line, profiles)
        if choice is not Choice.NONE:
            shown[line.id] = (choice is Choice.GRANTED) != line.inverted
    return ProfileReading(seen.asked_at, seen.read_at, seen.names, shown)


def _hints_of(profiles: Sequence[ProfileReading], hints: Sequence[Hint]) -> tuple[Hint, ...]:
    return tuple(
        hint
        for hint in hints
        if any(not is_another(one.names, hint.content.names) for one in profiles)
    )


@dataclass(frozen=True, slots=True)
class _Several:
    """One line of a person with several profiles; `was` is the line before they were read."""

    line: Line
    was: LineState
    before: Several
    profiles: tuple[ProfileReading, ...]
    known: Sequence[ProfileReading]
    hints: Sequence[Hint]
    context: Context

    def is_uneven(self) -> bool:
        """Say whether the profiles hold different choices."""
        return len({choice_in(self.line, one) for one in self.profiles}) > 1

    def after(self, known: LineState, *, told: bool) -> LineState:
        """Return the line with what one of the profiles says, and what all of them hold.

        `told` says that the profiles known before have said something together.
        """
        shown, seen = shown_together(self.line, self.profiles), self.profiles[0]
        joined = len(self.known) < len(self.profiles)
        latest = known.latest
        if not told:
            known = self._said_by_one(known)
        uneven = self.is_uneven()
        if not uneven and not joined:
            return known
        known = with_agreed(known, Side.ACTITO, shown, seen.asked_at)
        if shown is Choice.DENIED:
            known = with_refusal(known, Side.ACTITO, seen.read_at)
            if joined and known.latest is latest:
                known = delayed_by_first_sight(known, Side.ACTITO, seen.read_at)
        # A write that did not take in all of them has not taken.
        return replaced(known, unshown=self.was.unshown) if uneven else known

    def _said_by_one(self, known: LineState) -> LineState:
        agreed = self.was.agreed.get(Side.ACTITO)
        if self._agreed_by_one(agreed):
            known = self._statement(known, Choice.GRANTED, agreed)
        if self._refused_by_one(known, agreed):
            known = self._statement(known, Choice.DENIED, agreed)
        return known

    def _agreed_by_one(self, agreed: Agreed | None) -> bool:
        """Say whether somebody agreed in one profile while another one holds a refusal."""
        hints = self._told(Choice.GRANTED)
        if self._all_held(Choice.DENIED, agreed):
            assert agreed is not None  # noqa: S101 - said by _all_held, for the types
            held = [choice_in(self.line, one) for one in self.known]
            if agreed.confirmed and not unsure_write(self.was, Side.ACTITO, Choice.GRANTED):
                return Choice.GRANTED in held or bool(hints)
            return any(hint.item.received_at > agreed.as_of for hint in hints)
        latest = self.was.latest.get(Side.ACTITO)
        news = latest is None or latest.choice is not Choice.GRANTED
        return news and any(not self._ours(hint, Choice.GRANTED) for hint in hints)

    def _refused_by_one(self, known: LineState, agreed: Agreed | None) -> bool:
        """Say whether somebody refused in one profile while another one held a refusal already."""
        latest = known.latest.get(Side.ACTITO)
        if latest is not None and latest.choice is Choice.DENIED:
            return False
        told = self._told(Choice.DENIED)
        if any(not echoes(self.was, hint.item.received_at, self.context) for hint in told):
            return True
        # Its webhook may be lost: they differed, and now all of them refuse.
        return (
            self.line.id in self.before.uneven
            and not self.is_uneven()
            and agreed is not None
            and agreed.choice is shown_together(self.line, self.profiles) is Choice.DENIED
            and agreed.confirmed
            and not unsure_write(self.was, Side.ACTITO, Choice.DENIED)
        )

    def _all_held(self, choice: Choice, agreed: Agreed | None) -> bool:
        uneven = self.line.id in self.before.uneven
        return not uneven and agreed is not None and agreed.choice is choice

    def _told(self, choice: Choice) -> tuple[Hint, ...]:
        """Return the webhooks that name this choice for a profile that holds it."""
        holders = [one for one in self.profiles if choice_in(self.line, one) is choice]
        return tuple(
            hint for hint in _hints_of(holders, self.hints) if hint.choice(self.line) is choice
        )

    def _ours(self, hint: Hint, choice: Choice) -> bool:
        at, delay = hint.item.received_at, self.context.rules.webhook_max_delay
        writes = own_writes(self.was, Side.ACTITO, choice)
        return any(write.sent_at < at <= write.sent_at + delay for write in writes)

    def _statement(self, known: LineState, choice: Choice, agreed: Agreed | None) -> LineState:
        hints, seen = self._told(choice), self.profiles[0]
        look = LineLook(self.line, known, choice, seen, hints, self.context)
        if agreed is None or not self._all_held(agreed.choice, agreed):
            return look.statement(OPEN, None).known
        return look.statement(agreed.as_of, agreed).known


def same_profile(one: Names, other: Names) -> bool:
    """Say whether two readings are of one profile: Actito may look up without regard to case."""
    if one.profile_id and other.profile_id:
        return one.profile_id == other.profile_id
    return one.actito_key == other.actito_key
