"""What was received keeps its content for a time, and what happened its record; the rest stays."""

from dataclasses import dataclass
from itertools import takewhile
from typing import Final, Protocol

from consent_sync.domain.ledger import is_checkpoint
from consent_sync.domain.moments import Micros
from consent_sync.ports.clock import Clock
from consent_sync.ports.graves import Graves
from consent_sync.ports.store import Ledger

_STEP: Final = 200
_PEOPLE: Final = 20
_REST_SECONDS: Final = 0.05


class Kept(Ledger, Graves, Protocol):
    """The store as retention needs it."""


@dataclass(slots=True)
class Retention:
    """Removes the content of events older than `life`, in small steps that intake passes by.

    Statements, what both sides hold and the hashes of what was accepted stay, so an old agreement
    that comes once more is refused as before. A life of 0 is for good.
    """

    store: Graves
    clock: Clock
    life: Micros
    _after: int = 0

    async def round(self) -> int:
        """Remove all that is due; return in how many steps; raise StoreError."""
        steps = 0
        before = self.clock.now() - self.life
        while self.life and (last := await self.store.fade(self._after, before, _STEP)) is not None:
            # An event that waits now is passed over; the next start looks at it again.
            steps, self._after = steps + 1, last
            await self.clock.sleep(_REST_SECONDS)
        return steps


@dataclass(slots=True)
class Timelines:
    """Shortens what is recorded of people to `life`, a few people at a time; 0 is for good.

    A checkpoint of what is known takes the place of what goes, so nothing is forgotten that a
    decision rests on.
    """

    store: Kept
    clock: Clock
    life: Micros
    _after: int = 0

    async def round(self) -> int:
        """Remove all that is due; return how many records went; raise StoreError."""
        gone, before = 0, self.clock.now() - self.life
        while self.life:
            page = await self.store.recent(after=self._after, limit=_STEP)
            # A checkpoint goes with the next one; it is younger than its date, so it stops nothing.
            due = list(takewhile(lambda row: row[2].at < before or is_checkpoint(row[2]), page))
            if not due:
                break
            people = list(dict.fromkeys(one for _, one, told in due if not is_checkpoint(told)))
            for start in range(0, len(people), _PEOPLE):
                for one in people[start : start + _PEOPLE]:
                    # Whoever is busy now is passed over; the next start looks at them again.
                    gone += await self.store.compact(one, before)
                await self.clock.sleep(_REST_SECONDS)
            self._after = due[-1][0]
        return gone
