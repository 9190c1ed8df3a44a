"""One writer thread that puts everything queued into one transaction.

Nobody waits on purpose: while one commit is under way the next transaction gathers. Whoever
awaits a job is answered after the commit that holds it.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any, Final, Generic, Protocol, TypeAlias, TypeVar

from consent_sync.domain.errors import StoreError

Argument = TypeVar("Argument")
Result = TypeVar("Result")

# What one job's own values can raise; everything else ends the writer, and every caller is told.
_JOB_ERRORS: Final = (
    ArithmeticError,
    LookupError,
    MemoryError,
    TypeError,
    ValueError,
)


class Transactions(Protocol):
    """What the writer thread needs: all methods run in that thread and raise StoreError."""

    def begin(self) -> None:
        """Start a transaction."""
        ...

    def explained(self) -> AbstractContextManager[None]:
        """Return a context that turns the database's errors into StoreError."""
        ...

    def commit(self) -> None:
        """Make the transaction durable; on StoreError nothing of it was kept."""
        ...

    def rollback(self) -> None:
        """Forget the transaction; does nothing when there is none. Never raises."""
        ...

    def tend(self, *, idle: bool) -> None:
        """Do what is to be done between transactions. Never raises."""
        ...

    def leave(self) -> None:
        """Finish: nothing will be written any more. Never raises."""
        ...


class EnvironmentStoreError(StoreError):
    """The store as a whole cannot write now, so trying job by job is useless."""


@dataclass(slots=True, eq=False)
class Work(Generic[Argument, Result]):
    """What is to be written, and what the event loop does when it is, or when it failed.

    All arguments of one `kind` in a batch are handed to it together; it returns a result for
    each. `size` is what the work takes in the queue, in bytes. `done` and `failed` are called even
    if nobody awaits the work any more. Work is submitted once; how it ended stands in it, too.
    """

    kind: Callable[[Sequence[Argument]], Sequence[Result]]
    argument: Argument
    size: int
    done: Callable[[Result], None] | None = None
    failed: Callable[[], None] | None = None
    future: asyncio.Future[Result] = field(init=False)
    result: Any = field(init=False)
    error: StoreError | None = field(default=None, init=False)


_Job: TypeAlias = Work[Any, Any]


class GroupCommit:
    """The queue and the thread. `kinds` is the order in which a batch's kinds of work are done."""

    def __init__(
        self,
        transactions: Transactions,
        kinds: Sequence[Callable[[Sequence[Any]], Sequence[Any]]],
        *,
        gather_jobs: int = 128,
        batch_jobs: int = 512,
        batch_bytes: int = 8 * 1024 * 1024,
        queue_jobs: int = 10_000,
        queue_bytes: int = 64 * 1024 * 1024,
        idle_seconds: float = 10.0,
    ) -> None:
        self._transactions = transactions
        self._kinds = kinds
        self._gather_jobs = gather_jobs
        self._batch_jobs = batch_jobs
        self._batch_bytes = batch_bytes
        self._queue_jobs = queue_jobs
        self._queue_bytes = queue_bytes
        self._idle_seconds = idle_seconds
        self._queue: SimpleQueue[list[_Job]] = SimpleQueue()
        self._gathered: list[_Job] = []
        self._pending: set[_Job] = set()
        self._bytes = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store-writer")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: Future[None] | None = None

    def start(self) -> None:
        """Start the thread; jobs answer on the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._ended = self._thread.submit(self._run)
        self._ended.add_done_callback(self._abandon)

    async def stop(self) -> None:
        """Finish everything queued and end the thread."""
        if self._ended is None:
            return
        self._pass_on()
        self._queue.put([])
        # No timeout: what was accepted must be written, and every wait below has its own bound.
        await asyncio.wait([asyncio.wrap_future(self._ended)])
        self._thread.shutdown(wait=False)

    def submit(self, work: Work[Argument, Result]) -> asyncio.Future[Result]:
        """Queue work; the future holds its result once it is durable.

        Raises StoreError at once when the queue is full or the store is closed.
        """
        if self._loop is None or self._ended is None or self._ended.done():
            raise StoreError("the store is not open")
        if len(self._pending) >= self._queue_jobs or self._bytes + work.size > self._queue_bytes:
            raise StoreError("the store cannot keep up: too much is waiting to be written")
        future: asyncio.Future[Result] = self._loop.create_future()
        work.future = future
        self._pending.add(work)
        self._bytes += work.size
        if not self._gathered:
            self._loop.call_soon(self._hand_over, 0)
        self._gathered.append(work)
        return future

    def _hand_over(self, seen: int) -> None:
        """Pass on what was gathered, as soon as a round of the event loop brings nothing more.

        Not job by job: the writer would start with the first and then fight for the interpreter
        with the handlers of all the others. Nobody waits: the event loop was busy all the time.
        """
        gathered = len(self._gathered)
        if seen < gathered < self._gather_jobs and self._loop is not None:
            self._loop.call_soon(self._hand_over, gathered)
        else:
            self._pass_on()

    def _pass_on(self) -> None:
        for start in range(0, len(self._gathered), self._batch_jobs):
            self._queue.put(self._gathered[start : start + self._batch_jobs])
        self._gathered = []

    # --- in the writer thread ---

    def _run(self) -> None:
        try:
            goes_on = True
            while goes_on:
                batch, goes_on = self._take()
                if batch:
                    self._write(batch)
                    self._tell(batch)
                self._transactions.tend(idle=not batch)
        finally:
            self._transactions.leave()

    def _take(self) -> tuple[list[_Job], bool]:
        """Return everything queued up to the bounds, and whether more may come."""
        batch: list[_Job] = []
        size = 0
        try:
            jobs = self._queue.get(timeout=self._idle_seconds)
            while jobs:
                batch += jobs
                size += sum([job.size for job in jobs])
                if len(batch) >= self._batch_jobs or size >= self._batch_bytes:
                    return batch, True
                jobs = self._queue.get_nowait()
        except Empty:
            return batch, True
        return batch, False

    def _write(self, batch: Sequence[_Job]) -> None:
        error = self._attempt(batch)
        if error is None:
            return
        if len(batch) == 1 or isinstance(error, EnvironmentStoreError):
            for job in batch:
                job.error = error
            return
        for job in batch:
            job.error = self._attempt([job])

    def _attempt(self, batch: Sequence[_Job]) -> StoreError | None:
        try:
            self._transactions.begin()
            with self._transactions.explained():
                self._work(batch)
            self._transactions.commit()
        except StoreError as error:
            self._transactions.rollback()
            return error
        except _JOB_ERRORS as error:
            self._transactions.rollback()
            refusal = StoreError(f"it cannot be stored: {error}")
            refusal.__cause__ = error
            return refusal
        return None

    def _work(self, batch: Sequence[_Job]) -> None:
        by_kind: dict[Any, list[_Job]] = {}
        for job in batch:
            by_kind.setdefault(job.kind, []).append(job)
        for kind in self._kinds:
            jobs = by_kind.pop(kind, ())
            if jobs:
                results = kind([job.argument for job in jobs])
                for job, result in zip(jobs, results, strict=True):
                    job.result = result

    def _tell(self, batch: Sequence[_Job]) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._finish, batch)

    def _abandon(self, ended: Future[None]) -> None:
        """Answer whoever still waits after the thread has ended, however it ended."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._refuse_rest, ended)

    # --- on the event loop ---

    def _refuse_rest(self, ended: Future[None]) -> None:
        rest = list(self._pending)
        for job in rest:
            job.error = StoreError("the store is closed")
            job.error.__cause__ = ended.exception()
        self._finish(rest)

    def _finish(self, batch: Sequence[_Job]) -> None:
        self._pending.difference_update(batch)
        self._bytes -= sum([job.size for job in batch])
        for job in batch:
            if job.error is None:
                if job.done is not None:
                    job.done(job.result)
                if not job.future.done():
                    job.future.set_result(job.result)
            else:
                if job.failed is not None:
                    job.failed()
                if not job.future.done():
                    job.future.set_exception(job.error)
