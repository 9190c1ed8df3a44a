"""What an open PostgreSQL store holds: connections, queues, and the turns it has."""

import asyncio
import secrets
from collections.abc import Awaitable, Iterable, Sequence
from typing import Final

import structlog

from consent_sync.adapters.clock import elapsed_seconds
from consent_sync.adapters.storage.postgres.accepting import Batch
from consent_sync.adapters.storage.postgres.arrays import bytes_array
from consent_sync.adapters.storage.postgres.claims import Claim, Claims, extended
from consent_sync.adapters.storage.postgres.connections import Database, repeated
from consent_sync.adapters.storage.postgres.errors import explained
from consent_sync.adapters.storage.postgres.flusher import Flusher
from consent_sync.adapters.storage.postgres.keeping import Keeper
from consent_sync.adapters.storage.postgres.settling import (
    End,
    Start,
    end_values,
    start_values,
    turn_values,
)
from consent_sync.adapters.storage.postgres.taking import Taking
from consent_sync.domain.erasure import Marks
from consent_sync.domain.errors import StoreError
from consent_sync.domain.moments import SECOND
from consent_sync.ports.store import NewEvent, Settlement

_log = structlog.get_logger(__name__)

# Of fewer deliveries under way than the first nobody waits; of more than the last a batch is large
# enough, and to wait would leave the database idle meanwhile.
_GATHERED_DELIVERIES: Final = range(8, 41)
_GATHERING_SECONDS: Final = 0.004
# Ends of turns in one statement: it goes through its own lists once for each.
_TOGETHER: Final = 128
# So many turns have to be under way for each one that a statement waits for, and this long at most.
# Before a write the person waits, too; after it only the place of the turn does.
_TURNS_FOR_EACH: Final = 4
_BEFORE_WRITING_SECONDS: Final = 0.003
_AFTER_WRITING_SECONDS: Final = 0.02


class Opened:
    """Connected from `start` to `stop`."""

    def __init__(
        self, url: str, bounds: tuple[int, int], lease_seconds: float, marks: Marks
    ) -> None:
        calls, size = bounds
        self.marks = marks
        self._lease_seconds = lease_seconds
        # Apart, so that nobody who looks around keeps the work waiting.
        self.work = Database(url, connections=6)
        self.look = Database(url, connections=3)
        self.accepting: Flusher[Sequence[NewEvent], list[bool]] = Flusher(
            self._accept,
            queue_jobs=calls,
            queue_bytes=size,
            expected=_deliveries_expected,
            patience_seconds=_GATHERING_SECONDS,
        )
        self.announcing: Flusher[Start, None] = Flusher(
            self._announce,
            batch_jobs=_TOGETHER,
            expected=self._expected,
            patience_seconds=_BEFORE_WRITING_SECONDS,
        )
        self.settling: Flusher[End, None] = Flusher(
            self._settle,
            batch_jobs=_TOGETHER,
            expected=self._expected,
            patience_seconds=_AFTER_WRITING_SECONDS,
        )
        self.taking = Taking(self.work, lease_seconds)
        self.claims = Claims()
        self.keeper = Keeper(self.work, self.claims, lease_seconds)
        self.bell = asyncio.Event()
        self.replica = secrets.token_bytes(8)
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Connect; raise StoreError."""
        await self.work.open()
        try:
            await self.look.open()
        except StoreError:
            await self.work.close()
            raise
        if await self.look.rows("unfinished_move", {}):
            await self.look.close()
            await self.work.close()
            raise StoreError(
                "a move into this database has not come to its end: run the same "
                "`consent-sync migrate --from … --to …` again"
            )
        for part in (self.accepting, self.announcing, self.settling, self.keeper):
            part.start()

    async def stop(self) -> None:
        """Write what was accepted, give unfinished turns back, and disconnect."""
        for flusher in (self.accepting, self.announcing, self.settling):
            await flusher.stop()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self.keeper.stop()
        self.bell.set()
        await self.look.close()
        await self.work.close()

    # --- turns of ours ---

    def claim_to_end(self, settlement: Settlement) -> Claim:
        """Return the claim whose turn ends; raise StoreError when it cannot end like that."""
        claim = self.claims.of(settlement.subject)
        if claim.ending:
            raise StoreError("the end of this person's turn is being written already")
        if not claim.items.issuperset([*settlement.done, *dict(settlement.moved)]):
            raise StoreError("a turn can only finish or move items that it holds")
        return claim

    def ended(self, claim: Claim, future: "asyncio.Future[None]") -> None:
        """The end of a turn was recorded, refused because its lease was lost, or failed."""
        claim.ending = False
        error = None if future.cancelled() else future.exception()
        if error is None or isinstance(error, LeaseLostError):
            self.claims.end(claim)
            self.bell.set()
        elif claim.left:
            self._later(self.keeper.release(claim))

    def _later(self, work: "Awaitable[None]") -> None:
        task = asyncio.ensure_future(_quietly(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- what the flushers write ---

    def _expected(self, _last_round: int) -> int:
        return len(self.claims) // _TURNS_FOR_EACH

    async def _accept(self, calls: Sequence[Sequence[NewEvent]]) -> list[list[bool]]:
        with explained():
            batch = Batch(calls)
            values = None if batch.empty else batch.values(self.marks)
        if values is None:
            return batch.answers(())
        # Asked again after a broken connection: what had landed counts as a duplicate then.
        [[places]] = await repeated(lambda: self.work.rows("accept", values), twice=True)
        self.bell.set()
        return batch.answers(batch.all if places is None else places)

    async def _announce(self, starts: Sequence[Start]) -> list[StoreError | None]:
        asked_at = elapsed_seconds()
        with explained():
            values = start_values(starts, round(self._lease_seconds * SECOND))
        [[kept, late]] = await repeated(lambda: self.work.rows("announce", values))
        extended([starts[n - 1].claim for n in late], asked_at, self._lease_seconds)
        return self._held([start.claim for start in starts], kept)

    async def _settle(self, ends: Sequence[End]) -> list[StoreError | None]:
        claims = [end.claim for end in ends]
        with explained():
            values = end_values(ends, self.marks)

        async def attempt() -> list[int]:
            [[places]] = await self.work.rows("settle", values)
            return list(places)

        places = await repeated(attempt, twice=True)
        if len(places) < len(ends):
            # Lost, or settled by an attempt whose answer never came.
            rows = await self.work.rows("settled_turns", turn_values(claims))
            places += [place for (place,) in rows]
        return self._held(claims, places)

    def _held(self, claims: Sequence[Claim], places: Iterable[int]) -> list[StoreError | None]:
        """Return for each of these turns nothing or that it was lost; those at places were not."""
        ours = set(places)
        return [None if n in ours else self._lost(claim) for n, claim in enumerate(claims, 1)]

    def _lost(self, claim: Claim) -> StoreError:
        self.claims.end(claim)
        if claim.writes:
            # They may have landed after whoever has the person now looked.
            self._later(self._assert_again(claim))
        return LeaseLostError("the lease of this turn was lost: another replica has the person")

    async def _assert_again(self, claim: Claim) -> None:
        writes = bytes_array(claim.writes)
        person = claim.person
        await self.work.rows(
            "assert_again", {"person": person, "fence": claim.fence, "writes": writes}
        )
        _log.warning("lost_turn_asserted_again", writes=len(claim.writes))


class LeaseLostError(StoreError):
    """Another replica has the person: nothing of this turn was recorded."""


def _deliveries_expected(last_round: int) -> int:
    return last_round if last_round in _GATHERED_DELIVERIES else 0


async def _quietly(work: Awaitable[None]) -> None:
    try:
        await work
    except StoreError as error:
        # The announced writes and the lease are in the database; the turn comes again by itself.
        _log.warning("turn_not_given_back", problem=str(error))
