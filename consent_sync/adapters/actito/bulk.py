"""Many changes in one call: refusals and attributes are gathered and imported together.

An agreement never comes here: it looks first, and nothing may come between its look and its write.
Whoever waits here has announced the write, so an end that nobody learnt is looked at as for any
other write. A row that an import does not take over is written by itself, and judged by that.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import structlog

from consent_sync.adapters.actito.import_count import ImportCount
from consent_sync.adapters.actito.imports import ImportFormat, Shape, fits
from consent_sync.adapters.actito.wire import Request
from consent_sync.adapters.http import Answer
from consent_sync.domain.errors import (
    AlsoUnclearError,
    ConsentSyncError,
    NotNowError,
    TemporaryError,
    UnclearError,
)
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.moments import MINUTE, SECOND, Micros
from consent_sync.domain.profile import ProfileChange
from consent_sync.ports.clock import Clock

LEAST_ROWS: Final = 100
"""Fewer are written one by one: an import is one of few a day."""

_QUIET_SECONDS: Final = 2.0
_LOOK_SECONDS: Final = 10.0
_AGAIN_SECONDS: Final = 1.0
_LONGEST: Final[Micros] = 30 * MINUTE
_AFTER_TROUBLE: Final[Micros] = 15 * MINUTE
_STOPS: Final = "the service stops before the import was sent"
_RESULT_LOOKS: Final = 6
"""How often the result of an import that has ended is asked for."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class BulkLimits:
    """How many rows an import has at most and at least, and how many a table takes a day."""

    most_rows: int = 10_000
    least_rows: int = LEAST_ROWS
    imports_per_day: int = 12


class _Table(NamedTuple):
    entity: str
    table: str
    key_attribute: str
    shape: Shape


@dataclass(slots=True, eq=False)
class _Row:
    mapping: str
    key: str
    change: ProfileChange
    turn: Context
    written: "asyncio.Future[bool]"


@dataclass(slots=True, eq=False)
class _Batch:
    mapping: Mapping
    shape: Shape
    rows: list[_Row] = field(default_factory=list)


class Bulk:
    """Gathers the changes of one account while it is `open`.

    `call` sends a request at once, beside the pace; `may_write` raises TemporaryError where the
    turn that asks has lost its lease. What `paused` tells of a mapping holds up to the moment when
    the file is made.
    """

    def __init__(
        self,
        call: Callable[[Request], Awaitable[Answer]],
        may_write: Callable[[], None],
        wire: ImportFormat,
        count: ImportCount,
        clock: Clock,
        limits: BulkLimits,
    ) -> None:
        self._call = call
        self._may_write = may_write
        self._wire = wire
        self._count = count
        self._clock = clock
        self.limits = limits
        self._batches: dict[_Table, _Batch] = {}
        self._closed_at: Micros = 0
        self._finishing = False
        self._tasks: set[asyncio.Task[None]] = set()
        self.open = False
        self.paused: Callable[[str], bool] = lambda _: False
        self.waiting = 0

    def room(self) -> int:
        """Return how many more turns may be taken to wait here.

        None where a table takes no more imports: its people would only stand in line for a call.
        """
        return 0 if self._count.used_up else self._room()

    def takes(self, mapping: Mapping, key: str, change: ProfileChange, *, after_look: bool) -> bool:
        """Say whether a change may come here now.

        Only of profiles whose number is known: an import tells none, and the webhook that comes
        back names nothing else, so it would cost the call that was saved.
        """
        lowers = not after_look and not any(change.subscriptions.values())
        fit = lowers and bool(change.profile_id) and fits(key, change)
        return fit and bool(self._room()) and self._count.left(mapping)

    async def write(self, mapping: Mapping, key: str, change: ProfileChange) -> bool:
        """Import a change with others; False asks the caller to write it alone.

        Raises UnclearError when nobody knows how the import ended, NotNowError when it was not
        even taken in.
        """
        shape = Shape(tuple(sorted(change.subscriptions)), tuple(sorted(change.attributes)))
        table = _Table(mapping.entity, mapping.table, mapping.key_attribute, shape)
        batch = self._batches.get(table)
        if batch is None:
            batch = self._batches[table] = _Batch(mapping, shape)
            self._start(self._gather(table, batch))
        written: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        batch.rows.append(_Row(mapping.name, key, change, copy_context(), written))
        if len(batch.rows) >= self.limits.most_rows:
            del self._batches[table]
        self.waiting += 1
        try:
            return await written
        finally:
            self.waiting -= 1

    def finish(self) -> None:
        """Begin no more imports; whoever waits for one that was not sent comes again."""
        self._finishing = True
        batches, self._batches = self._batches, {}
        for batch in batches.values():
            _fail(batch.rows, NotNowError(_STOPS))

    async def stop(self) -> None:
        """Give up what is under way; the turns that wait for it are cut off."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _room(self) -> int:
        rests = 0 <= self._clock.now() - self._closed_at < _AFTER_TROUBLE
        closed = not self.open or self._finishing or rests
        return 0 if closed else max(0, self.limits.most_rows - self.waiting)

    def _start(self, work: Coroutine[None, None, None]) -> None:
        # In a context of its own: what it does is done for many turns, and not for the first.
        task = asyncio.get_running_loop().create_task(work, context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _gather(self, table: _Table, batch: _Batch) -> None:
        """Wait until nobody has come for a while or the batch is full, and import it."""
        try:
            await self._quiet(table, batch)
            if self._finishing:
                raise NotNowError(_STOPS)
            rows = [row for row in batch.rows if self._may(row)]
            if len(rows) < self.limits.least_rows or not await self._count.take(batch.mapping):
                _tell(rows, alone=range(len(rows)))
            else:
                await self._import(batch, rows)
        except ConsentSyncError as error:
            _fail(batch.rows, error)
        finally:
            # Whatever else happens here, nobody waits for ever.
            _fail(batch.rows, UnclearError("nobody knows what became of the import"))

    async def _quiet(self, table: _Table, batch: _Batch) -> None:
        """Let others come, unless the table takes no more imports; then the batch is closed."""
        before = -1
        try:
            await self._count.look()
            while self._batches.get(table) is batch and before < len(batch.rows):
                before = len(batch.rows)
                if self._count.left(batch.mapping):
                    await self._clock.sleep(_QUIET_SECONDS)
        finally:
            if self._batches.get(table) is batch:
                del self._batches[table]

    def _may(self, row: _Row) -> bool:
        if row.written.done():
            return False
        try:
            if self.paused(row.mapping):
                raise NotNowError("writing to Actito is paused", retry_after=_AGAIN_SECONDS)
            row.turn.run(self._may_write)
        except TemporaryError as error:
            row.written.set_exception(error)
            return False
        return True

    async def _import(self, batch: _Batch, rows: list[_Row]) -> None:
        """Import these rows; one that went wrong closes this way for a while."""
        mapping = batch.mapping
        asked = self._wire.start(mapping, batch.shape, [(row.key, row.change) for row in rows])
        try:
            failed = await self._outcome(mapping, asked, len(rows))
        except ConsentSyncError as error:
            self._closed_at = self._clock.now()
            _log.warning("import_failed", mapping=mapping.name, rows=len(rows), why=str(error))
            if isinstance(error, UnclearError):
                raise
            raise NotNowError(f"the import was not taken in: {error}") from None
        _tell(rows, alone=failed)
        _log.info("import_ended", mapping=mapping.name, rows=len(rows), failed=len(failed))

    async def _outcome(self, mapping: Mapping, asked: Request, rows: int) -> frozenset[int]:
        """Send an import; return the rows that were not taken over."""
        deadline = self._clock.now() + _LONGEST
        number = self._wire.number(await self._call(asked))
        _log.info("import_started", mapping=mapping.name, rows=rows, number=number)
        if await self._all_taken(mapping, number, deadline):
            return frozenset()
        return await self._not_taken(mapping, number, rows)

    async def _all_taken(self, mapping: Mapping, number: str, deadline: Micros) -> bool:
        """Wait for the end of an import; say whether every row was taken over."""
        # Counted as well, because a clock that was set back would make it wait for hours.
        for _ in range(int(_LONGEST / SECOND / _LOOK_SECONDS)):
            if self._clock.now() >= deadline:
                break
            await self._clock.sleep(_LOOK_SECONDS)
            try:
                fine = self._wire.ended(await self._call(self._wire.look(mapping, number)))
            except ConsentSyncError as error:
                _log.warning("import_not_seen", mapping=mapping.name, why=str(error))
            else:
                if fine is not None:
                    return fine
        raise UnclearError(f"nobody knows how an import of {_LONGEST // SECOND} seconds has ended")

    async def _not_taken(self, mapping: Mapping, number: str, rows: int) -> frozenset[int]:
        """Return the rows of an import that was not fine as a whole; raises UnclearError.

        A result that names none of its rows, or others, tells nothing about any.
        """
        for _ in range(_RESULT_LOOKS):
            try:
                failed = self._wire.failed(await self._call(self._wire.result(mapping, number)))
            except ConsentSyncError as error:
                _log.warning("import_not_seen", mapping=mapping.name, why=str(error))
            else:
                if failed and failed <= frozenset(range(rows)):
                    return failed
                why = "the result names none of the rows, or others"
                _log.warning("import_not_seen", mapping=mapping.name, why=why)
            await self._clock.sleep(_LOOK_SECONDS)
        raise UnclearError("an import has ended, and nobody knows which rows were taken over")


def _tell(rows: list[_Row], alone: "range | frozenset[int]") -> None:
    for place, row in enumerate(rows):
        if not row.written.done():
            row.written.set_result(place not in alone)


def _fail(rows: list[_Row], error: ConsentSyncError) -> None:
    """Tell all that wait; a call that failed has failed once, however many were in it."""
    for ahead, row in enumerate(row for row in rows if not row.written.done()):
        if isinstance(error, UnclearError):
            kind = AlsoUnclearError if ahead else UnclearError
            row.written.set_exception(kind(str(error)))
        else:
            again = NotNowError(str(error), retry_after=_AGAIN_SECONDS, ahead=ahead)
            row.written.set_exception(again)
