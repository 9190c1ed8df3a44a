"""A look into the database from beside the replicas: nothing is written."""

import asyncio
from collections.abc import Sequence

from psycopg.rows import TupleRow

from consent_sync.adapters.storage.postgres.connections import (
    STATEMENT_SECONDS,
    Values,
    connect,
    run,
)
from consent_sync.adapters.storage.postgres.errors import explained
from consent_sync.adapters.storage.postgres.migrate import check_layout
from consent_sync.adapters.storage.postgres.reading import Looking
from consent_sync.domain.errors import StoreError
from consent_sync.domain.identity import Subject
from consent_sync.domain.moments import Micros


class PostgresReader(Looking):
    """The looking half of `Ledger`; every method connects, looks, and lets go again."""

    def __init__(self, url: str) -> None:
        super().__init__(_Connecting(url))

    async def replay(self, number: int, subjects: Sequence[Subject], received_at: Micros) -> None:
        """Raise StoreError: nothing is changed from here."""
        raise StoreError("this is a look from outside; only the running service can replay")


class _Connecting:
    def __init__(self, url: str) -> None:
        self._url = url

    async def several(self, asked: Sequence[tuple[str, Values]]) -> list[list[TupleRow]]:
        connection = await connect(self._url)
        try:
            with explained():
                async with asyncio.timeout(STATEMENT_SECONDS):
                    await check_layout(connection)
                    return await run(connection, asked)
        finally:
            await connection.close()
