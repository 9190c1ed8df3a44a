"""Comparing everybody: whom it finds, how fast beside a bare loop, and whether its memory stays flat."""

from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from typing import Any

from bench.both import both, drifted
from bench.effort import Effort
from bench.people import ouid
from bench.processes import told
from bench.ratios import Row, table

PEOPLE = 100_000
DRIFT = 10_000
"""One person in so many differs."""


def measure(effort: Effort, folder: Path) -> str:
    """Compare 100,000 people, a tenth of that for a quick look; return the table."""
    people = PEOPLE // 10 if effort.quick else PEOPLE
    rate = Row(f"audit of {people:,} people", 0.5, unit="people/s")
    cost = Row("per CPU second", unit="people")
    memory = Row("memory late beside early", 1.1, at_most=True, unit="MiB")
    for number in range(min(effort.rounds, 3)):
        ours, theirs = compare(people, folder, ours_first=number % 2 == 0)
        rate.add(people / ours["seconds"], people / theirs["seconds"])
        cost.add(people / ours["cpu"], people / theirs["cpu"])
        memory.add(ours["late_kib"] / 1024, ours["early_kib"] / 1024)
        effort.say(f"audit, round {number + 1}: {rate.ratios[-1]:.2f} {memory.ratios[-1]:.2f}")
    return table("Audit", [rate, cost, memory])


def compare(
    people: int, folder: Path, *, ours_first: bool
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read everybody by the audit and by the bare loop.

    Raises RuntimeError when somebody was left out, or when the audit did not find exactly those
    who differ.
    """
    run, drift = token_hex(4), max(1, people // DRIFT)
    with TemporaryDirectory(dir=folder) as inner:
        here = Path(inner)
        with both(here, run, people=people, drift=drift) as (didomi, actito):
            words = [f"--didomi={didomi}", f"--actito={actito}", f"--run={run}"]
            words += [f"--people={people}", f"--database={here / 'bench.db'}"]
            took = {
                kind: told("bench.audits", kind, *words, log=here / "audits.log")
                for kind in (("ours", "bare") if ours_first else ("bare", "ours"))
            }
    seeded = [ouid(run, number) for number in drifted(people, drift)]
    if took["ours"]["found"] != seeded:
        raise RuntimeError(f"{len(took['ours']['found'])} found, {len(seeded)} seeded")
    if {one["compared"] for one in took.values()} != {people}:
        raise RuntimeError("somebody was left out")
    return took["ours"], took["bare"]
