"""A line of those who wait, in three parts by how urgent they are."""

from collections import OrderedDict
from typing import Final, Generic, TypeVar

from consent_sync.domain.urgency import Share, Urgency

One = TypeVar("One")

_ALL: Final = tuple(Urgency)


class Line(Generic[One]):
    """Who waits, each once; within a part in the order in which they came."""

    def __init__(self) -> None:
        self._parts: tuple[OrderedDict[One, None], ...] = tuple(OrderedDict() for _ in _ALL)
        self._share = Share()

    def __len__(self) -> int:
        first, second, third = self._parts
        return len(first) + len(second) + len(third)

    def __contains__(self, one: One) -> bool:
        return any(one in part for part in self._parts)

    def count(self, urgency: Urgency) -> int:
        """Return how many wait in a part."""
        return len(self._parts[urgency])

    def add(self, one: One, urgency: Urgency) -> None:
        """Put somebody at the back of a part, unless they stand in it or in a more urgent one."""
        for place, part in enumerate(self._parts):
            if one in part:
                if place <= urgency:
                    return
                del part[one]
        self._parts[urgency][one] = None

    def put_first(self, one: One, urgency: Urgency) -> None:
        """Put somebody at the front of a part."""
        self.remove(one)
        part = self._parts[urgency]
        part[one] = None
        part.move_to_end(one, last=False)

    def remove(self, one: One) -> None:
        """Take somebody out, wherever they stand."""
        for part in self._parts:
            part.pop(one, None)

    def pop(self) -> tuple[One, Urgency]:
        """Take out who is next, each part getting its share; raise KeyError when nobody waits."""
        waiting = [urgency for urgency in _ALL if self._parts[urgency]]
        if not waiting:
            raise KeyError("nobody waits")
        return self.pop_from(self._share.order(waiting)[0])

    def pop_from(self, urgency: Urgency) -> tuple[One, Urgency]:
        """Take out the first of a part; raise KeyError when nobody waits there."""
        return self._parts[urgency].popitem(last=False)[0], urgency
