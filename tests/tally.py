"""Counts what the generated histories did; as a pytest plugin it tells and keeps the sums.

`python -m pytest -p tests.tally` prints them at the end. A file named by TALLY_FILE keeps them as
JSON, for whoever adds up several runs.
"""

import json
import os
from collections import Counter
from pathlib import Path

import pytest

TALLY: Counter[str] = Counter()
"""Steps played, promises checked and histories excused in this process."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell what was counted."""
    for name, count in sorted(TALLY.items()):
        terminalreporter.write_line(f"{count:>9} {name}")


def pytest_sessionfinish() -> None:
    """Keep what was counted."""
    if path := os.environ.get("TALLY_FILE"):
        Path(path).write_text(json.dumps(TALLY), encoding="utf-8")
