"""The SQL of the store in PostgreSQL, kept in files of its own."""

import re
from functools import cache
from importlib.resources import files
from typing import Final, NamedTuple

_NAME: Final = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
_COMMENT: Final = re.compile(r"^ *--.*\n", re.MULTILINE)
_MIGRATION: Final = re.compile(r"^(\d{4})_\w+\.sql$")
_WORKS_WITH: Final = re.compile(r"\A-- works with: (\d+)\n")
_FOLDER: Final = files("consent_sync.adapters.storage").joinpath("sql", "postgres")


class Migration(NamedTuple):
    """One step of the layout; `works_with` is the oldest layout whose programs may go on with it."""

    number: int
    works_with: int
    text: str


@cache
def queries() -> dict[str, bytes]:
    """Return every named query, comments left out."""
    _, *parts = _NAME.split(_FOLDER.joinpath("queries.sql").read_text(encoding="utf-8"))
    return {
        name: _COMMENT.sub("", text.lstrip("\n")).strip().encode()
        for name, text in zip(parts[::2], parts[1::2], strict=True)
    }


@cache
def migrations() -> list[Migration]:
    """Return every migration, in order."""
    found = []
    for entry in _FOLDER.iterdir():
        name = _MIGRATION.match(entry.name)
        if name is not None:
            text = entry.read_text(encoding="utf-8")
            works_with = _WORKS_WITH.match(text)
            assert works_with is not None, f"{entry.name} does not say what it works with"  # noqa: S101 - our own file
            found.append(Migration(int(name[1]), int(works_with[1]), text))
    return sorted(found)
