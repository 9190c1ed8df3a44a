"""The watch over everything that is worth an alert: one replica judges and tells for all.

How things stand is kept on the board before anybody is told, so a restart neither repeats nor
forgets; a receiver that was away learns how things stand, not every change in between.
"""

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Final, NamedTuple

from consent_sync.domain.alerts import Alert, AlertBook
from consent_sync.domain.errors import ConsentSyncError, StoreError
from consent_sync.domain.moments import MINUTE, SECOND, Micros
from consent_sync.domain.retry import RetryPolicy, next_attempt
from consent_sync.ports.board import Board, Notices
from consent_sync.ports.clock import Chance, Clock
from consent_sync.ports.messenger import Message, Messenger
from consent_sync.services.alert_conditions import STORE_DOWN, Condition, Facts

NAME: Final = "alerts"
LEASE_SECONDS: Final = 90.0
"""How long the others wait for a replica that has died while it watched."""

TELL_SECONDS: Final = 45.0
"""How long telling may take in one round."""

ROUND_SECONDS: Final = 80.0
"""How long a round may take with all it asks of the store: less than the lease."""

DOWN_FOR: Final[Micros] = MINUTE
"""How long the store has to be away before that is an alert: a restart of it is none."""

_STORE_DOWN: Final = (STORE_DOWN, "")
_PATIENCE: Final = RetryPolicy(30 * SECOND, 15 * MINUTE, give_up_after=2**62)


class Failure(NamedTuple):
    """A receiver that could not be told, and why."""

    receiver: str
    why: str


class Round(NamedTuple):
    """What one round came to; `book` is None while nobody knows how things stand."""

    book: AlertBook | None
    changes: Sequence[Alert] = ()
    failures: Sequence[Failure] = ()


@dataclass(slots=True)
class _Rest:
    """How long a receiver that failed is left alone."""

    attempts: int
    first_failed_at: Micros
    until: Micros


class Watch:
    """Judges every condition round by round; `holder` names this replica among the others."""

    def __init__(
        self,
        board: Board,
        messenger: Messenger,
        clock: Clock,
        chance: Chance,
        conditions: Mapping[str, Condition],
        holder: str,
    ) -> None:
        self._board = board
        self._messenger = messenger
        self._clock = clock
        self._chance = chance
        self._holder = holder
        self._rests: dict[str, _Rest] = {}
        self._book: AlertBook | None = None
        self._down_since: Micros | None = None
        self._outage: Alert | None = None
        self.conditions = dict(conditions)

    async def round(self, facts: Facts) -> Round:
        """Judge what a look saw, and tell who has to be told; raises nothing of ours."""
        if facts.status is not None:
            with suppress(StoreError, TimeoutError):
                async with asyncio.timeout(ROUND_SECONDS):
                    return await self._with_store(facts)
        return await self._without_store(facts)

    async def resign(self) -> None:
        """Leave the watch to another replica; raise StoreError."""
        await self._board.resign(NAME, self._holder)

    async def _with_store(self, facts: Facts) -> Round:
        version, body = await self._board.notice(NAME)
        book = read_book(body) or AlertBook(self._holder, facts.now)
        mine = await self._board.lead(NAME, self._holder, LEASE_SECONDS)
        judged = self._after_outage(book)
        if mine:
            # A side that has never spoken is silent since the first look.
            facts = replace(facts, since=book.since)
            findings = {name: one(facts) for name, one in self.conditions.items()}
            judged = judged.judged(findings, facts.now)
        if (judged != book or not version) and (mine or self._outage is not None):
            if not await self._board.pin(NAME, version, written(judged)):
                return Round(self._book)  # somebody has written since: the next round sees it
            version += 1
        self._book, self._outage, self._down_since = judged, None, None
        if not mine:
            return Round(judged)
        alerts, failures = await self._told(judged, judged.alerts)
        self._book = judged.with_alerts(alerts)
        if self._book != judged:
            # Where this fails the next round tells it again, under the same id.
            with suppress(StoreError):
                await self._board.pin(NAME, version, written(self._book))
        return Round(self._book, judged.changes_since(book), failures)

    async def _without_store(self, facts: Facts) -> Round:
        """Tell that the store is away, with nothing but what was read from it last."""
        book, now = self._book, facts.now
        if self._down_since is None:
            self._down_since = now
        if book is None or now - self._down_since < DOWN_FOR:
            return Round(book)
        changes: list[Alert] = []
        if self._outage is None:
            self._outage = book.get(_STORE_DOWN)
            if not self._outage.raised:
                self._outage = self._outage.changed(now, "the database cannot commit or be read")
                changes = [self._outage]
        [self._outage], failures = await self._told(book, [self._outage])
        return Round(book.with_alerts([self._outage]), changes, failures)

    def _after_outage(self, book: AlertBook) -> AlertBook:
        """Return the book with what was told while it could not be written."""
        if self._outage is None or book.get(_STORE_DOWN).changes >= self._outage.changes:
            return book
        return book.with_alerts([self._outage])

    async def _told(
        self, book: AlertBook, alerts: Sequence[Alert]
    ) -> tuple[list[Alert], list[Failure]]:
        """Tell every receiver what is news for it; return the alerts with who was told."""
        told = {one.key: one for one in alerts}
        failures: list[Failure] = []

        async def tell(receiver: str) -> None:
            try:
                for one in alerts:
                    if one.news_for(receiver):
                        await self._messenger.tell(receiver, message_of(book, one))
                        told[one.key] = told[one.key].told_to(receiver)
            except ConsentSyncError as error:
                failures.append(Failure(receiver, str(error)))
                self._let_rest(receiver)
            else:
                self._rests.pop(receiver, None)

        awake = [one for one in self._messenger.receivers if not self._resting(one)]
        tasks = [asyncio.create_task(tell(one)) for one in awake]
        try:
            if tasks:
                done, _ = await asyncio.wait(tasks, timeout=TELL_SECONDS)
                await asyncio.gather(*done)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return list(told.values()), failures

    def _resting(self, receiver: str) -> bool:
        rest = self._rests.get(receiver)
        return rest is not None and self._clock.now() < rest.until

    def _let_rest(self, receiver: str) -> None:
        now = self._clock.now()
        rest = self._rests.get(receiver) or _Rest(0, now, now)
        again = next_attempt(
            _PATIENCE,
            attempts=rest.attempts + 1,
            first_failed_at=rest.first_failed_at,
            now=now,
            fraction=self._chance.fraction(),
            retry_after_seconds=None,
        )
        self._rests[receiver] = _Rest(rest.attempts + 1, rest.first_failed_at, again or now)


async def raised_alerts(board: Notices) -> list[Alert]:
    """Return what is raised now, as the board tells it; raise StoreError."""
    book = read_book((await board.notice(NAME)).body)
    return [one for one in book.alerts if one.raised] if book is not None else []


def message_of(book: AlertBook, alert: Alert) -> Message:
    """Return what is told of the last change of an alert, under the same id every time."""
    named = json.dumps([book.series, *alert.key, alert.changes]).encode()
    return Message(f"msg_{hashlib.sha256(named).hexdigest()[:32]}", alert)


def written(book: AlertBook) -> bytes:
    """Return the book as the board keeps it."""
    return json.dumps(asdict(book)).encode()


def read_book(body: bytes) -> AlertBook | None:
    """Return the book that was kept; None where there is none that this version can read."""
    try:
        kept = json.loads(body)
        alerts = tuple(Alert(**one) for one in kept.pop("alerts"))
        return AlertBook(alerts=alerts, **kept)
    except (ValueError, TypeError, KeyError, AttributeError):
        # Better told twice than never.
        return None
