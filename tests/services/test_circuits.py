"""Circuit breakers: who is let through, what opens and closes them, and what is told about it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from consent_sync.domain.errors import (
    AbsentError,
    AlsoUnclearError,
    ConsentSyncError,
    CredentialError,
    NotNowError,
    PermanentError,
    TemporaryError,
    ThrottledError,
    UnclearError,
)
from consent_sync.domain.identity import Side
from consent_sync.domain.moments import SECOND
from consent_sync.domain.retry import RetryPolicy
from consent_sync.services.circuits import BreakChange, Cause, Circuit
from tests.services.people import StandingClock

FAILURES = 3


@dataclass
class Platform:
    """Something to call, its breaker, and what was told."""

    clock: StandingClock = field(default_factory=StandingClock)
    told: list[BreakChange] = field(default_factory=list)
    failures: int = FAILURES
    calls: int = 0

    def __post_init__(self) -> None:
        self.circuit = Circuit(
            Side.ACTITO, "", self.clock, self.failures, RetryPolicy(), self.told.append
        )

    async def call(
        self, error: ConsentSyncError | None = None, *, mapping: str = "a", write: bool = False
    ) -> str:
        """Call, and end like this; return the name of the error that the caller saw."""

        async def calling() -> None:
            self.calls += 1
            if error is not None:
                raise error

        try:
            await self.circuit.through(mapping, calling, write=write)
        except ConsentSyncError as seen:
            return type(seen).__name__
        return "answered"

    async def break_down(self) -> None:
        for _ in range(FAILURES):
            await self.call(TemporaryError("not now"))


@pytest.fixture
def there() -> Platform:
    return Platform()


async def test_a_single_failure_closes_nobody_out(there: Platform) -> None:
    """Only failures in a row count; an answer in between begins anew."""
    for _ in range(FAILURES):
        await there.call(TemporaryError("not now"))
        await there.call(UnclearError("no answer"), write=True)
        await there.call()

    assert await there.call() == "answered"
    assert there.told == []


@pytest.mark.parametrize(
    "error", [ThrottledError("429"), NotNowError("no lease"), AlsoUnclearError("in the same call")]
)
async def test_what_says_nothing_about_the_platform_does_not_count(
    there: Platform, error: ConsentSyncError
) -> None:
    """A platform that asks for fewer calls is not in trouble."""
    for _ in range(3 * FAILURES):
        await there.call(error)

    assert there.circuit.breaks() == ()


@pytest.mark.parametrize("error", [PermanentError("400"), AbsentError("404")])
async def test_a_refusal_is_an_answer(there: Platform, error: ConsentSyncError) -> None:
    """Whoever refuses for good works."""
    for _ in range(FAILURES - 1):
        await there.call(TemporaryError("not now"))
    await there.call(error)
    await there.call(TemporaryError("not now"))

    assert there.circuit.breaks() == ()


async def test_after_failures_in_a_row_nothing_is_called(there: Platform) -> None:
    """It is told once, with the last trouble; nobody waits for an answer meanwhile."""
    await there.break_down()
    seen = [await there.call() for _ in range(5)]
    [change] = there.told

    assert seen == ["NotNowError"] * 5
    assert there.calls == FAILURES
    assert (change.broken.cause, change.over) == (Cause.TROUBLE, False)
    assert "not now" in change.broken.why


async def test_one_call_probes_while_all_others_wait(there: Platform) -> None:
    """When it is answered, everybody may call again."""
    await there.break_down()
    there.clock.moment += 6 * SECOND
    answer, started = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        started.set()
        await answer.wait()

    probe = asyncio.create_task(there.circuit.through("a", slow))
    await started.wait()
    meanwhile = await there.call()
    answer.set()
    await probe

    assert meanwhile == "NotNowError"
    assert await there.call() == "answered"
    assert [one.over for one in there.told] == [False, True]


async def test_a_failed_probe_doubles_the_pause(there: Platform) -> None:
    """Up to a minute; and it is not told again."""
    await there.break_down()
    pauses = []
    for _ in range(6):
        waited = 0
        while await there.call(TemporaryError("still")) == "NotNowError":
            there.clock.moment += SECOND
            waited += 1
        pauses.append(waited)

    assert pauses == [5, 10, 20, 40, 60, 60]
    assert len(there.told) == 1


async def test_a_probe_that_is_broken_off_leaves_room_for_the_next(there: Platform) -> None:
    """A cancelled turn says nothing about the platform."""
    await there.break_down()
    there.clock.moment += 6 * SECOND
    started = asyncio.Event()

    async def endless() -> None:
        started.set()
        await asyncio.Event().wait()

    probe = asyncio.create_task(there.circuit.through("a", endless))
    await started.wait()
    probe.cancel()
    await asyncio.gather(probe, return_exceptions=True)

    assert await there.call() == "answered"


async def test_zero_failures_switch_it_off() -> None:
    """Then every call goes out."""
    there = Platform(failures=0)
    for _ in range(20):
        await there.call(TemporaryError("not now"))

    assert there.calls == 20


async def test_refused_credentials_stop_at_once_and_only_that_mapping(there: Platform) -> None:
    """A key may have rights for one table only."""
    await there.call(CredentialError("401"))
    mine, other = await there.call(), await there.call(mapping="b")
    [broken] = there.circuit.breaks()

    assert (mine, other) == ("NotNowError", "answered")
    assert (broken.cause, broken.mapping, broken.writes_only) == (Cause.CREDENTIALS, "a", False)


async def test_a_write_that_may_not_be_leaves_reading_alone(there: Platform) -> None:
    """The other direction needs the reading, and it works."""
    await there.call(CredentialError("403"), write=True)
    read, written = await there.call(), await there.call(write=True)
    there.clock.moment += 2 * SECOND
    again = await there.call(write=True)

    assert (read, written, again) == ("answered", "NotNowError", "answered")
    assert [(one.broken.writes_only, one.over) for one in there.told] == [
        (True, False),
        (True, True),
    ]


async def test_credentials_that_still_do_not_work_are_tried_ever_more_rarely(
    there: Platform,
) -> None:
    """One call per pause, at most every quarter of an hour."""
    asked: list[int] = []

    async def wait_and_try(call: Callable[[], Awaitable[str]]) -> int:
        waited = 0
        while await call() == "NotNowError":
            there.clock.moment += SECOND
            waited += 1
        return waited

    await there.call(CredentialError("401"))
    asked.extend(
        [await wait_and_try(lambda: there.call(CredentialError("401"))) for _ in range(12)]
    )

    assert asked == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]


async def test_trouble_of_a_probing_write_leaves_the_rights_unknown(there: Platform) -> None:
    """Whether the key works is only known from an answer."""
    await there.call(CredentialError("403"), write=True)
    there.clock.moment += 2 * SECOND
    await there.call(TemporaryError("reset"), write=True)

    assert [one.writes_only for one in there.circuit.breaks()] == [True]
    assert await there.call(write=True) == "answered"


async def test_a_clock_that_is_set_back_ends_the_pause(there: Platform) -> None:
    """Nobody is kept waiting for as long as the clock was ahead."""
    await there.break_down()
    there.clock.moment -= 3600 * SECOND

    assert await there.call() == "answered"
    assert there.circuit.breaks() == ()


async def test_a_refused_write_does_not_say_that_reading_is_allowed(there: Platform) -> None:
    """A key that is revoked refuses both; nobody is told that it works, and nobody is called."""
    await there.call(CredentialError("401"))
    there.clock.moment += 2 * SECOND
    await there.call(CredentialError("401"), write=True)
    both = sorted(one.writes_only for one in there.circuit.breaks())
    told = [one.over for one in there.told]
    there.clock.moment += 2 * SECOND

    assert (both, told) == ([False, True], [False, False])
    assert await there.call(write=True) == "answered"
    assert there.circuit.breaks() == ()
