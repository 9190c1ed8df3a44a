"""Handing out turns: the line in memory, filled from the database and emptied by claims."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, Protocol, TypeVar

from consent_sync.adapters.storage.lanes import Claim, Lanes
from consent_sync.adapters.storage.settling import Ended
from consent_sync.adapters.storage.taking import TurnReader
from consent_sync.domain.errors import StoreError
from consent_sync.domain.identity import Subject
from consent_sync.domain.moments import SECOND, Micros
from consent_sync.ports.clock import Clock
from consent_sync.ports.store import Settlement, Turn

Result = TypeVar("Result")


class Reading(Protocol):
    """Runs a reading off the event loop."""

    def __call__(self, read: Callable[[TurnReader], Result], /) -> Coroutine[Any, Any, Result]:
        """Return what `read` returns; raise StoreError."""
        ...


class Dispatcher:
    """Who is due, who is claimed, and waking whoever waits. Lives on the event loop."""

    def __init__(self, clock: Clock, reading: Reading, *, page: int = 1_000) -> None:
        self._clock = clock
        self._reading = reading
        self._page = page
        self._bell = asyncio.Event()
        self._fetching = asyncio.Lock()
        self.lanes = Lanes(4 * page)

    # --- handing out ---

    async def claim(self, limit: int) -> Sequence[Turn]:
        """Return up to `limit` turns that are due, oldest first."""
        turns: list[Turn] = []
        lost = True
        try:
            while len(turns) < limit:
                await self._fetch(limit - len(turns))
                claims = self.lanes.take(limit - len(turns))
                if not claims:
                    break
                turns += await self._read(claims)
            lost = False
        except StoreError:
            if not turns:
                raise
            lost = False
        finally:
            if lost:
                for turn in turns:
                    self.release(turn.subject)
        return turns

    async def wait(self, timeout_seconds: float) -> None:
        """Return when something may be due, at the latest after the timeout."""
        now = self._clock.now()
        if self.lanes.ready(now):
            return
        self._bell.clear()
        if self.lanes.next_due is not None:
            timeout_seconds = min(timeout_seconds, (self.lanes.next_due - now) / SECOND)
        waits = [
            asyncio.ensure_future(self._bell.wait()),
            asyncio.ensure_future(self._clock.sleep(timeout_seconds)),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiting in waits:
                waiting.cancel()

    def ring(self) -> None:
        """Wake whoever waits."""
        self._bell.set()

    def release(self, subject: Subject) -> None:
        """Give an untouched turn back; while its end is being written, only if that fails."""
        claim = self.claim_of(subject)
        if claim.ending:
            claim.left = True
        else:
            self._give_back(claim)

    def claim_of(self, subject: Subject) -> Claim:
        """Return the claim on a subject; raise StoreError when nobody claimed it."""
        claim = self.lanes.claim_of(subject)
        if claim is None:
            raise StoreError("the turn of this person is not claimed, so it cannot be recorded")
        return claim

    def claim_to_end(self, settlement: Settlement) -> Claim:
        """Return the claim whose turn ends; raise StoreError when it cannot end like that."""
        claim = self.claim_of(settlement.subject)
        if claim.ending:
            raise StoreError("the end of this person's turn is being written already")
        if not claim.items.issuperset([*settlement.done, *dict(settlement.moved)]):
            raise StoreError("a turn can only finish or move items that it holds")
        return claim

    # --- what was committed ---

    def arrived(self, arrivals: Iterable[tuple[int, int]]) -> None:
        """Items wait for these persons now."""
        for person, item in arrivals:
            self.lanes.arrived(person, item)
        self._bell.set()

    def settled(self, claim: Claim, ended: Ended) -> None:
        """A turn was recorded."""
        self.lanes.announced.discard(claim.person)
        self.lanes.due_again(claim.person, ended.due_at, now=ended.now)
        self.arrived(ended.arrivals)

    def not_settled(self, claim: Claim) -> None:
        """A turn could not be recorded and goes on, unless it was given back meanwhile."""
        claim.ending = False
        if claim.left:
            self._give_back(claim)

    def _give_back(self, claim: Claim) -> None:
        self.lanes.given_back([claim.person])
        self._bell.set()

    # --- filling the line ---

    async def _fetch(self, wanted: int) -> None:
        """Fill the line from the database when it is short of what is wanted."""
        if not self._short(wanted):
            return
        async with self._fetching:
            while self._short(wanted):
                now = self._clock.now()
                if self.lanes.lane_due(now) and not self.lanes.full:
                    await self._fetch_due(now)
                else:
                    await self._fetch_page(now)

    def _short(self, wanted: int) -> bool:
        lanes = self.lanes
        due = lanes.lane_due(self._clock.now()) and not lanes.full
        return due or (lanes.behind and len(lanes) < wanted)

    async def _fetch_due(self, now: Micros) -> None:
        # Those in the line and the claimed ones are found again; the page is longer by them.
        limit = self._page + self.lanes.busy
        before = self.lanes.next_due
        self.lanes.start_due()
        try:
            persons, following = await self._reading(lambda reader: reader.due_lanes(limit, now))
        except StoreError:
            self.lanes.add_due((), before)
            raise
        self.lanes.add_due(persons, following)

    async def _fetch_page(self, now: Micros) -> None:
        after = self.lanes.cursor
        self.lanes.start_page()
        persons, cursor, last = await self._reading(
            lambda reader: reader.waiting_page(after, self._page, now)
        )
        self.lanes.add_page(persons, cursor, last=last)

    async def _read(self, claims: Sequence[Claim]) -> list[Turn]:
        now = self._clock.now()
        announced = frozenset(self.lanes.announced.intersection(c.person for c in claims))
        found: list[Turn | None] = []
        try:
            found = await self._reading(lambda reader: reader.turns(claims, announced, now))
        finally:
            if not found:
                self.lanes.given_back(claim.person for claim in reversed(claims))
        for claim, turn in zip(claims, found, strict=True):
            if turn is None:
                self.lanes.dropped(claim.person)
            else:
                self.lanes.name(claim, turn.subject)
        return [turn for turn in found if turn is not None]
