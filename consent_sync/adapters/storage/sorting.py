"""Sorts hashes and numbers in bounded memory, in a file that has no name and is gone when closed."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Final

import apsw
import orjson

CACHE_KIB: Final = 512
"""What it may keep in memory; everything else is on the disk."""

_TABLE: Final = "CREATE TABLE named (key BLOB NOT NULL, number INTEGER NOT NULL)"
_INSERT: Final = "INSERT INTO named SELECT unhex(value ->> 0), value ->> 1 FROM json_each(?)"
_SORTED: Final = "SELECT key, number FROM named ORDER BY key, number"
_PRAGMAS: Final = ("journal_mode = OFF", "temp_store = FILE", f"cache_size = -{CACHE_KIB}")


def scratch() -> apsw.Connection:
    """Open a database that only this connection sees, on the disk and not in memory."""
    connection = apsw.Connection("")
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}").fetchall()
    return connection


class Sorting:
    """Takes numbers under hashes in any order, and hands them out hash by hash."""

    def __init__(self) -> None:
        self._scratch = scratch()
        self._scratch.execute(_TABLE).fetchall()

    def close(self) -> None:
        """Let go of the file."""
        self._scratch.close()

    def add(self, named: Sequence[tuple[bytes, int]]) -> None:
        """Note numbers and the hashes they belong to."""
        if named:
            values = orjson.dumps([(key.hex(), number) for key, number in named]).decode()
            self._scratch.execute(_INSERT, (values,)).fetchall()

    def groups(self) -> Iterator[tuple[bytes, Iterator[int]]]:
        """Yield each hash with its numbers in order, which are to be taken before the next."""
        rows = self._scratch.execute(_SORTED)
        for key, group in groupby(rows, itemgetter(0)):
            yield bytes(key), (int(number) for _, number in group)
