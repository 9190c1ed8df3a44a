"""Permits for calls, drawn from one bucket per account on the database's own clock.

The bucket leaks at the rate of the account, as one for a single process would. Nobody gets more at
once than an equal share of what is free, and who may take the last one changes every five seconds,
so that nobody always comes too late; a replica that died leaves the share within ten seconds, and
what it had drawn leaks away.
"""

from dataclasses import dataclass
from typing import Final

from consent_sync.adapters.storage.postgres.connections import Database
from consent_sync.domain.moments import SECOND
from consent_sync.ports.quota import Ask, Permits

_SHARING: Final = 10 * SECOND
_ROTATION: Final = 5 * SECOND
_BURST_SHARE: Final = 10


@dataclass(frozen=True, slots=True)
class Drawing:
    """Draws for one replica."""

    database: Database
    replica: bytes

    async def draw(self, ask: Ask) -> Permits:
        """Return what this replica may do now; raise StoreError."""
        values = {
            "account": ask.account,
            "replica": self.replica,
            "sharing": _SHARING,
            "rotation": _ROTATION,
            "calls": ask.calls,
            "beyond": ask.beyond,
            "burst": max(1.0, ask.per_minute / _BURST_SHARE),
            "per_micro": ask.per_minute / (60 * SECOND),
            "at_once": ask.at_once,
        }
        [[granted, slots]] = await self.database.rows("draw", values)
        return Permits(granted, slots)
