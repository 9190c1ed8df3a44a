"""Handing out turns: the line in memory, filled from the database and emptied by claims."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, Final, Protocol, TypeVar

import structlog

from consent_sync.adapters.storage.bell import rung
from consent_sync.adapters.storage.lanes import Claim, Lanes, Pages
from consent_sync.adapters.storage.settling import Ended
from consent_sync.adapters.storage.taking import Due, Found, TurnReader
from consent_sync.domain.errors import StoreError
from consent_sync.domain.identity import Subject
from consent_sync.domain.moments import SECOND, Micros
from consent_sync.domain.urgency import Share, Urgency
from consent_sync.ports.clock import Clock
from consent_sync.ports.store import Settlement, Turn

_log = structlog.get_logger(__name__)

Result = TypeVar("Result")

# A reading costs a change of threads; who claims one turn at a time shares it with so many others.
_AHEAD: Final = 32

_Read = tuple[Claim, Turn, bool]


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
        self._claiming = asyncio.Lock()
        # Turns read together with others and not handed out yet, and whether something had arrived
        # already while they were read: who is written to without end must get a turn too.
        # First those that may hold an opt-out, then all others.
        self._ahead: tuple[deque[_Read], deque[_Read]] = (deque(), deque())
        self._share = Share()
        self.lanes = Lanes(4 * page)

    # --- handing out ---

    async def claim(self, limit: int, *, hurried: bool = False) -> Sequence[Turn]:
        """Return up to `limit` turns that are due, the urgent ones first."""
        turns: list[Turn] = []
        lost = True
        try:
            async with self._claiming:
                while await self._read_ahead(limit - len(turns), hurried=hurried):
                    turns += self._from_ahead(limit - len(turns), hurried=hurried)
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
        if any(self._ahead) or self.lanes.ready(now):
            return
        self._bell.clear()
        if self.lanes.next_due is not None:
            timeout_seconds = min(timeout_seconds, (self.lanes.next_due - now) / SECOND)
        await rung(self._bell, self._clock, timeout_seconds)

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

    def arrived(self, arrivals: Iterable[tuple[int, int, Urgency]]) -> None:
        """Items wait for these persons now."""
        for person, item, urgency in arrivals:
            self.lanes.arrived(person, item, urgency)
        self._bell.set()

    def accepted(self, result: tuple[Sequence[bool], Iterable[tuple[int, int, Urgency]]]) -> None:
        """Events were stored: which of them are new, and the items that wait now."""
        self.arrived(result[1])

    def settled(self, claim: Claim, ended: Ended) -> None:
        """A turn was recorded."""
        self.lanes.announced.discard(claim.person)
        self.lanes.due_again(claim.person, ended.due_at, now=ended.now)
        self.arrived(ended.arrivals)

    def hurried(self, number: int) -> None:
        """The turns of so many persons were brought forward."""
        if number:
            self.lanes.next_due = 0
            self._bell.set()

    def not_settled(self, claim: Claim) -> None:
        """A turn could not be recorded and goes on, unless it was given back meanwhile."""
        claim.ending = False
        if claim.left:
            self._give_back(claim)

    def _give_back(self, claim: Claim) -> None:
        # It comes before those that were read ahead.
        for ahead in self._ahead:
            self.lanes.given_back(other.person for other, _, _ in reversed(ahead))
            ahead.clear()
        self.lanes.given_back([claim.person])
        self._bell.set()

    # --- filling the line ---

    async def _fetch(self, wanted: int) -> None:
        """Fill the line from the database when it is short of what is wanted."""
        while self._short(wanted):
            now = self._clock.now()
            if self.lanes.lane_due(now) and not self.lanes.full:
                await self._fetch_due(now)
            elif self._short_of_others(wanted):
                await self._fetch_page(self.lanes.pages, now)
            else:
                await self._fetch_page(self.lanes.optouts, now)

    def _short(self, wanted: int) -> bool:
        lanes = self.lanes
        due = lanes.lane_due(self._clock.now()) and not lanes.full
        optouts = lanes.optouts.behind and lanes.hurried < wanted
        return due or optouts or self._short_of_others(wanted)

    def _short_of_others(self, wanted: int) -> bool:
        lanes = self.lanes
        return lanes.pages.behind and not lanes.full and len(lanes) - lanes.hurried < wanted

    async def _fetch_due(self, now: Micros) -> None:
        # Those in the line and the claimed ones are found again; the page is longer by them.
        limit = self._page + self.lanes.busy
        persons: Due = []
        following = self.lanes.next_due
        self.lanes.start_due()
        try:
            persons, following = await self._reading(lambda reader: reader.due_lanes(limit, now))
        finally:
            self.lanes.add_due(persons, following)

    async def _fetch_page(self, pages: Pages, now: Micros) -> None:
        after, optouts = pages.cursor, pages is self.lanes.optouts
        self.lanes.pages.start()
        self.lanes.optouts.start()
        persons, cursor, last = await self._reading(
            lambda reader: reader.waiting_page(after, self._page, now, optouts=optouts)
        )
        self.lanes.add(persons)
        pages.read(cursor, last=last)
        if not optouts:
            self.lanes.optouts.covered(after, by=pages)

    async def _read_ahead(self, wanted: int, *, hurried: bool) -> bool:
        """Read turns unless some are there or none are wanted; return whether there are any."""
        while wanted > 0 and self._lacking(hurried=hurried):
            await self._fetch(wanted)
            claims = self.lanes.take(max(wanted, _AHEAD), hurried=hurried or any(self._ahead))
            if not claims:
                break
            for read in await self._read(claims):
                self._ahead[read[0].urgency is not Urgency.OPT_OUT].append(read)
        return wanted > 0 and (bool(self._ahead[0]) if hurried else any(self._ahead))

    def _lacking(self, *, hurried: bool) -> bool:
        """Say whether nothing was read ahead, or no opt-out although some may wait."""
        optouts, others = self._ahead
        if optouts:
            return False
        nothing = not others and not hurried
        return nothing or bool(self.lanes.hurried) or self.lanes.optouts.behind

    def _next_ahead(self) -> _Read:
        hurried, others = self._ahead
        if hurried and others:
            # What is not urgent gets a share, or it might wait for ever.
            first = self._share.order((Urgency.OPT_OUT, Urgency.OPT_IN))[0]
            return self._ahead[first].popleft()
        return (hurried or others).popleft()

    def _from_ahead(self, limit: int, *, hurried: bool) -> list[Turn]:
        """Hand out turns that were read ahead, unless something arrived for them meanwhile."""
        turns: list[Turn] = []
        while len(turns) < limit and (self._ahead[0] if hurried else any(self._ahead)):
            claim, turn, late = self._ahead[0].popleft() if hurried else self._next_ahead()
            if claim.again is not None and not late:
                self.lanes.given_back([claim.person])
            else:
                turns.append(self._hand_out(claim, turn))
        return turns

    def _hand_out(self, claim: Claim, turn: Turn) -> Turn:
        # From here on an event equal to one of these items is a new one.
        claim.last_item = max(claim.items, default=0)
        self.lanes.name(claim, turn.subject)
        return turn

    async def _read(self, claims: Sequence[Claim]) -> list[_Read]:
        now = self._clock.now()
        announced = frozenset(self.lanes.announced.intersection(c.person for c in claims))
        found: list[Found] = []
        try:
            found = await self._reading(lambda reader: reader.turns(claims, announced, now))
        finally:
            if not found:
                self.lanes.given_back(claim.person for claim in reversed(claims))
        turns: list[_Read] = []
        for claim, turn in zip(claims, found, strict=True):
            if isinstance(turn, Turn):
                turns.append((claim, turn, claim.again is not None))
            elif turn is None:
                self.lanes.dropped(claim.person)
            else:
                # It stays claimed, so nobody stumbles over it again before the next start.
                _log.error("person_set_aside", row=claim.person, problem=str(turn))
        return turns
