"""The SQL of the store, kept in files of its own."""

import re
from functools import cache
from importlib.resources import files
from typing import Final

SqlValue = int | float | str | bytes | None
"""What a statement takes in place of a question mark."""

_NAME: Final = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
_MIGRATION: Final = re.compile(r"^(\d{4})_\w+\.sql$")
_FOLDER: Final = files("consent_sync.adapters.storage").joinpath("sql", "sqlite")


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
