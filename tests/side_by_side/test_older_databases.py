"""Databases of every older layout come to the newest one with all that is in them."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import apsw

from consent_sync.adapters.storage import statements
from consent_sync.adapters.storage.migrate import migrate as migrate_file
from consent_sync.adapters.storage.postgres.migrate import migrate
from consent_sync.adapters.storage.postgres.statements import migrations
from tests.postgres import PostgresServer, name_of

COLUMNS: Final = """
SELECT 'consent_sync.' || relname, attname, format_type(atttypid, atttypmod)
FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
WHERE relnamespace = 'consent_sync'::regnamespace AND relkind = 'r' AND relname <> 'layout'
AND attnum > 0 AND NOT attisdropped AND attidentity <> 'a'
ORDER BY relname, attnum
"""
COLUMNS_OF_FILE: Final = """
SELECT tables.name, columns.name, columns.type
FROM pragma_table_list AS tables JOIN pragma_table_info(tables.name) AS columns
WHERE tables.type = 'table' AND tables.name NOT LIKE 'sqlite_%'
"""
VALUES: Final = {
    "bigint": "{n}",
    "boolean": "true",
    "bytea": "'row {n}'",
    "double precision": "{n}",
    "integer": "{n}",
    "smallint": "{n}",
    "text": "'row {n}'",
    "INTEGER": "{n}",
    "TEXT": "'row {n}'",
    "BLOB": "x'{n:04}'",
}
INSERT: Final = "INSERT INTO {table} ({columns}) VALUES ({values})"
COUNT: Final = "SELECT count(*) FROM {table}"


def inserts(columns: Iterable[tuple[str, str, str]], number: int) -> Iterator[tuple[str, str]]:
    """Yield each table, and a statement that puts a row with something everywhere into it."""
    tables = dict[str, dict[str, str]]()
    for table, column, kind in columns:
        tables.setdefault(table, {})[column] = VALUES[kind].format(n=number)
    for table, row in tables.items():
        names, values = ", ".join(row), ", ".join(row.values())
        yield table, INSERT.format(table=table, columns=names, values=values)


async def test_rows_of_every_layout_of_postgresql_come_through(
    url: str, postgres: PostgresServer
) -> None:
    """A row written to each table at each layout is there at the newest."""
    written = Counter[str]()
    for number in range(1, len(migrations()) + 1):
        await migrate(url, migrations()[:number])
        for table, insert in inserts(postgres.run(COLUMNS, name_of(url)), number):
            postgres.run(insert, name_of(url))
            written[table] += 1
    found = {
        table: postgres.run(COUNT.format(table=table), name_of(url))[0][0] for table in written
    }

    assert found == dict(written)


def test_rows_of_every_layout_of_a_file_come_through(tmp_path: Path) -> None:
    """The same for SQLite, where a table is made anew and a count may come on the way."""
    connection = apsw.Connection(":memory:")
    written = Counter[str]()
    for number in range(1, len(statements.migrations()) + 1):
        migrate_file(connection, tmp_path, statements.migrations()[:number])
        told = connection.execute(COLUMNS_OF_FILE).fetchall()
        columns = [(str(table), str(column), str(kind)) for table, column, kind in told]
        for table, insert in inserts(columns, number):
            connection.execute(insert)
            written[table] += 1
    found = {table: connection.execute(COUNT.format(table=table)).get for table in written}

    assert [table for table, count in found.items() if count < written[table]] == []
