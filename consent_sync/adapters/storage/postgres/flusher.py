"""Group commit on the event loop: whatever queued up during one commit goes into the next.

Nobody waits on purpose unless it is told that more are about to come. Whoever awaits a job is
answered after the commit that holds it.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from consent_sync.adapters.storage.group_commit import EnvironmentStoreError
from consent_sync.domain.errors import StoreError

Argument = TypeVar("Argument")
Result = TypeVar("Result")


@dataclass(slots=True, eq=False)
class _Job(Generic[Argument, Result]):
    argument: Argument
    size: int
    future: asyncio.Future[Result]


class Flusher(Generic[Argument, Result]):
    """Hands what was submitted to `write`, many at a time and one batch after the other.

    `write` stores all or nothing and returns a result, or an error, for each; when it raises
    StoreError the batch is tried one by one, unless the database as a whole is the reason. A batch
    of fewer than `expected` waits for more, at most `patience_seconds`; it is told how many jobs
    were written in the last round or came meanwhile.
    """

    def __init__(
        self,
        write: Callable[[Sequence[Argument]], Awaitable[Sequence[Result | StoreError]]],
        *,
        batch_jobs: int = 512,
        batch_bytes: int = 8 * 1024 * 1024,
        queue_jobs: int = 10_000,
        queue_bytes: int = 64 * 1024 * 1024,
        expected: Callable[[int], int] = lambda _: 0,
        patience_seconds: float = 0.0,
    ) -> None:
        self._write = write
        self._batch_jobs = batch_jobs
        self._batch_bytes = batch_bytes
        self._queue_jobs = queue_jobs
        self._queue_bytes = queue_bytes
        self._expected = expected
        self._patience_seconds = patience_seconds
        self._last_round = 0
        # How long the queue has to be before the bell rings.
        self._awaited = 1
        self._queue: deque[_Job[Argument, Result]] = deque()
        self._bytes = 0
        self._bell = asyncio.Event()
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start to write on the running event loop."""
        self._task = asyncio.create_task(self._run(), name="store-flusher")

    async def stop(self) -> None:
        """Finish everything queued."""
        self._stopping = True
        self._bell.set()
        if self._task is not None:
            # No timeout: each write below has its own.
            await asyncio.wait([self._task])

    def submit(self, argument: Argument, size: int) -> asyncio.Future[Result]:
        """Queue an argument of that many bytes; the future holds the result once it is durable.

        Raises StoreError at once when the queue is full or the store is closed.
        """
        if self._task is None or self._task.done() or self._stopping:
            raise StoreError("the store is not open")
        if len(self._queue) >= self._queue_jobs or self._bytes + size > self._queue_bytes:
            raise StoreError("the store cannot keep up: too much is waiting to be written")
        job: _Job[Argument, Result] = _Job(
            argument, size, asyncio.get_running_loop().create_future()
        )
        self._queue.append(job)
        self._bytes += size
        if len(self._queue) >= self._awaited:
            self._bell.set()
        return job.future

    async def _run(self) -> None:
        while self._queue or not self._stopping:
            if not self._queue:
                self._bell.clear()
                await self._bell.wait()
                continue
            await self._gather()
            batch = self._take()
            await self._flush(batch)
            self._last_round = len(batch) + len(self._queue)

    async def _gather(self) -> None:
        """Wait a moment where more than what is queued is expected: a commit costs what it costs."""
        expected = min(self._expected(self._last_round), self._batch_jobs)
        if self._stopping or len(self._queue) >= expected:
            return
        self._awaited = expected
        self._bell.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._patience_seconds):
                await self._bell.wait()
        self._awaited = 1

    def _take(self) -> list[_Job[Argument, Result]]:
        batch: list[_Job[Argument, Result]] = []
        size = 0
        while self._queue and len(batch) < self._batch_jobs and size < self._batch_bytes:
            batch.append(self._queue.popleft())
            size += batch[-1].size
        self._bytes -= size
        return batch

    async def _flush(self, batch: Sequence[_Job[Argument, Result]]) -> None:
        error = await self._attempt(batch)
        if error is None:
            return
        if len(batch) == 1 or isinstance(error, EnvironmentStoreError):
            for job in batch:
                _fail(job, error)
            return
        for job in batch:
            alone = await self._attempt([job])
            if alone is not None:
                _fail(job, alone)

    async def _attempt(self, batch: Sequence[_Job[Argument, Result]]) -> StoreError | None:
        try:
            results = await self._write([job.argument for job in batch])
        except StoreError as error:
            return error
        for job, result in zip(batch, results, strict=True):
            if isinstance(result, StoreError):
                _fail(job, result)
            elif not job.future.done():
                job.future.set_result(result)
        return None


def _fail(job: _Job[Argument, Result], error: StoreError) -> None:
    if not job.future.done():
        job.future.set_exception(error)
