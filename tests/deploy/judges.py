"""The files in deploy/ and the tools that judge them."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"


def documents(file: Path) -> list[Any]:
    """Return the documents of a YAML file; a doubled key is an error."""
    return [one for one in YAML(typ="safe", pure=True).load_all(file.read_text("utf-8")) if one]


def judged(*words: str | Path, folder: Path = DEPLOY) -> str:
    """Run a judge that `make venv` brings and return what it says; a bad word of it fails the test."""
    tool = ROOT / ".venv/bin" / words[0]
    return _run([str(tool), *map(str, words[1:])], folder)


def judged_by(tool: str, *words: str | Path, folder: Path = DEPLOY) -> str:
    """Run a judge of the machine; one that `.ci/run` brought is never left out."""
    found = shutil.which(tool)
    if found is None:
        assert tool not in os.environ.get("JUDGES", "").split(), f"{tool} is gone"
        pytest.skip(f"this machine has no {tool}")
    return _run([found, *map(str, words)], folder)


def _run(command: list[str], folder: Path) -> str:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said
