"""When changes go to Actito together: from a long backlog on, until it is short again."""

from typing import Final, Protocol

import structlog

from consent_sync.domain.errors import StoreError
from consent_sync.ports.clock import Clock
from consent_sync.ports.store import Ledger

LOOK_SECONDS: Final = 10.0

_log = structlog.get_logger(__name__)


class Gates(Protocol):
    """What can be opened and closed."""

    def open_bulk(self, wanted: bool) -> None:
        """Let what needs no look go together, or one by one again."""
        ...


class BulkSwitch:
    """Opens above a number of waiting turns, and closes below half of it."""

    def __init__(self, gates: Gates, ledger: Ledger, clock: Clock, above: int) -> None:
        self._gates = gates
        self._ledger = ledger
        self._clock = clock
        self._above = above
        self.open = False

    async def run(self) -> None:
        """Look every ten seconds until cancelled."""
        while True:
            await self.look()
            await self._clock.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Look once; a store that cannot be asked changes nothing."""
        try:
            waiting = (await self._ledger.status()).waiting_turns
        except StoreError:
            return
        wanted = waiting > (self._above // 2 if self.open else self._above)
        if wanted and not self.open:
            _log.info("bulk_begins", waiting=waiting)
        elif self.open and not wanted:
            _log.info("bulk_ends", waiting=waiting)
        self.open = wanted
        self._gates.open_bulk(wanted)
