"""What stands still is told once, and whoever waited is called when it goes on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from consent_sync.adapters.metrics import Metrics
from consent_sync.adapters.storage.memory import MemoryStore
from consent_sync.app import standstill
from consent_sync.app.standstill import Standstill
from consent_sync.domain.errors import StoreError
from consent_sync.domain.identity import Side, Subject
from consent_sync.domain.moments import HOUR
from consent_sync.domain.state import PersonState
from consent_sync.ports.store import NewEvent, Settlement
from consent_sync.services.alert_conditions import Facts
from consent_sync.services.circuits import Break, BreakChange, Cause
from consent_sync.services.pauses import Pauses
from tests.services.people import NOON, StandingClock

ADA = Subject("brand-a", "ada@example.com")


class Shaky(MemoryStore):
    """Cannot be written to for a while."""

    troubles = 0

    async def hurry(self, limit: int) -> int:
        if self.troubles:
            self.troubles -= 1
            raise StoreError("not now")
        return await super().hurry(limit)


class Place:
    """A store with somebody who waits, and what watches over it."""

    def __init__(self) -> None:
        self.clock = StandingClock()
        self.store = Shaky(self.clock)
        self.metrics = Metrics("0.0.0")
        self.pauses = Pauses(self.store, StandingClock())
        self.still = Standstill(self.store, self.pauses, self.metrics, self.clock)

    async def let_ada_wait(self) -> None:
        new = NewEvent(
            Side.DIDOMI, "", "event.created", b"d", NOON, b"{}", (ADA,), repeatable=False
        )
        await self.store.accept([new])
        [turn] = await self.store.claim(1)
        done = tuple(item.id for item in turn.items)
        later = NOON + HOUR
        await self.store.settle(
            Settlement(ADA, PersonState(), None, done, due_at=later, first_failed_at=NOON)
        )

    async def ada_comes(self) -> bool:
        """Wait until she is due, a second at most."""
        for _ in range(100):
            if await self.store.claim(1):
                return True
            await asyncio.sleep(0.01)
        return False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.still.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def value(self, text: str) -> bool:
        return text.encode() in self.metrics.text()


@pytest.fixture
async def place(monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setattr(standstill, "LOOK_SECONDS", 0.02)
    place = Place()
    await place.store.open()
    return place


def change(cause: Cause, *, over: bool) -> BreakChange:
    broken = Break(Side.ACTITO, "", "brand-a", cause, writes_only=True, since=NOON, why="403")
    return BreakChange(broken, over)


async def test_a_start_calls_whoever_waited(place: Place) -> None:
    """Other settings may have come with it; trouble of the store only delays it."""
    await place.let_ada_wait()
    place.store.troubles = 2
    await place.still.begin()
    async with place.running():
        assert await place.ada_comes()


@pytest.mark.parametrize("cause", Cause)
async def test_a_platform_that_works_again_calls_whoever_waited(
    place: Place, cause: Cause, capsys: pytest.CaptureFixture[str]
) -> None:
    """The log and the metric say when it began and that it is over."""
    await place.let_ada_wait()
    place.still.told(change(cause, over=False))
    labels = f'account="",cause="{cause.value}",mapping="brand-a",side="actito"'
    during = place.value(f"consent_sync_not_called{{{labels}}} 1.0")
    async with place.running():
        place.still.told(change(cause, over=True))
        came = await place.ada_comes()
    told = capsys.readouterr().out

    assert (during, came) == (True, True)
    assert place.value(f"consent_sync_not_called{{{labels}}} 0.0")
    assert "platform_called_again" in told
    assert ("credentials_refused" in told) is (cause is Cause.CREDENTIALS)


async def test_a_clock_that_is_set_back_calls_whoever_waited(place: Place) -> None:
    """Else a refusal would wait for as long as the clock was ahead."""
    await place.let_ada_wait()
    async with place.running():
        await asyncio.sleep(0.03)
        place.clock.moment -= 24 * HOUR
        came = await place.ada_comes()

    assert came


async def test_what_another_replica_resumes_is_noticed_and_calls_whoever_waited(
    place: Place,
) -> None:
    """The board tells; the metric follows."""
    await place.let_ada_wait()
    other = Pauses(place.store, StandingClock())
    await other.pause([Side.ACTITO], "", "olga")
    await place.still.look()
    during = place.value('consent_sync_paused{mapping="",side="actito"} 1.0')
    async with place.running():
        await other.resume([Side.ACTITO], "")
        came = await place.ada_comes()

    assert (during, came) == (True, True)
    assert not place.value('consent_sync_paused{mapping=""')


@pytest.mark.parametrize("cause", Cause)
async def test_what_is_not_called_is_worth_an_alert(place: Place, cause: Cause) -> None:
    """Each cause has an alert of its own, which names side, account and mapping."""
    conditions = place.still.conditions(calls=True, started_at=NOON)
    names = {Cause.TROUBLE: "breaker_open", Cause.CREDENTIALS: "credentials_refused"}
    place.still.breaks = lambda: (Break(Side.ACTITO, "b", "brand-b", cause, False, NOON, "why"),)
    found = {name: one(Facts(now=NOON + HOUR, status=None)) for name, one in conditions.items()}
    told = found.pop(names[cause])

    assert told is not None
    assert [one.about for one in told] == ["actito b brand-b"]
    assert [*found.values()] == [[], []]


@pytest.mark.parametrize(
    ("calls", "after", "found"),
    [(True, HOUR, []), (True, standstill.SURE_AFTER - 1, None), (False, HOUR, None)],
)
async def test_who_has_not_called_yet_cannot_tell(
    place: Place, calls: bool, after: int, found: object
) -> None:
    """Neither a process that has just started nor one that takes webhooks only clears an alert."""
    conditions = place.still.conditions(calls=calls, started_at=NOON)
    facts = Facts(now=NOON + after, status=None)
    del conditions["writing_paused"]

    assert [one(facts) for one in conditions.values()] == [found, found]


async def test_a_pause_is_worth_an_alert(place: Place) -> None:
    """Somebody may have forgotten it, and refusals wait."""
    paused = place.still.conditions(calls=True, started_at=NOON)["writing_paused"]
    facts = Facts(now=NOON, status=None)
    before = paused(facts)
    await place.still.pause((Side.DIDOMI,), "", "olga")

    assert before == []
    assert [one.about for one in paused(facts) or ()] == ["didomi"]
