"""A long look into PostgreSQL over one connection, in short transactions."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final

from psycopg.rows import TupleRow

from consent_sync.adapters.storage.postgres.connections import (
    STATEMENT_SECONDS,
    Connection,
    Values,
    connect,
    run,
)
from consent_sync.adapters.storage.postgres.errors import explained
from consent_sync.adapters.storage.postgres.migrate import check_layout
from consent_sync.adapters.storage.postgres.reading import Looking
from consent_sync.domain.moments import MINUTE, Micros
from consent_sync.ports.store import StoredEvent

_PAGE: Final = 500
_OUT_OF_ORDER: Final = 10 * MINUTE
"""How much older than its neighbours an event may be: replicas number and commit side by side."""


class PostgresPast(Looking):
    """Keeps the promises of `Past`."""

    def __init__(self, url: str) -> None:
        self._kept = _Kept(url)
        super().__init__(self._kept)

    async def close(self) -> None:
        """Let go of the database."""
        await self._kept.close()

    async def pages(self, since: Micros) -> AsyncIterator[Sequence[StoredEvent]]:
        """Yield every accepted event received since then, in pages, newest first."""
        before: int | None = None
        while page := await self.events(refused=False, before=before, limit=_PAGE):
            yield [event for event in page if event.received_at >= since]
            if page[-1].received_at < since - _OUT_OF_ORDER:
                return
            before = page[-1].id


class _Kept:
    """One connection, made at the first question."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: Connection | None = None

    async def several(self, asked: Sequence[tuple[str, Values]]) -> list[list[TupleRow]]:
        """Run named queries; raise StoreError."""
        if self._connection is None:
            self._connection = await connect(self._url)
            with explained():
                async with asyncio.timeout(STATEMENT_SECONDS):
                    await check_layout(self._connection)
        with explained():
            async with asyncio.timeout(STATEMENT_SECONDS):
                return await run(self._connection, asked)

    async def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            await self._connection.close()
