"""Brings a database to the layout this program knows, one numbered file at a time."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import apsw

from consent_sync.adapters.storage import ownership
from consent_sync.adapters.storage.connect import APPLICATION_ID, connect, explain
from consent_sync.adapters.storage.statements import migrations
from consent_sync.domain.errors import StoreError

_CACHE_KIB: Final = 16_384


def bring_up_to_date(path: Path) -> list[int]:
    """Own the file for a moment and run what is missing; return the numbers, raise StoreError."""
    lock = ownership.take(path)
    try:
        connection = connect(path, cache_kib=_CACHE_KIB)
        try:
            return migrate(connection, path, migrations())
        finally:
            connection.close()
    except apsw.Error as error:
        raise explain(error, path) from error
    finally:
        ownership.let_go(lock)


def migrate(
    connection: apsw.Connection, path: Path, migrations: Sequence[tuple[int, str]]
) -> list[int]:
    """Run what is missing, each file in one transaction; return the numbers of those that ran.

    Raises StoreError when the file belongs to another program or to a newer consent-sync.
    """
    found = _layout(connection, path)
    newest = migrations[-1][0]
    if found > newest:
        raise StoreError(
            f"the database {path} has layout {found}, this program knows {newest}: "
            "a newer consent-sync wrote it; use that version, or restore a backup made before it"
        )
    missing = [step for step in migrations if step[0] > found]
    for number, text in missing:
        _step(connection, number, text)
    return [number for number, _ in missing]


def _layout(connection: apsw.Connection, path: Path) -> int:
    application = connection.execute("PRAGMA application_id").get
    layout = int(connection.execute("PRAGMA user_version").get)
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").get
    if application != APPLICATION_ID and (application or layout or tables):
        raise StoreError(
            f"the database {path} belongs to another program; "
            "name another file in CONSENT_SYNC_DATABASE_URL"
        )
    return layout


def _step(connection: apsw.Connection, number: int, text: str) -> None:
    with connection:
        connection.execute(text).fetchall()
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}").fetchall()
        connection.execute(f"PRAGMA user_version = {number}").fetchall()
