"""What the store's tests are made of: a clock by hand, invented events and settlements."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from consent_sync.domain.consent import Choice, WriteOutcome
from consent_sync.domain.identity import Names, Side, Source, Subject
from consent_sync.domain.ledger import ItemsTaken, LedgerRecord, Write, WrittenLine
from consent_sync.domain.moments import SECOND, Micros
from consent_sync.domain.state import PersonState
from consent_sync.domain.urgency import Urgency
from consent_sync.domain.verdicts import Entry, Kind, Verdict
from consent_sync.ports.store import NewEvent, RefusedRequest, Settlement, Store, Turn

START: Micros = 1_790_000_000 * SECOND

Restart = Callable[[], Awaitable[Store]]


class HandClock:
    """Stands still until it is moved; sleepers wake when it passes their moment."""

    def __init__(self) -> None:
        self._now = START
        self._moved = asyncio.Event()
        self._sleepers = 0
        # Told first: a database that goes by this clock.
        self.followers: list[Callable[[Micros], None]] = []

    def now(self) -> Micros:
        return self._now

    async def sleep(self, seconds: float) -> None:
        end = self._now + round(seconds * SECOND)
        self._sleepers += 1
        try:
            while self._now < end:
                await self._moved.wait()
        finally:
            self._sleepers -= 1

    async def somebody_sleeps(self) -> None:
        """Return when somebody waits for this clock, so that moving it wakes them."""
        async with asyncio.timeout(5):
            while not self._sleepers:  # noqa: ASYNC110 - a few milliseconds at most
                await asyncio.sleep(0.001)

    def advance(self, seconds: float) -> None:
        self._now += round(seconds * SECOND)
        for follow in self.followers:
            follow(self._now)
        self._moved.set()
        self._moved = asyncio.Event()


def subject(person: str = "ada", mapping: str = "main") -> Subject:
    return Subject(mapping, f"{person}@example.com")


def digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def event(
    text: str,
    *people: str,
    repeatable: bool = False,
    source: Source = Side.DIDOMI,
    mapping: str = "main",
    at: Micros = START,
    urgency: Urgency = Urgency.OPT_OUT,
) -> NewEvent:
    return NewEvent(
        source,
        mapping,
        "event.created",
        digest(text),
        at,
        text.encode(),
        tuple(subject(person, mapping) for person in people),
        repeatable,
        urgency,
    )


def hint(text: str, *people: str, at: Micros = START) -> NewEvent:
    return event(text, *people, repeatable=True, source=Side.ACTITO, at=at)


def refused(text: str, *, source: Side = Side.DIDOMI) -> RefusedRequest:
    return RefusedRequest(source, "main", START, 400, "not_json: this is no JSON", text.encode())


def state(ouid: str) -> PersonState:
    return PersonState(Names(ouid=ouid))


def record(
    at: Micros = START, *, events: Sequence[int] = (), reason: str = "As said."
) -> LedgerRecord:
    entry = Entry(at, Kind.DECIDED, Verdict.APPLIED, reason, Side.ACTITO, "News", 3)
    return LedgerRecord(at, "mappings/main.yaml", "v1", (ItemsTaken(tuple(events), at),), (entry,))


def write(line: str = "News", at: Micros = START) -> Write:
    lines = (WrittenLine(line, Choice.DENIED),)
    return Write(Side.ACTITO, lines, at, at, WriteOutcome.IN_FLIGHT)


def settled(turn: Turn, **changes: Any) -> Settlement:
    """Return the usual end of a turn: all items done, a record, nothing to come."""
    values: dict[str, Any] = {
        "state": state("settled"),
        "record": record(events=[item.event.id for item in turn.items]),
        "done": tuple(item.id for item in turn.items),
    }
    return Settlement(turn.subject, **{**values, **changes})


def texts(turn: Turn) -> list[str]:
    return [item.event.body.decode() for item in turn.items]


def people(turns: Sequence[Turn]) -> list[str]:
    return [turn.subject.person.partition("@")[0] for turn in turns]


async def claim_one(store: Store) -> Turn:
    turns = await store.claim(1)
    assert len(turns) == 1
    return turns[0]
