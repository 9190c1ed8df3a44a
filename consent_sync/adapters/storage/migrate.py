"""Brings a database to the layout this program knows, one numbered file at a time."""

from collections.abc import Sequence
from pathlib import Path

import apsw

from consent_sync.adapters.storage.connect import APPLICATION_ID
from consent_sync.domain.errors import StoreError


def migrate(connection: apsw.Connection, path: Path, migrations: Sequence[tuple[int, str]]) -> None:
    """Run what is missing, each file in one transaction.

    Raises StoreError when the file belongs to another program or to a newer consent-sync.
    """
    found = _layout(connection, path)
    newest = migrations[-1][0]
    if found > newest:
        raise StoreError(
            f"the database {path} has layout {found}, this program knows {newest}: "
            "a newer consent-sync wrote it; use that version, or restore a backup made before it"
        )
    for number, text in migrations:
        if number > found:
            _step(connection, number, text)


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
