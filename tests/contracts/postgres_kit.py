"""A PostgreSQL store whose database goes by the tests' clock."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import psycopg

from consent_sync.adapters.storage.postgres.migrate import migrate
from consent_sync.domain.moments import Micros
from tests.contracts.store_kit import START, HandClock
from tests.postgres import PostgresServer

_BY_HAND = """
CREATE TABLE hand (now bigint NOT NULL);
INSERT INTO hand VALUES (%(start)s);
CREATE OR REPLACE FUNCTION consent_sync.now_micros() RETURNS bigint
LANGUAGE sql STABLE AS 'SELECT now FROM public.hand';
"""


class HandDatabase:
    """A database that is made once; `follow` lets it start anew and go by a clock."""

    def __init__(self, server: PostgresServer) -> None:
        self.url = server.new_database()
        # In a thread of its own, because an event loop may be running in this one.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, migrate(self.url)).result()
        self._connection = psycopg.connect(self.url, autocommit=True)
        self._connection.execute((_BY_HAND % {"start": START}).encode())
        self._tables = ", ".join(
            f"consent_sync.{name}"
            for (name,) in self._connection.execute(
                "SELECT relname FROM pg_class WHERE relnamespace = 'consent_sync'::regnamespace"
                " AND relkind = 'r' AND relname <> 'layout'"
            )
        )

    def follow(self, clock: HandClock) -> None:
        """Forget everything and go by this clock from now on."""
        self._connection.execute(f"TRUNCATE {self._tables} RESTART IDENTITY".encode())
        for sequence in ("event_id", "item_id"):
            self._connection.execute(f"ALTER SEQUENCE consent_sync.{sequence} RESTART".encode())
        self._set(clock.now())
        clock.followers.append(self._set)

    def close(self) -> None:
        self._connection.close()

    def _set(self, now: Micros) -> None:
        self._connection.execute("UPDATE public.hand SET now = %s", (now,))
