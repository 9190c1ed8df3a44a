"""What is wrong with a file that somebody handed in: where, what was found, what was expected."""

from pathlib import Path

from consent_sync.domain.errors import RefusedError


def unfit(path: Path, line: int, found: str, expected: str, *, code: str) -> RefusedError:
    """Return the error for a line of a file, or for the whole file where the line is 0."""
    where = f"{path.name}, line {line}" if line else path.name
    return RefusedError(
        f"{where}: found {found}; expected {expected}",
        code=code,
        where=where,
        found=found,
        expected=expected,
    )
