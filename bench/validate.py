"""Validation: 200 mapping files of 100 lines in one run, beside the YAML library that only reads them."""

import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from ruamel.yaml import YAML

from bench.effort import Effort
from bench.processes import ROOT
from bench.ratios import Row, table

FILES = 200
LINES = 100
START_SECONDS = 0.5
"""What the whole run may take beside the reading: a process starts, its answer is printed."""

_HEAD = """\
# yaml-language-server: $schema=mapping.schema.json
name: brand-{number}
contact: privacy@example.com   # who answers for this file
didomi:
  organization_id: acme
  regulations: [gdpr]
actito:
  entity_id: acme
  table_name: Table{number}
  user_unique_key: customerId
attributes: {{allow: [brand, tier], rename: {{tier: loyaltyTier}}}}
identity: {{normalise: lower}}
mappings:
"""
_LINE = """\
  - id: Subscription {place}
    value: {{purpose: purpose-{place}, preference: topics, option: option-{place}}}
    sync: two-way-strict
"""


def measure(effort: Effort, folder: Path) -> str:
    """Run the comparison and return the table."""
    row = Row("one run of `validate`, less 0.5 s", 1.5, at_most=True, unit="s")
    with TemporaryDirectory(dir=folder) as inner:
        files = _files(Path(inner))
        for number in range(effort.rounds):
            row.add(_validated(Path(inner)) - START_SECONDS, _read(files))
            effort.say(f"validate, round {number + 1}: {row.ratios[-1]:.2f}")
    return table(f"Validation: {FILES} files of {LINES} lines", [row])


def _files(folder: Path) -> list[Path]:
    made = []
    for number in range(FILES):
        text = _HEAD.format(number=number)
        text += "".join(_LINE.format(place=place) for place in range(LINES))
        lines = text.splitlines(keepends=True)
        # As many whole lines of the mapping as fit: each is three lines of text.
        whole = len(_HEAD.splitlines()) + 3 * ((LINES - len(_HEAD.splitlines())) // 3)
        path = folder / f"brand-{number}.yaml"
        path.write_text("".join(lines[:whole]), encoding="utf-8")
        made.append(path)
    return made


def _validated(folder: Path) -> float:
    """Return the seconds of a whole run, from the start of the process to its end."""
    words = [sys.executable, "-m", "consent_sync", "validate", str(folder), "--json"]
    began = time.perf_counter()
    done = subprocess.run(words, cwd=ROOT, capture_output=True, check=False)
    took = time.perf_counter() - began
    assert done.returncode == 0, done.stdout[-2_000:]
    return took


def _read(files: list[Path]) -> float:
    """Return the seconds in which the library, already loaded, reads the files and no more."""
    began = time.perf_counter()
    for path in files:
        YAML(typ="safe", pure=True).load(path.read_bytes())
    return time.perf_counter() - began
