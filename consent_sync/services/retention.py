"""What was received keeps its content for a time; what was learnt from it stays."""

from dataclasses import dataclass
from typing import Final

from consent_sync.domain.moments import Micros
from consent_sync.ports.clock import Clock
from consent_sync.ports.graves import Graves

_STEP: Final = 200
_REST_SECONDS: Final = 0.05


@dataclass(slots=True)
class Retention:
    """Removes the content of events older than `life`, in small steps that intake passes by.

    Statements, what both sides hold and the hashes of what was accepted stay, so an old agreement
    that comes once more is refused as before.
    """

    store: Graves
    clock: Clock
    life: Micros
    _after: int = 0

    async def round(self) -> int:
        """Remove all that is due; return in how many steps; raise StoreError."""
        steps = 0
        before = self.clock.now() - self.life
        while (last := await self.store.fade(self._after, before, _STEP)) is not None:
            # An event that waits now is passed over; the next start looks at it again.
            steps, self._after = steps + 1, last
            await self.clock.sleep(_REST_SECONDS)
        return steps
