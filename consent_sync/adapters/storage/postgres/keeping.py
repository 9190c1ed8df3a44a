"""Keeps the leases of the turns under way, and gives back those that were left."""

import asyncio
from typing import Final

import structlog

from consent_sync.adapters.clock import elapsed_seconds
from consent_sync.adapters.storage.postgres.claims import Claim, Claims, extended
from consent_sync.adapters.storage.postgres.connections import Database
from consent_sync.adapters.storage.postgres.settling import turn_values
from consent_sync.domain.errors import StoreError
from consent_sync.domain.moments import SECOND

_log = structlog.get_logger(__name__)

_PARTS: Final = 6
"""A lease is extended when a sixth of it has passed, so a few failures in a row do no harm."""


class Keeper:
    """Extends leases on a timer. A turn whose lease was lost is told to nobody: it cannot write."""

    def __init__(self, database: Database, claims: Claims, lease_seconds: float) -> None:
        self._database = database
        self._claims = claims
        self._seconds = lease_seconds
        self._left: list[Claim] = []
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start on the running event loop."""
        self._task = asyncio.create_task(self._run(), name="store-leases")

    async def stop(self) -> None:
        """Stop, and give back every turn that did not end."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        self._left += self._claims.all()
        try:
            await self._give_back()
        except StoreError as error:
            # Their leases end by themselves.
            _log.warning("turns_not_given_back", turns=len(self._left), problem=str(error))

    async def release(self, claim: Claim) -> None:
        """Give a turn back; raise StoreError when that has to wait, at most until its lease ends."""
        self._claims.end(claim)
        self._left.append(claim)
        await self._give_back()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._seconds / _PARTS)
            try:
                await self._give_back()
                await self._extend()
            except StoreError as error:
                _log.warning("leases_not_extended", turns=len(self._claims), problem=str(error))

    async def _extend(self) -> None:
        claims = [claim for claim in self._claims.all() if not claim.lost]
        if not claims:
            return
        asked_at = elapsed_seconds()
        lease = round(self._seconds * SECOND)
        rows = await self._database.rows("extend", {**turn_values(claims), "lease": lease})
        ours = {(person, fence) for person, fence in rows}
        kept = [claim for claim in claims if (claim.person, claim.fence) in ours]
        extended(kept, asked_at, self._seconds)
        # A turn that ended while we asked is not ours any more either, and is no loss.
        lost = [claim for claim in claims if claim not in kept and self._claims.has(claim)]
        for claim in lost:
            # It writes nothing more; it hears of it when it wants to record something.
            claim.expires = float("-inf")
        if lost:
            _log.warning("leases_lost", turns=len(lost))

    async def _give_back(self) -> None:
        left = tuple(self._left)
        if left:
            await self._database.rows("give_back", turn_values(left))
            self._left = [claim for claim in self._left if claim not in left]
