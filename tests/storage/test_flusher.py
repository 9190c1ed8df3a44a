"""The queue before a statement of PostgreSQL: who waits for whom, and for how long."""

import asyncio
from collections.abc import Sequence

import pytest

from consent_sync.adapters.storage.postgres.flusher import Flusher
from consent_sync.domain.errors import StoreError

_LONG_SECONDS = 5.0


class _Batches:
    """Notes what was written together."""

    def __init__(self) -> None:
        self.written: list[list[int]] = []

    async def write(self, numbers: Sequence[int]) -> list[int | StoreError]:
        self.written.append(list(numbers))
        return [number * 10 for number in numbers]


def _flusher(batches: _Batches, expected: int, patience_seconds: float) -> Flusher[int, int]:
    return Flusher(
        batches.write, expected=lambda _: expected, patience_seconds=patience_seconds, batch_jobs=4
    )


async def _after_a_while(flusher: Flusher[int, int], number: int) -> int:
    await asyncio.sleep(0.002)
    return await flusher.submit(number, 1)


async def test_one_alone_is_written_at_once_where_nobody_else_is_expected() -> None:
    """With nobody else under way nothing is waited for."""
    batches = _Batches()
    flusher = _flusher(batches, 0, _LONG_SECONDS)
    flusher.start()

    assert await flusher.submit(1, 1) == 10
    assert batches.written == [[1]]
    await flusher.stop()


async def test_few_wait_until_as_many_are_there_as_are_expected() -> None:
    """What comes later goes into the same statement, and nobody waits longer than needed."""
    batches = _Batches()
    flusher = _flusher(batches, 3, _LONG_SECONDS)
    flusher.start()
    async with asyncio.timeout(_LONG_SECONDS / 2):
        results = await asyncio.gather(
            flusher.submit(1, 1), _after_a_while(flusher, 2), _after_a_while(flusher, 3)
        )

    assert tuple(results) == (10, 20, 30)
    assert batches.written == [[1, 2, 3]]
    await flusher.stop()


async def test_nobody_waits_longer_than_the_patience() -> None:
    """Where those who are expected do not come, the others are written without them."""
    batches = _Batches()
    flusher = _flusher(batches, 3, 0.002)
    flusher.start()

    assert await flusher.submit(1, 1) == 10
    assert await flusher.submit(2, 1) == 20
    assert batches.written == [[1], [2]]
    await flusher.stop()


async def test_no_more_are_expected_than_one_statement_takes() -> None:
    """A full batch goes at once, however many are under way."""
    batches = _Batches()
    flusher = _flusher(batches, 1_000, _LONG_SECONDS)
    flusher.start()
    async with asyncio.timeout(_LONG_SECONDS / 2):
        await asyncio.gather(*(flusher.submit(number, 1) for number in range(4)))

    assert batches.written == [[0, 1, 2, 3]]
    await flusher.stop()


async def test_a_stop_waits_for_nobody() -> None:
    """What is queued when the store closes is written without those who are expected."""
    batches = _Batches()
    flusher = _flusher(batches, 3, _LONG_SECONDS)
    flusher.start()
    waiting = flusher.submit(1, 1)
    await asyncio.sleep(0)
    async with asyncio.timeout(_LONG_SECONDS / 2):
        await flusher.stop()

    assert waiting.result() == 10
    with pytest.raises(StoreError, match="not open"):
        flusher.submit(2, 1)


async def test_what_comes_after_a_wait_is_written_as_ever() -> None:
    """A wait leaves nothing behind that would keep the next one waiting without need."""
    batches = _Batches()
    flusher = _flusher(batches, 2, 0.002)
    flusher.start()
    await flusher.submit(1, 1)
    await asyncio.sleep(0)
    async with asyncio.timeout(_LONG_SECONDS / 2):
        await asyncio.gather(flusher.submit(2, 1), flusher.submit(3, 1))

    assert batches.written == [[1], [2, 3]]
    await flusher.stop()


async def test_who_was_under_way_before_is_expected_again() -> None:
    """How many were written or came meanwhile is told to whoever says how many to wait for."""
    told: list[int] = []
    gate = asyncio.Event()

    async def write(numbers: Sequence[int]) -> list[int | StoreError]:
        await gate.wait()
        return list(numbers)

    def expected(last_round: int) -> int:
        told.append(last_round)
        return 0

    flusher: Flusher[int, int] = Flusher(write, expected=expected)
    flusher.start()
    first = flusher.submit(1, 1)
    await asyncio.sleep(0)
    later = [flusher.submit(number, 1) for number in range(4)]
    gate.set()
    await asyncio.gather(first, *later)

    assert told == [0, 5]
    await flusher.stop()
