"""What the guards have let through, kept on the board: for other replicas and for the next start.

A turn never waits for it. Between two looks each process counts for itself, so that a limit may be
passed by what the others let through in that time.
"""

import json
from dataclasses import dataclass
from typing import Any, Final, Protocol

from consent_sync.domain.identity import is_stand_in
from consent_sync.domain.moments import Micros
from consent_sync.ports.board import Board
from consent_sync.ports.clock import Clock
from consent_sync.ports.graves import Graves
from consent_sync.services.guard import Counts, Guard, Slices

_NAME: Final = "guards, layout 1"
_TRIES: Final = 5
_NOTHING: Final = b"{}"

_NAMES_AT_ONCE: Final = 2_000


class GuardStore(Board, Graves, Protocol):
    """The store as the guards need it."""


@dataclass(slots=True)
class GuardBook:
    """Exchanges counts with the board; `name` tells this process from the others."""

    guard: Guard
    store: GuardStore
    clock: Clock
    name: str
    _told: bytes = _NOTHING
    _counted_at: Micros | None = None

    async def exchange(self) -> None:
        """Tell the others what was let through here, and learn what they did; raises StoreError."""
        since = self.clock.now() - self.guard.limits.window
        for _ in range(_TRIES):
            notice = await self.store.notice(_NAME)
            kept = _read(notice.body, since)
            kept.pop(self.name, None)
            self.guard.others = _summed(kept)
            mine = _recent(self.guard.own, since)
            told = _written({self.name: mine} if mine else {})
            if told == self._told:
                break
            body = _written({**kept, self.name: mine} if mine else kept)
            if await self.store.pin(_NAME, notice.version, body):
                self._told = told
                break
        await self._count_people()

    async def _count_people(self) -> None:
        """Count the people of each mapping once a window, only where a share may come to matter."""
        guard, now = self.guard, self.clock.now()
        due = self._counted_at is None or self._counted_at <= now - guard.limits.window
        if not due or not guard.near_a_share():
            return
        known: dict[str, int] = {}
        after = 0
        while page := await self.store.names(after, _NAMES_AT_ONCE):
            after = page[-1][0]
            for _, subject in page:
                known[subject.mapping] = known.get(subject.mapping, 0) + (
                    not is_stand_in(subject.person)
                )
        guard.known, self._counted_at = known, now


def _summed(kept: dict[str, Slices]) -> dict[str, Counts]:
    found: dict[str, Counts] = {}
    for slices in kept.values():
        for mapping, parts in slices.items():
            for counts in parts.values():
                found[mapping] = found.get(mapping, Counts()).plus(counts)
    return found


def _recent(slices: Slices, since: Micros) -> Slices:
    found = {
        mapping: {begin: counts for begin, counts in parts.items() if begin > since}
        for mapping, parts in slices.items()
    }
    return {mapping: parts for mapping, parts in found.items() if parts}


def _written(kept: dict[str, Slices]) -> bytes:
    values = {
        name: {
            mapping: [[begin, *counts] for begin, counts in parts.items()]
            for mapping, parts in slices.items()
        }
        for name, slices in kept.items()
    }
    return json.dumps(values, separators=(",", ":")).encode()


def _read(body: bytes, since: Micros) -> dict[str, Slices]:
    told: dict[str, Any] = json.loads(body) if body else {}
    kept = {
        name: _recent(
            {
                mapping: {begin: Counts(*counts) for begin, *counts in parts}
                for mapping, parts in slices.items()
            },
            since,
        )
        for name, slices in told.items()
    }
    return {name: slices for name, slices in kept.items() if slices}
