"""The guards: too many agreements at once, or one person changing too often, wait for an operator.

A guard only ever holds agreements. Refusals do not pass it at all, so it cannot delay them.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from consent_sync.domain.identity import Side
from consent_sync.domain.ledger import HeldBack
from consent_sync.domain.lines import Context, line_state
from consent_sync.domain.mapping import Line
from consent_sync.domain.moments import HOUR, Micros
from consent_sync.domain.state import LineState, PersonState
from consent_sync.domain.verdicts import Verdict
from consent_sync.domain.words import is_released, statements_of

MANY_RAISED: Final = "unusually many agreements were carried over in this mapping lately"
MANY_CREATED: Final = "unusually many profiles were created in this mapping lately"
MANY_CHANGES: Final = "this line was changed unusually often within an hour"


@dataclass(frozen=True, slots=True)
class Limits:
    """Most lines raised and profiles created per window and mapping, most changes of a line an hour.

    0 = no limit; the window is in microseconds.
    """

    raised: int = 0
    created: int = 0
    window: Micros = HOUR
    changes: int = 0


class _Raise(NamedTuple):
    person: str
    line: str
    basis: str


@dataclass(slots=True)
class _Window:
    raised: OrderedDict[_Raise, Micros] = field(default_factory=OrderedDict)
    created: OrderedDict[str, Micros] = field(default_factory=OrderedDict)


class Guard:
    """Counts what this process lets through, per mapping; bounded by the limits themselves."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._windows: dict[str, _Window] = {}

    def hold_back(
        self, state: PersonState, context: Context, lines: Sequence[Line], *, creates: bool
    ) -> tuple[HeldBack, ...]:
        """Return which of these lines, about to be raised, must wait; count the others."""
        window = self._windows.setdefault(context.subject.mapping, _Window())
        _forget(window.raised, context.now - self._limits.window)
        _forget(window.created, context.now - self._limits.window)
        held: list[HeldBack] = []
        for line in lines:
            known = line_state(state, line)
            if _is_released(known):
                continue
            reason = self._reason(window, context, line, known, creates=creates)
            if reason:
                held.append(HeldBack(line.id, statements_of(known), reason))
            else:
                self._count(window, context, line, known, creates=creates)
        return tuple(held)

    def _reason(
        self, window: _Window, context: Context, line: Line, known: LineState, *, creates: bool
    ) -> str:
        limits, person = self._limits, context.subject.person
        recent = [one for one in known.writes if one.sent_at > context.now - HOUR]
        if limits.changes and len(recent) >= limits.changes:
            return MANY_CHANGES
        one = _Raise(person, line.id, statements_of(known))
        if limits.raised and one not in window.raised and len(window.raised) >= limits.raised:
            return MANY_RAISED
        full = limits.created and len(window.created) >= limits.created
        return MANY_CREATED if creates and full and person not in window.created else ""

    def _count(
        self, window: _Window, context: Context, line: Line, known: LineState, *, creates: bool
    ) -> None:
        person = context.subject.person
        if self._limits.raised:
            one = _Raise(person, line.id, statements_of(known))
            window.raised.setdefault(one, context.now)
        if self._limits.created and creates:
            window.created.setdefault(person, context.now)


def _is_released(known: LineState) -> bool:
    return any(is_released(known, Verdict.HELD_GUARD, side) for side in Side)


def _forget(seen: "OrderedDict[_Raise, Micros] | OrderedDict[str, Micros]", before: Micros) -> None:
    while seen and next(iter(seen.values())) <= before:
        seen.popitem(last=False)
