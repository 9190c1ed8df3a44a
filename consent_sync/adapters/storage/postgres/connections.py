"""Connections to PostgreSQL as the store needs them: no session state, every wait bounded."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final, LiteralString, TypeAlias, TypeVar

import psycopg
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool

from consent_sync.adapters.storage.postgres.arrays import adapters
from consent_sync.adapters.storage.postgres.errors import (
    LateStoreError,
    RepeatStoreError,
    UnansweredStoreError,
    explained,
    not_connected,
)
from consent_sync.adapters.storage.postgres.statements import queries

CONNECT_SECONDS: Final = 10
FREE_SECONDS: Final = 5.0
STATEMENT_SECONDS: Final = 10.0
OLDEST_SERVER: Final = 140_000

Connection: TypeAlias = psycopg.AsyncConnection[TupleRow]
Values: TypeAlias = Mapping[str, Any]
Result = TypeVar("Result")

# How often the same is asked where that may help.
_ATTEMPTS: Final = 3

# Known to our side of the connection only, so that a pooler has nothing to refuse.
_PARAMETERS: Final[dict[str, Any]] = {
    "connect_timeout": CONNECT_SECONDS,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
    "application_name": "consent-sync",
    "autocommit": True,
    # Prepared statements belong to a session; behind a transaction pooler it is another each time.
    "prepare_threshold": None,
}


class Database:
    """A bounded pool of connections; every method raises StoreError."""

    def __init__(self, url: str, *, connections: int) -> None:
        self._pool = AsyncConnectionPool(
            url,
            min_size=1,
            max_size=connections,
            open=False,
            timeout=FREE_SECONDS,
            max_waiting=1_000,
            max_lifetime=1_800,
            reconnect_timeout=30,
            kwargs={**_PARAMETERS, "context": adapters()},
        )

    async def open(self) -> None:
        """Connect; raise StoreError when that does not work within 10 seconds."""
        connected = False
        try:
            with explained():
                await self._pool.open(wait=True, timeout=CONNECT_SECONDS)
            connected = True
        finally:
            if not connected:
                await self._pool.close(timeout=1)

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.close(timeout=2)

    async def rows(self, name: str, values: Values) -> list[TupleRow]:
        """Run a named query and return its rows."""
        [rows] = await self.several([(name, values)])
        return rows

    async def several(self, asked: Sequence[tuple[str, Values]]) -> list[list[TupleRow]]:
        """Run named queries, sent together; return the rows of each."""
        with heeding_cancellation():
            try:
                with explained():
                    async with (
                        asyncio.timeout(STATEMENT_SECONDS),
                        self._pool.connection() as connection,
                    ):
                        return await run(connection, asked)
            except UnansweredStoreError:
                # Where one connection broke the others probably did: nobody else need find out.
                await self._mend()
                raise

    async def _mend(self) -> None:
        # What it finds out is reported to whoever asks for a connection next.
        with suppress(psycopg.Error, TimeoutError):
            async with asyncio.timeout(FREE_SECONDS):
                await self._pool.check()


@contextmanager
def heeding_cancellation() -> Iterator[None]:
    """End the task that was cancelled inside, whatever the driver makes of that.

    When its connection breaks while it gives a statement up, it reports that instead, and whoever
    waits for the end of the task would wait for ever.
    """
    task = asyncio.current_task()
    before = task.cancelling() if task is not None else 0
    try:
        yield
    finally:
        if task is not None and task.cancelling() > before:
            raise asyncio.CancelledError


async def run(connection: Connection, asked: Sequence[tuple[str, Values]]) -> list[list[TupleRow]]:
    """Run named queries on one connection, sent together; raise psycopg.Error."""
    sql = queries()
    if len(asked) == 1:
        name, values = asked[0]
        cursor = await connection.execute(sql[name], values, binary=True)
        return [await cursor.fetchall() if cursor.description else []]
    async with connection.pipeline():
        cursors = [
            await connection.execute(sql[name], values, binary=True) for name, values in asked
        ]
    return [await cursor.fetchall() for cursor in cursors]


async def connect(url: str) -> Connection:
    """Return one connection of its own; raise StoreError."""
    with explained():
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                return await psycopg.AsyncConnection.connect(url, context=adapters(), **_PARAMETERS)
        except (psycopg.OperationalError, psycopg.ProgrammingError) as error:
            raise not_connected(error) from error


async def value(connection: Connection, query: LiteralString) -> Any:
    """Return the first column of the first row; raise psycopg.Error."""
    row = await (await connection.execute(query)).fetchone()
    return None if row is None else row[0]


async def repeated(attempt: Callable[[], Awaitable[Result]], *, twice: bool = False) -> Result:
    """Return what the attempt returns, tried again where that may help and does no harm.

    `twice` says that it does none when the first attempt was stored and only its answer was lost.
    """
    for _ in range(_ATTEMPTS - 1):
        try:
            return await attempt()
        except RepeatStoreError:
            continue
        except LateStoreError:
            raise
        except UnansweredStoreError:
            if not twice:
                raise
    return await attempt()
