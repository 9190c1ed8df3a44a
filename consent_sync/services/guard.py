"""The guards: too many agreements at once, or one person changing too often, wait for an operator.

A guard only ever holds agreements. Refusals do not pass it at all, so it cannot delay them.
"""

from collections import OrderedDict
from collections.abc import Mapping as MappingView
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from consent_sync.domain.identity import Side
from consent_sync.domain.ledger import HeldBack
from consent_sync.domain.lines import Context, line_state
from consent_sync.domain.mapping import Line
from consent_sync.domain.moments import HOUR, OPEN, Micros
from consent_sync.domain.state import LineState, PersonState
from consent_sync.domain.values import replaced
from consent_sync.domain.verdicts import Verdict
from consent_sync.domain.words import is_released, statements_of

MANY_RAISED: Final = "unusually many agreements were carried over in this mapping lately"
MANY_PEOPLE: Final = (
    "agreements of an unusually large share of this mapping's people were carried over lately"
)
MANY_CREATED: Final = "unusually many profiles were created in this mapping lately"
MANY_CHANGES: Final = "this line was changed unusually often within an hour"

FEW: Final = 200
"""So many people in a window are never too many for a share: on a small list a share is nobody."""

SLICES: Final = 60
"""In how many parts a window is counted for the other processes and for the next start."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Most lines raised and profiles created per window and mapping, most changes of a line an hour.

    0 = no limit; the window is in microseconds. The shares, from 0 to 1, are of the people known of
    the mapping: of those whom we knew before the window, for raises, and all, for new profiles.
    """

    raised: int = 0
    created: int = 0
    window: Micros = HOUR
    changes: int = 0
    raised_share: float = 0.0
    created_share: float = 0.0

    @property
    def count(self) -> bool:
        """Say whether anything is counted per mapping."""
        return any((self.raised, self.created, self.raised_share, self.created_share))


class Counts(NamedTuple):
    """Lines raised, profiles created, and people raised whom we knew before the window."""

    raised: int = 0
    created: int = 0
    people: int = 0

    def plus(self, other: "Counts") -> "Counts":
        """Return both together."""
        return Counts(*(one + two for one, two in zip(self, other, strict=True)))


Slices = dict[str, dict[Micros, Counts]]
"""Counts by mapping and by the moment at which a part of a window begins."""


class _Raise(NamedTuple):
    person: str
    line: str
    basis: str


@dataclass(slots=True)
class _Window:
    raised: OrderedDict[_Raise, Micros] = field(default_factory=OrderedDict)
    created: OrderedDict[str, Micros] = field(default_factory=OrderedDict)
    people: OrderedDict[str, Micros] = field(default_factory=OrderedDict)


class Guard:
    """Counts what is let through, per mapping; bounded by the limits themselves.

    `own` is what was let through here, `others` what other processes and earlier starts have let
    through in the window, and `known` how many people each mapping knows.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        # Asked with every agreement, so it is worked out once.
        self._shares = bool(self.limits.raised_share)
        self._counts = replaced(self.limits, raised_share=0.0).count or self.limits.changes > 0
        self.own: Slices = {}
        self.others: MappingView[str, Counts] = {}
        self.known: MappingView[str, int] = {}
        self._windows: dict[str, _Window] = {}

    def let_through(self, mapping: str) -> Counts:
        """Return what all together have let through in the window."""
        window = self._windows.get(mapping)
        others = self.others.get(mapping, Counts())
        if window is None:
            return others
        own = Counts(len(window.raised), len(window.created), len(window.people))
        return own.plus(others)

    def hold_back(
        self,
        state: PersonState,
        context: Context,
        lines: Sequence[Line],
        *,
        creates: bool,
        before: PersonState | None = None,
    ) -> tuple[HeldBack, ...]:
        """Return which of these lines, about to be raised, must wait; count the others.

        `before` is the person as the turn found them.
        """
        since = context.now - self.limits.window
        established = before is not None and self._shares and _is_known_since(before, since)
        if not self._counts and not established:
            return ()
        window = self._windows.setdefault(context.subject.mapping, _Window())
        for seen in (window.raised, window.created, window.people):
            _forget(seen, since)
        one = _Turn(self, window, context, creates=creates, established=established)
        held: list[HeldBack] = []
        for line in lines:
            known = line_state(state, line)
            if _is_released(known):
                continue
            reason = one.reason(line, known)
            if reason:
                held.append(HeldBack(line.id, statements_of(known), reason))
            else:
                one.count(line, known)
        return tuple(held)

    def most_people(self, mapping: str, share: float) -> float:
        """Return how many people that share of a mapping's people comes to."""
        return max(FEW, share * self.known.get(mapping, 0))

    def near_a_share(self) -> bool:
        """Say whether it may soon matter how many people a mapping knows."""
        limits = self.limits
        return any(
            bool(limits.raised_share and through.people >= FEW // 2)
            or bool(limits.created_share and through.created >= FEW // 2)
            for through in map(self.let_through, {*self.others, *self.own})
        )

    def note(self, mapping: str, at: Micros, counts: Counts) -> None:
        """Add to what the other processes are told."""
        width = max(1, self.limits.window // SLICES)
        slices = self.own.setdefault(mapping, {})
        begin = at - at % width
        slices[begin] = slices.get(begin, Counts()).plus(counts)
        if len(slices) > SLICES + 1:
            del slices[min(slices)]


@dataclass(frozen=True, slots=True)
class _Turn:
    """One person's lines before the guard."""

    guard: Guard
    window: _Window
    context: Context
    creates: bool
    established: bool

    def reason(self, line: Line, known: LineState) -> str:
        """Say why this line must wait, empty when it may pass."""
        limits, (mapping, person) = self.guard.limits, self.context.subject
        recent = [one for one in known.writes if one.sent_at > self.context.now - HOUR]
        if limits.changes and len(recent) >= limits.changes:
            return MANY_CHANGES
        if not limits.count:
            return ""
        through = self.guard.let_through(mapping)
        full = bool(limits.raised) and through.raised >= limits.raised
        if full and _Raise(person, line.id, statements_of(known)) not in self.window.raised:
            return MANY_RAISED
        if (
            limits.raised_share
            and self.established
            and person not in self.window.people
            and through.people >= self.guard.most_people(mapping, limits.raised_share)
        ):
            return MANY_PEOPLE
        if not self.creates or person in self.window.created:
            return ""
        full = bool(limits.created) and through.created >= limits.created
        if limits.created_share and not full:
            full = through.created >= self.guard.most_people(mapping, limits.created_share)
        return MANY_CREATED if full else ""

    def count(self, line: Line, known: LineState) -> None:
        """Count a line that passes, each thing once."""
        limits, window = self.guard.limits, self.window
        (mapping, person), now = self.context.subject, self.context.now
        if not limits.count:
            return
        raised = created = people = False
        if limits.raised:
            one = _Raise(person, line.id, statements_of(known))
            raised = one not in window.raised
            window.raised.setdefault(one, now)
        if (limits.created or limits.created_share) and self.creates:
            created = person not in window.created
            window.created.setdefault(person, now)
        if limits.raised_share and self.established:
            people = person not in window.people
            window.people.setdefault(person, now)
        if raised or created or people:
            self.guard.note(mapping, now, Counts(raised, created, people))


def _is_known_since(state: PersonState, moment: Micros) -> bool:
    """Say whether we had to do with this person before, by our own clock."""
    for known in state.lines.values():
        agreed = known.agreed.get(Side.ACTITO)
        if agreed is not None and OPEN < agreed.as_of <= moment:
            return True
        if known.writes and known.writes[0].sent_at <= moment:
            return True
    return False


def _is_released(known: LineState) -> bool:
    return any(is_released(known, Verdict.HELD_GUARD, side) for side in Side)


def _forget(seen: "OrderedDict[_Raise, Micros] | OrderedDict[str, Micros]", before: Micros) -> None:
    while seen and next(iter(seen.values())) <= before:
        seen.popitem(last=False)
