"""The lock files pin everything and lead nowhere."""

import re
from pathlib import Path

import pytest

from tests.house.sources import ROOT

LOCKS = sorted((ROOT / "requirements").glob("*.lock"))


def entries(text: str) -> list[str]:
    """Join continued lines, drop comments, and return one text per requirement."""
    joined = re.sub(r"\\\n", " ", text)
    return [
        line for line in joined.splitlines() if line.strip() and not line.lstrip().startswith("#")
    ]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_requirement_is_pinned_with_hashes(lock: Path) -> None:
    """Each entry names one version and at least one hash, so nothing else can be installed."""
    loose = [
        entry
        for entry in entries(lock.read_text(encoding="utf-8"))
        if not re.match(r"[a-z0-9._-]+==[^ ]+ .*--hash=sha256:[0-9a-f]{64}", entry)
    ]

    assert loose == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_no_address_stands_in_a_lock_file(lock: Path) -> None:
    """Where packages come from is the business of the machine, not of this file."""
    text = lock.read_text(encoding="utf-8")

    assert (
        re.findall(r"(?im)^.*(?:://|--(?:extra-)?index-url|--find-links|--trusted-host).*$", text)
        == []
    )


@pytest.mark.parametrize("name", ["dev.lock", "deep.lock", "bench.lock"])
def test_what_runs_is_what_is_tested_and_measured(name: str) -> None:
    """Development and benchmarks use the very versions of the program's own lock file."""
    run, other = (
        {entry.split()[0] for entry in entries((ROOT / "requirements" / file).read_text("utf-8"))}
        for file in ("run.lock", name)
    )

    assert run - other == set()
