"""An older version of the program: which one, and an environment of its own for it."""

import re
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Final

from bench.processes import ROOT
from bench.soak_service import Program

_SQL: Final = "consent_sync/adapters/storage/sql"
_STEP: Final = re.compile(r"^(\d{4})_\w+\.sql$")
_WORKS_WITH: Final = re.compile(r"\A-- works with: (\d+)\n")


@dataclass(frozen=True, slots=True)
class Version:
    """A version of the program, and the newest layout it knows of each store.

    `works_with` is the oldest layout of PostgreSQL whose programs may go on beside it.
    """

    name: str
    program: Program
    sqlite: int
    postgres: int
    works_with: int


def version_at(name: str, program: Program) -> Version:
    """Return what is in this folder."""
    sqlite, _ = _newest(program.root / _SQL / "sqlite")
    postgres, text = _newest(program.root / _SQL / "postgres")
    works_with = _WORKS_WITH.match(text)
    return Version(name, program, sqlite, postgres, int(works_with[1]) if works_with else postgres)


def older(revision: str, folder: Path) -> Version:
    """Return the version of a git revision, unpacked in a new folder with all that it needs."""
    revision = revision or _last_released()
    folder.mkdir()
    packed = _git("archive", "--format=tar", revision)
    with tarfile.open(fileobj=BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    # The older version sets itself up, as whoever installed it did.
    _run(["make", f"PYTHON={sys.executable}", ".venv/.project"], folder)
    name = _git("log", "-1", "--format=%h %s", revision).decode().strip()
    return version_at(name, Program(str(folder / ".venv" / "bin" / "python"), folder))


def _last_released() -> str:
    """Return the newest tag; before the first one, what was there before the newest layout step."""
    tags = _git("tag", "--merged", "HEAD", "--sort=-creatordate").decode().split()
    if tags:
        return tags[0]
    steps = f"{_SQL}/*/0*.sql"
    newest = _git("log", "-1", "--format=%H", "--diff-filter=A", "--", steps).decode().strip()
    return f"{newest}^"


def _newest(folder: Path) -> tuple[int, str]:
    steps = [(int(found[1]), one) for one in folder.iterdir() if (found := _STEP.match(one.name))]
    number, step = max(steps)
    return number, step.read_text(encoding="utf-8")


def _git(*words: str) -> bytes:
    return _run(["git", *words], ROOT)


def _run(words: list[str], folder: Path) -> bytes:
    done = subprocess.run(words, cwd=folder, capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)} ended with {done.returncode}:\n{done.stderr.decode()}")
    return done.stdout
