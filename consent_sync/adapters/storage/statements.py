"""The SQL of the store, kept in files of its own, and running it."""

import re
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Final

import apsw
import orjson

SqlValue = int | float | str | bytes | None
"""What a statement takes in place of a question mark."""

_NAME: Final = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
_ROW: Final = re.compile(r"(?<=VALUES )\([?, ]+\)")
_MIGRATION: Final = re.compile(r"^(\d{4})_\w+\.sql$")
_FOLDER: Final = files("consent_sync.adapters.storage").joinpath("sql", "sqlite")
_ROWS_AT_ONCE: Final = 128


@cache
def queries() -> dict[str, str]:
    """Return every named query, its comment left out."""
    _, *parts = _NAME.split(_FOLDER.joinpath("queries.sql").read_text(encoding="utf-8"))
    return {
        name: "\n".join(line for line in text.splitlines() if not line.startswith("--")).strip()
        for name, text in zip(parts[::2], parts[1::2], strict=True)
    }


def migrations() -> list[tuple[int, str]]:
    """Return number and text of every migration, in order."""
    found = [
        (match, entry) for entry in _FOLDER.iterdir() if (match := _MIGRATION.match(entry.name))
    ]
    return sorted((int(match[1]), entry.read_text(encoding="utf-8")) for match, entry in found)


class Statements:
    """Runs named queries on one connection; every method raises apsw.Error."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self._sql = queries()

    def rows(self, name: str, *values: SqlValue) -> list[Any]:
        """Return all rows."""
        return self._cursor.execute(self._sql[name], values).fetchall()

    def rows_of(self, name: str, wanted: Sequence[int], *values: SqlValue) -> list[Any]:
        """Return all rows about the members of a list."""
        return self.rows(name, orjson.dumps(wanted).decode(), *values)

    def value(self, name: str, *values: SqlValue) -> Any:
        """Return the first column of the first row, None without any."""
        # All rows, because a statement that is not finished keeps its old view of the database.
        rows = self._cursor.execute(self._sql[name], values).fetchall()
        return rows[0][0] if rows else None

    def change(self, name: str, *values: SqlValue) -> int:
        """Run a statement and return how many rows it changed."""
        self._cursor.execute(self._sql[name], values)
        return self._connection.changes()

    def of_list(self, name: str, wanted: Sequence[int] | Sequence[str]) -> Any:
        """Ask about a list of values; return the answer, read from JSON."""
        answer = self.value(name, orjson.dumps(wanted).decode())
        return orjson.loads(answer) if isinstance(answer, str) else answer

    def change_list(self, name: str, wanted: Sequence[int]) -> int:
        """Change the rows that a list names; return how many."""
        return self.change(name, orjson.dumps(wanted).decode())

    def write_rows(self, name: str, rows: Sequence[Sequence[SqlValue]]) -> None:
        """Run a statement with `VALUES` for many rows, few times."""
        start = 0
        while start < len(rows):
            # Powers of two, so that few different statements exist and stay prepared.
            count = min(_ROWS_AT_ONCE, 1 << ((len(rows) - start).bit_length() - 1))
            values = _flat(rows[start : start + count])
            self._cursor.execute(_repeated(self._sql[name], count), values)
            start += count


@cache
def _repeated(statement: str, count: int) -> str:
    return _ROW.sub(lambda row: ", ".join([row[0]] * count), statement)


def _flat(rows: Iterable[Sequence[SqlValue]]) -> tuple[SqlValue, ...]:
    return tuple([value for row in rows for value in row])
