"""A table of persons for review, written row by row and readable by its owner alone."""

import csv
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from consent_sync.app.whatif import Row
from consent_sync.cli.exits import CommandError

COLUMNS: Final = (
    "mapping",
    "line",
    "person",
    "effect",
    "didomi_before",
    "didomi_after",
    "actito_before",
    "actito_after",
    "reason",
)

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""What makes a cell a formula in programs that open such tables."""


@contextmanager
def persons_table(path: Path | None) -> Iterator[Callable[[Row], None]]:
    """Return what writes a row; without a file it does nothing. Raises CommandError."""
    if path is None:
        yield lambda row: None
        return
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.fchmod(handle, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
            table = csv.writer(stream)
            table.writerow(COLUMNS)
            yield lambda row: table.writerow([_cell(getattr(row, name)) for name in COLUMNS])
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}") from None


def _cell(value: object) -> str:
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
