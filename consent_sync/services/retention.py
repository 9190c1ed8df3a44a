"""What was received, what happened and who people are have each a time; what they chose stays."""

from dataclasses import dataclass
from itertools import takewhile
from typing import Final, Protocol

from consent_sync.domain.ledger import is_checkpoint
from consent_sync.domain.moments import HOUR, Micros
from consent_sync.ports.clock import Clock
from consent_sync.ports.graves import Graves
from consent_sync.ports.store import Ledger

_STEP: Final = 200
_PEOPLE: Final = 20
_LOOKED_AT: Final = 100
_REST_SECONDS: Final = 0.05
_DAY: Final[Micros] = 24 * HOUR


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


@dataclass(slots=True)
class Identifiers:
    """Forgets who people are about whom nothing was recorded for `life`; 0 is for good.

    What they chose stays and is found by a hash, so that an old agreement is refused as before.
    Everybody is looked at once a day, in small steps that intake passes by.
    """

    store: Graves
    clock: Clock
    life: Micros
    _next: Micros = 0

    async def round(self) -> int:
        """Forget whoever is due; return how many; raise StoreError."""
        started = self.clock.now()
        if not self.life or started < self._next:
            return 0
        people, after, before = 0, 0, started - self.life
        while (step := await self.store.forget(after, before, _LOOKED_AT)) is not None:
            people, after = people + step.people, step.last
            await self.clock.sleep(_REST_SECONDS)
        self._next = started + _DAY
        return people
