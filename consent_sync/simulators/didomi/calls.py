"""The log of API calls, for assertions: what was asked and how it was answered, without secrets."""

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime

from pydantic import JsonValue


@dataclass(frozen=True, slots=True)
class Call:
    """One API call; `route` is a name such as `consents.events.create`, `status` 0 when no answer was given."""

    at: datetime
    method: str
    route: str
    path: str
    status: int
    body: JsonValue = None

    def describe(self) -> dict[str, JsonValue]:
        """Return the call as JSON values."""
        return {**asdict(self), "at": self.at.isoformat()}


class Calls:
    """The newest calls, up to a bound, and a count by route that has none."""

    def __init__(self, bound: int = 10_000) -> None:
        self._calls: deque[Call] = deque(maxlen=bound)
        self.counts: Counter[str] = Counter()
        """Calls by route name since the start or the last `clear`."""

    def __len__(self) -> int:
        return len(self._calls)

    def __iter__(self) -> Iterator[Call]:
        return iter(list(self._calls))

    def add(self, call: Call) -> None:
        """Note a call, dropping the oldest one when full."""
        self._calls.append(call)
        self.counts[call.route] += 1

    def select(self, route: str = "", method: str | None = None) -> list[Call]:
        """Return the kept calls whose route name starts with `route`, oldest first."""
        return [
            call
            for call in self._calls
            if call.route.startswith(route) and method in (None, call.method)
        ]

    def clear(self) -> None:
        """Forget all calls and counts."""
        self._calls.clear()
        self.counts.clear()
