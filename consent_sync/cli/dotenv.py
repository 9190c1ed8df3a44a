"""The `.env` file of the folder that a command is started in."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from dotenv import dotenv_values

FILE: Final = ".env"


def dotenv_here() -> Mapping[str, str | None]:
    """Return what the `.env` file here says, nothing without one; a `$` in it is a `$`."""
    return dotenv_in(Path())


def dotenv_in(folder: Path) -> Mapping[str, str | None]:
    """Return what the `.env` file of a folder says, nothing without one."""
    return dotenv_values(folder / FILE, interpolate=False)
