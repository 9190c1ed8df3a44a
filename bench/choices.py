"""A file of choices: a million rows read for a load, beside a bare loop over the same CSV."""

import asyncio
import csv
import resource
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.effort import Effort
from bench.ratios import Row, table
from consent_sync.adapters.choice_file import Reading, read_choices
from consent_sync.domain.consent import Node
from consent_sync.domain.mapping import Line, Mapping
from consent_sync.domain.moments import SECOND

ROWS = 1_000_000
QUICK = 50_000
PAGE = 100
"""As many as a load takes at once."""

_MAPPING = Mapping(
    name="brand-a",
    version="1",
    file="brand-a.yaml",
    contact="privacy@example.com",
    organization_id="acme",
    regulations=("gdpr",),
    entity="acme",
    table="Customers",
    key_attribute="customerId",
    lines=(Line("Newsletter", Node(channel="email")), Line("DailyDeals", Node("marketing"))),
)


def measure(effort: Effort, folder: Path) -> str:
    """Run the comparison and return the table."""
    speed = Row("rows a second", unit="rows/s")
    memory = Row(
        "most memory after the last quarter beside the first", 1.1, at_most=True, unit="MiB"
    )
    rows = QUICK if effort.quick else ROWS
    with TemporaryDirectory(dir=folder) as inner:
        path = Path(inner) / "choices.csv"
        _write(path, rows)
        for number in range(1 if effort.quick else min(2, effort.rounds)):
            ours, first, last = asyncio.run(_ours(path, rows))
            speed.add(rows / ours, rows / _bare(path))
            memory.add(last, first)
            effort.say(f"choices, round {number + 1}: {speed.ratios[-1]:.2f}")
    return table(f"Reading a file of {rows:,} choices", [speed, memory])


def _write(path: Path, rows: int) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write("person;Newsletter;DailyDeals;time\n")
        for number in range(rows):
            file.write(f"p{number:09}@example.com;no;yes;2025-03-01T10:{number % 60:02}:00Z\n")


async def _ours(path: Path, rows: int) -> tuple[float, float, float]:
    """Return the seconds, and the most memory so far after a quarter and at the end, in MiB."""
    began = time.perf_counter()
    file = await read_choices(path, _MAPPING, Reading(round(time.time() * SECOND)))
    after = found = 0
    quarter = 0.0
    while page := await file.rows(after, PAGE):
        after, found = page[-1].number, found + len(page)
        quarter = quarter or (_most() if found >= rows // 4 else 0.0)
    assert found == rows
    return time.perf_counter() - began, quarter, _most()


def _bare(path: Path) -> float:
    """Return the seconds of a loop that reads the rows and does nothing with them."""
    began = time.perf_counter()
    with path.open(encoding="utf-8", newline="") as file:
        for _ in csv.reader(file, delimiter=";"):
            pass
    return time.perf_counter() - began


def _most() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
