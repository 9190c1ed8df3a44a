"""What clients called: counters by route, and the newest calls in full."""

from collections import Counter, deque
from dataclasses import dataclass

from pydantic import JsonValue

CALLS_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One API call; `note` says why it was refused or which fault hit it, `status` is 0 when nothing was answered."""

    at: float
    method: str
    route: str
    path: str
    status: int
    body: bytes
    note: str = ""

    def show(self) -> dict[str, JsonValue]:
        """Show the call for the control API."""
        return {
            "at": self.at,
            "method": self.method,
            "route": self.route,
            "path": self.path,
            "status": self.status,
            "body": self.body.decode(errors="replace"),
            "note": self.note,
        }


class CallLog:
    """A bounded log of calls; counting goes on when recording is switched off."""

    def __init__(self, size: int = CALLS_KEPT) -> None:
        self._records: deque[CallRecord] = deque(maxlen=size)
        self.counters: Counter[str] = Counter()
        """Calls by route name since the start or the last `clear`."""

    def __len__(self) -> int:
        return len(self._records)

    def add(self, record: CallRecord) -> None:
        """Keep a call; the oldest one gives way when the log is full."""
        self._records.append(record)

    def count(self, route: str = "") -> int:
        """Count the calls whose route name starts with `route`."""
        return sum(count for name, count in self.counters.items() if name.startswith(route))

    def select(self, route: str = "", method: str | None = None) -> list[CallRecord]:
        """List the kept calls whose route name starts with `route`, oldest first."""
        return [
            record
            for record in self._records
            if record.route.startswith(route) and method in (None, record.method)
        ]

    def clear(self) -> None:
        """Forget calls and counters."""
        self._records.clear()
        self.counters.clear()
