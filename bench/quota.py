"""Actito's quota on a virtual clock: how long a backlog takes, alone and together, and how old opt-outs get.

Turns, rules, pace, bulk and the worker are the real ones, the store is the one in memory. Both
platforms are worlds in memory whose calls take 300 ms of virtual time; an import takes a minute.
Nothing waits for real: whenever nobody has anything to do, the clock goes on to the next moment.
"""

import asyncio
import math
import random
import selectors
import statistics
from collections.abc import Coroutine, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

import orjson
from yarl import URL

from bench.effort import Effort
from bench.ratios import plain_table
from consent_sync.adapters.actito.bulk import Bulk, BulkLimits
from consent_sync.adapters.actito.import_count import ImportCount
from consent_sync.adapters.actito.imports import Shape
from consent_sync.adapters.actito.pacing import Pacing
from consent_sync.adapters.actito.webhook import ActitoReceiver
from consent_sync.adapters.actito.wire import Request
from consent_sync.adapters.clock import SystemChance
from consent_sync.adapters.didomi.webhook import DidomiReceiver
from consent_sync.adapters.http import Answer
from consent_sync.adapters.storage.boarding import BoardInMemory
from consent_sync.adapters.storage.memory import MemoryStore
from consent_sync.adapters.worlds.consents import ConsentWorld
from consent_sync.adapters.worlds.profiles import ProfileWorld
from consent_sync.app.stage import OneMapping, Unobserved
from consent_sync.domain.consent import Choice, ConsentTree, Node
from consent_sync.domain.events import ProfileMissing, ProfileReading
from consent_sync.domain.identity import Names, Subject
from consent_sync.domain.mapping import Line, Mapping
from consent_sync.domain.moments import SECOND, Micros
from consent_sync.domain.profile import ProfileChange
from consent_sync.domain.retry import RetryPolicy
from consent_sync.domain.rules import Rules
from consent_sync.domain.state import PersonState
from consent_sync.services.intake import Intake
from consent_sync.services.profiles import ProfileIndex
from consent_sync.services.synchronise import Synchroniser
from consent_sync.services.worker import Worker

PER_MINUTE: Final = 90
AT_ONCE: Final = 3
CALL_SECONDS: Final = 0.3
IMPORT_SECONDS: Final = 60.0
START: Final[Micros] = 1_790_000_000 * SECOND
_HOUR: Final = 3600.0
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Result = TypeVar("Result")

MAPPING: Final = Mapping(
    name="brand-a",
    version="1",
    file="brand-a.yaml",
    contact="privacy@example.com",
    organization_id="acme",
    regulations=("gdpr",),
    entity="acme",
    table="Customers",
    key_attribute="customerId",
    lines=(Line("Newsletter", Node(channel="email")),),
)


class _Skipping(selectors.DefaultSelector):
    """Never waits: where there is nothing to do it moves the clock on."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready; after `timeout` seconds of virtual time nothing is."""
        found = super().select(0)
        # A moment passes in any case: who asks again and again whether it is time must not spin.
        self.now += max(timeout or 0.0, 1e-6) if not found else 1e-6
        return found


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time passes only where somebody waits for it."""

    def __init__(self) -> None:
        self._skipping = _Skipping()
        super().__init__(self._skipping)

    def time(self) -> float:
        """Return the seconds since the start."""
        return self._skipping.now


class LoopClock:
    """The clock of the running loop."""

    def now(self) -> Micros:
        """Return the present moment."""
        return START + round(asyncio.get_running_loop().time() * SECOND)

    async def sleep(self, seconds: float) -> None:
        """Return when so many seconds have passed."""
        await asyncio.sleep(max(seconds, 0.0))


class HandedOver:
    """An import that is handed over as it is (adapters.actito.imports.ImportFormat)."""

    def __init__(self, world: ProfileWorld) -> None:
        self._world = world

    def start(
        self, mapping: Mapping, shape: Shape, rows: Sequence[tuple[str, ProfileChange]]
    ) -> Request:
        """Apply all rows."""
        for key, change in rows:
            self._world.profile(key).subscriptions.update(change.subscriptions)
        return _NOTHING

    def number(self, answer: Answer) -> str:
        """Return any number."""
        return "1"

    def look(self, mapping: Mapping, number: str) -> Request:
        """Return a request."""
        return _NOTHING

    def ended(self, answer: Answer) -> bool | None:
        """It is over at the first look."""
        return True

    def result(self, mapping: Mapping, number: str) -> Request:
        """Return a request."""
        return _NOTHING

    def failed(self, answer: Answer) -> frozenset[int]:
        """Every row was taken over."""
        return frozenset()


_NOTHING: Final = Request("import", "POST", URL("https://actito.example.com"))


class PacedActito(ProfileWorld):
    """A world behind the real pace and the real bulk; notes when each person was written."""

    def __init__(self, clock: LoopClock) -> None:
        super().__init__(clock)
        self.clock = clock
        self.pacing = Pacing(PER_MINUTE, AT_ONCE, clock)
        self.calls = 0
        self.written: dict[str, float] = {}
        limits = BulkLimits()
        board = BoardInMemory(clock, lambda: None)
        count = ImportCount(board, "https://actito.example.com", limits.imports_per_day, clock)
        self.bulk = Bulk(self._import, lambda: None, HandedOver(self), count, clock, limits)

    async def read_by_key(self, mapping: Mapping, key: str) -> ProfileReading | ProfileMissing:
        """Read one profile when its turn has come."""
        await self._call(urgent=False)
        return await super().read_by_key(mapping, key)

    async def update(
        self, mapping: Mapping, key: str, change: ProfileChange, *, after_look: bool
    ) -> str:
        """Change one profile, together with others where that is open."""
        together = self.bulk.takes(mapping, key, change, after_look=after_look)
        if not (together and await self.bulk.write(mapping, key, change)):
            await self._call(urgent=after_look)
            await super().update(mapping, key, change, after_look=after_look)
        self.written[key] = asyncio.get_running_loop().time()
        return self.profiles[key].profile_id

    async def _import(self, _request: Request) -> Answer:
        await self._call(urgent=True)
        await self.clock.sleep(IMPORT_SECONDS)
        return Answer(200, {}, b"")

    async def _call(self, *, urgent: bool) -> None:
        self.calls += 1
        await self.pacing.wait(urgent=urgent)
        async with self.pacing.slot(urgent=urgent):
            await self.clock.sleep(CALL_SECONDS)


class _Ferry:
    """The opt-outs that wait for others."""

    def __init__(self, actito: PacedActito) -> None:
        self._actito = actito

    def room(self) -> int:
        """Return how many more may wait."""
        room, beside = self._actito.bulk.room(), self._actito.pacing.room_beside()
        return room if beside is None else min(room, beside)

    def waiting(self) -> int:
        """Return how many do."""
        return self._actito.bulk.waiting


class House:
    """The program between the worlds, and when each change arrived."""

    def __init__(self, *, together: bool) -> None:
        self.clock = LoopClock()
        self.actito = PacedActito(self.clock)
        self.actito.bulk.open = together
        self.store = MemoryStore(self.clock)
        self.didomi = ConsentWorld(self.clock)
        self.arrived: dict[str, float] = {}
        self.optouts: set[str] = set()
        didomi, actito = DidomiReceiver(), ActitoReceiver()
        index, mappings = ProfileIndex(), OneMapping(MAPPING)
        self._intake = Intake(self.store, mappings, didomi, actito, self.clock, index)
        synchroniser = Synchroniser(
            mappings=mappings,
            profiles=self.actito,
            consents=self.didomi,
            store=self.store,
            didomi=didomi,
            actito=actito,
            clock=self.clock,
            chance=SystemChance(),
            # Nothing is read back: webhooks would confirm what was written.
            rules=Rules(confirm_after=0),
            retry=RetryPolicy(),
            index=index,
            observer=Unobserved(),
        )
        ferry, room = _Ferry(self.actito), self.actito.pacing.room
        self.worker = Worker(self.store, synchroniser, 32, Unobserved(), room, ferry)

    def begin(self) -> "asyncio.Task[None]":
        """Let the worker work."""
        return asyncio.create_task(self.worker.run())

    def knows(self, person: str) -> None:
        """Let somebody be known on both sides, subscribed to nothing."""
        profile = self.actito.profile(person)
        names = Names(ouid=person, actito_key=person, profile_id=profile.profile_id)
        self.store.know(Subject(MAPPING.name, person), PersonState(names))

    async def receives(self, person: str, kind: str) -> None:
        """Take in an opt-out, an opt-in, or a change of attributes."""
        now = asyncio.get_running_loop().time()
        if kind != "attributes":
            # An agreement that has to wait is looked for again where it was given.
            choice = Choice.GRANTED if kind == "opt-in" else Choice.DENIED
            tree = ConsentTree({Node(channel="email"): choice}, {})
            self.didomi.user(person, "gdpr").take(tree, self.clock.now())
        made = (_EPOCH + timedelta(microseconds=self.clock.now())).isoformat()
        channels = [{"id": "email", "enabled": kind == "opt-in"}]
        entity = {
            "id": f"{person}-{now}",
            "created_at": made.replace("+00:00", "Z"),
            "status": "confirmed",
            "user": {"organization_user_id": person, "metadata": {"tier": kind}},
            "consents": {"channels": [] if kind == "attributes" else channels},
        }
        body = {"type": "event.created", "regulation": "gdpr", "parameters": {"entity": entity}}
        await self._intake.accept_didomi(orjson.dumps(body))
        self.arrived[person] = now
        if kind == "opt-out":
            self.optouts.add(person)

    async def done(self) -> float:
        """Return how many seconds all that has come in takes."""
        while len(self.actito.written) < len(self.arrived):
            await self.clock.sleep(10)
        return max(self.actito.written.values())

    def waits(self) -> list[float]:
        """Return how long each opt-out took, in the order of their ends."""
        ends = sorted((self.actito.written[one], one) for one in self.optouts)
        return [end - self.arrived[one] for end, one in ends]

    def oldest(self, moment: float) -> float:
        """Return the age of the oldest opt-out that waited at a moment."""
        waiting = [
            moment - self.arrived[one]
            for one in self.optouts
            if self.arrived[one] <= moment < self.actito.written[one]
        ]
        return max(waiting, default=0.0)


def measure(effort: Effort, _folder: Path) -> str:
    """Work off a backlog alone and together, then let opt-outs come at three loads; two tables."""
    people = 2_000 if effort.quick else 100_000
    rows = [_backlog(people, together=False), _backlog(people, together=True)]
    effort.say("quota: both backlogs are done")
    first = plain_table(
        f"Quota: {people:,} mixed changes at {PER_MINUTE} calls a minute",
        (
            *("written", "all done", "calls", "opt-outs of the backlog done"),
            *("oldest opt-out after 1 h", "6 h", "12 h", "opt-outs that came meanwhile, p50, p99"),
        ),
        rows,
    )
    second = plain_table(
        "Quota: opt-outs that come one by one",
        ("share of the calls used", "p50", "p99"),
        [_steady(share, 300 if effort.quick else 3_000) for share in (0.1, 0.5, 0.9)],
    )
    return f"{first}\n{second}"


def _backlog(people: int, *, together: bool) -> tuple[str, ...]:
    house, seconds, late = _run(_work_off(people, together=together))
    waits = sorted(late)
    ages = [_span(house.oldest(hours * _HOUR)) for hours in (1, 6, 12)]
    first = max(house.actito.written[one] for one in house.optouts if one.startswith("p"))
    return (
        "together" if together else "one by one",
        _span(seconds),
        f"{house.actito.calls:,}",
        _span(first),
        *ages,
        f"{_span(statistics.median(waits))}, {_span(waits[math.floor(len(waits) * 0.99)])}",
    )


async def _work_off(people: int, *, together: bool) -> tuple[House, float, list[float]]:
    """Half opt-outs, three tenths opt-ins, the rest attributes; then an opt-out every minute."""
    house, chance = House(together=together), random.Random(7)
    await house.store.open()
    kinds = ["opt-out"] * 5 + ["opt-in"] * 3 + ["attributes"] * 2
    for number in range(people):
        house.knows(f"p{number}@example.com")
        await house.receives(f"p{number}@example.com", chance.choice(kinds))
    running = house.begin()
    late: list[str] = []
    while len(house.actito.written) < len(house.arrived) or not late:
        await house.clock.sleep(60)
        person = f"late{len(late)}@example.com"
        house.knows(person)
        await house.receives(person, "opt-out")
        late.append(person)
        if all(f"p{number}@example.com" in house.actito.written for number in range(0, people, 97)):
            break
    seconds = await house.done()
    await house.worker.stop(1)
    await house.actito.bulk.stop()
    await running
    return house, seconds, [house.actito.written[one] - house.arrived[one] for one in late]


def _steady(share: float, people: int) -> tuple[str, ...]:
    waits = sorted(_run(_stream(share, people)).waits())
    p99 = waits[math.floor(len(waits) * 0.99)]
    return f"{share:.0%}", f"{statistics.median(waits):.1f} s", f"{p99:.1f} s"


async def _stream(share: float, people: int) -> House:
    """Opt-outs come at random, so many that this share of the calls is used."""
    house, chance = House(together=False), random.Random(7)
    await house.store.open()
    running = house.begin()
    for number in range(people):
        await house.clock.sleep(chance.expovariate(share * PER_MINUTE / 60))
        house.knows(f"p{number}@example.com")
        await house.receives(f"p{number}@example.com", "opt-out")
    await house.done()
    await house.worker.stop(1)
    await running
    return house


def _run(work: Coroutine[Any, Any, Result]) -> Result:
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(work)
    finally:
        loop.close()


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 2 * _HOUR else f"{seconds / _HOUR:.1f} h"
