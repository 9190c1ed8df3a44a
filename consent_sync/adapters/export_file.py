"""An export of Actito's profiles as a file: read once, then asked for one profile at a time.

Page "Export files format": CSV, UTF-8, a header line, `;` between columns, `"` around values,
plain or compressed with GZIP. Nothing of the file stays in memory.
"""

import asyncio
import csv
import gzip
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final, TextIO, cast

import apsw
import orjson

from consent_sync.adapters.actito.values import boolean
from consent_sync.adapters.unfit_file import unfit
from consent_sync.domain.errors import RefusedError
from consent_sync.domain.events import ProfileMissing, ProfileReading
from consent_sync.domain.identity import Names
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.moments import SECOND, Micros

_AT_ONCE: Final = 1_000
_SUBSCRIPTION: Final = "subscriptions#"
_YES_AND_NO: Final = {"y": True, "yes": True, "n": False, "no": False}

_unfit = partial(unfit, code="bad-export")


class ExportFile:
    """The profiles of one table as an export shows them (ports.lists.ProfileSource)."""

    def __init__(self, connection: apsw.Connection, at: Micros, rows: int) -> None:
        self._connection = connection
        self._at = at
        self.rows = rows

    async def read_by_key(self, mapping: Mapping, key: str) -> ProfileReading | ProfileMissing:
        """Return one profile, as old as the file."""
        found = self._connection.execute(
            "SELECT content FROM profile WHERE key = ?", (key.strip().lower(),)
        ).fetchone()
        if found is None:
            return ProfileMissing(self._at)
        spelled, subscriptions = orjson.loads(found[0])
        return ProfileReading(self._at, self._at, Names(actito_key=spelled), subscriptions)

    async def keys(self, after: str, limit: int) -> Sequence[str]:
        """Return keys behind one, as they are spelled, in a fixed order."""
        rows = self._connection.execute(
            "SELECT content FROM profile WHERE key > ? ORDER BY key LIMIT ?",
            (after.strip().lower(), limit),
        )
        return [str(orjson.loads(content)[0]) for (content,) in rows]

    def close(self) -> None:
        """Forget the profiles."""
        self._connection.close()


async def read_export(path: Path, mapping: Mapping) -> ExportFile:
    """Return the profiles in a file; raises RefusedError naming what does not fit, and where."""
    return await asyncio.to_thread(_read, path, mapping)


def _read(path: Path, mapping: Mapping) -> ExportFile:
    # An empty name is a database that SQLite keeps in a file without a name, and forgets.
    connection = apsw.Connection("")
    connection.execute("CREATE TABLE profile (key TEXT PRIMARY KEY, content BLOB) WITHOUT ROWID")
    count = 0
    try:
        at = round(path.stat().st_mtime * SECOND)
        with connection, _opened(path) as lines:
            for page in _pages(_profiles(path, lines, mapping)):
                connection.executemany("INSERT OR REPLACE INTO profile VALUES (?, ?)", page)
                count += len(page)
    except (OSError, UnicodeDecodeError, csv.Error, EOFError) as error:
        connection.close()
        why = getattr(error, "strerror", None) or "it is no CSV in UTF-8"
        raise _unfit(path, 0, str(why), "a CSV file in UTF-8, plain or .gz") from None
    except RefusedError:
        connection.close()
        raise
    return ExportFile(connection, at, count)


def _opened(path: Path) -> TextIO:
    # A byte order mark is no part of the first name.
    if path.suffix == ".gz":
        return cast("TextIO", gzip.open(path, "rt", encoding="utf-8-sig", newline=""))
    return path.open(encoding="utf-8-sig", newline="")


def _profiles(path: Path, lines: TextIO, mapping: Mapping) -> Iterator[tuple[str, bytes]]:
    first = lines.readline()
    separator = ";" if first.count(";") >= first.count(",") else ","
    names = next(csv.reader([first], delimiter=separator), [])
    key_at, lines_at = _columns(path, names, mapping)
    for row in (rows := csv.reader(lines, delimiter=separator)):
        number = rows.line_num + 1
        if not row:
            continue
        if len(row) != len(names):
            expected = f"{len(names)} columns, as in the first line"
            raise _unfit(path, number, f"{len(row)} columns", expected)
        key = row[key_at]
        if not key.strip():
            continue
        held = {
            name: value
            for name, at in lines_at.items()
            if (value := _choice(path, number, name, row[at])) is not None
        }
        yield key.strip().lower(), orjson.dumps([key, held])


def _columns(path: Path, names: Sequence[str], mapping: Mapping) -> tuple[int, dict[str, int]]:
    at = {name.strip(): number for number, name in enumerate(names)}
    if mapping.key_attribute not in at:
        found = ", ".join(names)[:200] or "an empty line"
        raise _unfit(path, 1, found, f"a column named {mapping.key_attribute}")
    found_lines = {
        line.id: at.get(f"{_SUBSCRIPTION}{line.id}", at.get(line.id)) for line in mapping.lines
    }
    missing = [name for name, number in found_lines.items() if number is None]
    if missing:
        expected = f"columns named like the subscriptions; missing: {', '.join(missing)}"
        raise _unfit(path, 1, ", ".join(names)[:200], expected)
    return at[mapping.key_attribute], {
        name: number for name, number in found_lines.items() if number is not None
    }


def _choice(path: Path, number: int, name: str, cell: str) -> bool | None:
    text = cell.strip()
    if not text:
        return None
    value = _YES_AND_NO.get(text.lower(), boolean(text))
    if value is None:
        # Not quoted: whatever stands there instead may be somebody's data.
        raise _unfit(path, number, f"something else in the column {name}", "true, false or nothing")
    return value


def _pages(rows: Iterable[tuple[str, bytes]]) -> Iterator[list[tuple[str, bytes]]]:
    page: list[tuple[str, bytes]] = []
    for row in rows:
        page.append(row)
        if len(page) == _AT_ONCE:
            yield page
            page = []
    yield page
