"""Whose turn comes first: opt-outs before opt-ins before the rest, and nobody starves."""

from collections.abc import Sequence
from enum import IntEnum
from typing import Final

_NEXT_EVERY: Final = 4
_LAST_EVERY: Final = 16


class Urgency(IntEnum):
    """How much hurry something has. What cannot be told at the door counts as an opt-out."""

    OPT_OUT = 0
    OPT_IN = 1
    REST = 2


class Share:
    """Shares turns among what waits: the most urgent gets three of four, and so on downwards."""

    def __init__(self) -> None:
        self._picks = 0

    def order(self, waiting: Sequence[Urgency]) -> tuple[Urgency, ...]:
        """Return what waits in the order in which it is served this time; `waiting` is sorted."""
        self._picks += 1
        last, following = self._picks % _LAST_EVERY == 0, self._picks % _NEXT_EVERY == 0
        first = min(2 if last else int(following), len(waiting) - 1)
        if first <= 0:
            return tuple(waiting)
        return (waiting[first], *waiting[:first], *waiting[first + 1 :])


def hurry(optout_waiting: bool, attempts: int) -> Urgency:
    """Return how urgent a turn is that comes again by itself: a write to try anew, or a mere look."""
    if optout_waiting:
        return Urgency.OPT_OUT
    return Urgency.OPT_IN if attempts else Urgency.REST
