"""Brings a PostgreSQL database to the layout this program knows, one replica at a time."""

import asyncio
import secrets
from collections.abc import Sequence
from typing import Final

import structlog
from psycopg.errors import DeadlockDetected, LockNotAvailable

from consent_sync.adapters.storage.postgres.connections import (
    OLDEST_SERVER,
    STATEMENT_SECONDS,
    Connection,
    connect,
    run,
    value,
)
from consent_sync.adapters.storage.postgres.errors import explained
from consent_sync.adapters.storage.postgres.statements import Migration, migrations
from consent_sync.domain.errors import StoreError

FINGERPRINT_KEY: Final = "fingerprint"
TOMBSTONE_KEY: Final = "tombstone"
"""What the random keys are kept under."""

# Long, because the steps of another replica are waited for.
MIGRATE_SECONDS: Final = 3_600.0

PATIENCE_SECONDS: Final = 2.0
"""How long the steps wait for a table in use: whoever comes after them waits as long."""

_log = structlog.get_logger(__name__)

_LOCK: Final = b"SELECT pg_advisory_xact_lock(4850120613401)"
_LAYOUTS: Final = b"""
CREATE TABLE IF NOT EXISTS consent_sync.layout (
    number integer PRIMARY KEY,
    works_with integer NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""


async def migrate(url: str, steps: Sequence[Migration] | None = None) -> list[int]:
    """Run what is missing, all in one transaction; return the numbers of the steps taken.

    Raises StoreError when the server or the layout cannot be used by this program.
    """
    connection = await connect(url)
    try:
        with explained():
            async with asyncio.timeout(MIGRATE_SECONDS):
                await _check_server(connection)
                found = await layout(connection)
                steps = migrations() if steps is None else steps
                refuse_newer(found, steps[-1].number)
                if not _missing(found, steps):
                    await _note_restore(connection)
                    return []
                return await _take_when_free(connection, steps)
    finally:
        await connection.close()


async def layout(connection: Connection) -> tuple[int, int]:
    """Return the newest layout of the database and the oldest it works with; zeros without any."""
    if await value(connection, "SELECT to_regclass('consent_sync.layout')::text") is None:
        return 0, 0
    row = await (
        await connection.execute(
            "SELECT number, works_with FROM consent_sync.layout ORDER BY number DESC LIMIT 1"
        )
    ).fetchone()
    return (0, 0) if row is None else (int(row[0]), int(row[1]))


async def check_layout(connection: Connection) -> None:
    """Return when this program can read the database; raise StoreError, psycopg.Error."""
    found, newest = await layout(connection), migrations()[-1].number
    if found[0] < newest:
        raise StoreError(
            f"the database has layout {found[0]}, this program reads {newest}: "
            "run `consent-sync migrate`, or start `consent-sync serve` once"
        )
    refuse_newer(found, newest)


async def keep_key(url: str, name: str) -> bytes:
    """Return the random key of this name, made and kept at first use; raise StoreError."""
    await migrate(url)
    connection = await connect(url)
    try:
        with explained():
            async with asyncio.timeout(STATEMENT_SECONDS):
                values = {"name": name, "value": secrets.token_bytes(32)}
                await run(connection, [("make_key", values)])
                [[[key]]] = await run(connection, [("key", values)])
                return bytes(key)
    finally:
        await connection.close()


async def _take_when_free(connection: Connection, steps: Sequence[Migration]) -> list[int]:
    """Take the steps between the work of running replicas, and let them go on in between."""
    while True:
        try:
            async with connection.transaction():
                return await _take(connection, steps)
        except (LockNotAvailable, DeadlockDetected) as error:
            # A backup, for one, reads every table from its beginning to its end.
            _log.warning("layout_waits", why=type(error).__name__)
        await asyncio.sleep(PATIENCE_SECONDS)


async def _take(connection: Connection, steps: Sequence[Migration]) -> list[int]:
    await connection.execute(_LOCK)
    await connection.execute(b"CREATE SCHEMA IF NOT EXISTS consent_sync")
    await connection.execute(_LAYOUTS)
    # Asked again under the lock: another replica may have taken the steps meanwhile.
    found = await layout(connection)
    refuse_newer(found, steps[-1].number)
    missing = _missing(found, steps)
    await connection.execute(f"SET LOCAL lock_timeout = {PATIENCE_SECONDS * 1000:.0f}".encode())
    for step in missing:
        await connection.execute(step.text.encode())
        await connection.execute(
            "INSERT INTO consent_sync.layout (number, works_with) VALUES (%s, %s)",
            (step.number, step.works_with),
        )
    return [step.number for step in missing]


def _missing(found: tuple[int, int], steps: Sequence[Migration]) -> list[Migration]:
    return [step for step in steps if step.number > found[0]]


def refuse_newer(found: tuple[int, int], newest: int) -> None:
    """Return when programs that know this layout may go on with the one found; raise StoreError."""
    number, works_with = found
    if number > newest and works_with > newest:
        raise StoreError(
            f"the database has layout {number}, which works with programs that know {works_with} "
            f"or newer; this program knows {newest}: a newer consent-sync wrote it, so use that "
            "version, or restore a backup made before it"
        )


async def _note_restore(connection: Connection) -> None:
    """After a restore into another server its transactions count from a lower number again."""
    await connection.execute(
        "UPDATE consent_sync.ledger SET tx = 0 WHERE tx > pg_current_xact_id()::text::bigint"
    )


async def _check_server(connection: Connection) -> None:
    version = connection.info.server_version
    if version < OLDEST_SERVER:
        raise StoreError(
            f"the server is PostgreSQL {version // 10_000}; consent-sync needs 14 or newer"
        )
    if await value(connection, "SHOW synchronous_commit") == "off":
        raise StoreError(
            "the server says that something is stored before it is (synchronous_commit is off); "
            "switch it on for this database or user"
        )
