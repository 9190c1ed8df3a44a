"""Growth: intake, turns and claims with a million people stored, beside an empty database."""

import os
from contextlib import ExitStack
from pathlib import Path
from secrets import token_hex
from shutil import copyfile
from tempfile import TemporaryDirectory, gettempdir

from bench.effort import Effort
from bench.grown import make
from bench.intake import Stretches
from bench.load import Load
from bench.people import template
from bench.platforms import actito
from bench.processes import child, told
from bench.ratios import Row, table

KEPT = Path(gettempdir()) / "consent-sync-bench"
"""Where the databases are."""

_CACHE_KIB = 96 * 1024
"""What the caches of the store's three connections may take together."""


def measure(effort: Effort, folder: Path) -> str:
    """Run all comparisons in interleaved rounds and return the table.

    The databases are made once, in the folder `KEPT`, and found again by the next run.
    """
    people = 20_000 if effort.quick else 1_000_000
    effort.say(f"growth: databases with {people:,} people; made once, which takes a while")
    files = make(KEPT, people)
    rows = {
        "intake": Row("intake, 64 connections, no turns", 0.9, unit="events/s"),
        "turns": Row("turns, Actito answers at once, 64 at a time", 0.9, unit="people/s"),
        "claim": Row(f"one claim of 32, {people:,} waiting", 1.5, at_most=True, unit="µs"),
        "cpu": Row("its processor time", unit="µs"),
        "open": Row("open the store and claim once", unit="s"),
        "memory": Row("highest memory while claiming", unit="KiB"),
    }
    with TemporaryDirectory(dir=folder) as inner:
        for_intake, for_turns = _copies(files.grown, Path(inner))
        for number in range(effort.rounds):
            ours, theirs = _intake(effort, Path(inner), for_intake)
            rows["intake"].add(ours.per_second, theirs.per_second)
            rows["turns"].add(*_turns(effort, Path(inner), for_turns))
            times, log = 4 if effort.quick else 300, Path(inner) / "claims.log"
            claims(str(files.backlog), str(files.small), rows, times, log)
            last = {name: f"{row.ratios[-1]:.2f}" for name, row in rows.items()}
            effort.say(f"growth, round {number + 1}: {last}")
    title = f"Growth: {people:,} people and {5 * people:,} ledger entries, beside nothing"
    return table(title, list(rows.values()), [_memory(rows["memory"])])


def _copies(grown: Path, folder: Path) -> tuple[Path, Path]:
    """Copy the grown database twice: intake and turns both change theirs."""
    copies = folder / "for-intake.db", folder / "for-turns.db"
    for copy in copies:
        copyfile(grown, copy)
    # Gigabytes on their way to the disk would be paid for by the first commits that are measured.
    os.sync()
    return copies


def _intake(effort: Effort, folder: Path, grown: Path) -> tuple[Load, Load]:
    run = token_hex(4)
    with TemporaryDirectory(dir=folder) as inner, ExitStack() as stack:
        here = Path(inner)
        form = here / "event.json"
        form.write_text(template(run), encoding="utf-8")
        log = here / "servers.log"
        words = ["bench.servers", "real", "--database"]
        ours = stack.enter_context(child(*words, str(grown), log=log))
        theirs = stack.enter_context(child(*words, str(here / "empty.db"), log=log))
        return Stretches(64, form).both(ours, theirs, effort.seconds)[:2]


def _turns(effort: Effort, folder: Path, grown: Path) -> tuple[float, float]:
    run, people = token_hex(4), effort.people
    with TemporaryDirectory(dir=folder) as inner:
        here = Path(inner)
        rates = []
        with actito(here, run, people=2 * people) as url:
            for first, database in ((0, grown), (people, here / "empty.db")):
                words = [f"--actito={url}", f"--run={run}", f"--people={people}"]
                words += ["--concurrency=64", f"--database={database}", f"--first={first}"]
                took = told("bench.drains", "ours", *words, log=here / "drain.log")
                rates.append(people / took["seconds"])
    return rates[0], rates[1]


def claims(many: str, few: str, rows: dict[str, Row], times: int, log: Path) -> None:
    """Claim so often from both databases, and add what that took to the rows of these names."""
    ours, theirs = (
        told("bench.claims", database, f"--times={times}", log=log) for database in (many, few)
    )
    for name, key in (
        ("claim", "micros"),
        ("cpu", "cpu"),
        ("open", "open_seconds"),
        ("memory", "kib"),
    ):
        rows[name].add(ours[key], theirs[key])


def _memory(row: Row) -> str:
    most, least = max(row.ours), min(row.theirs)
    return (
        f"Memory: {(most - least) / 1024:.0f} MiB more with a hundred times the backlog; "
        f"the caches of the store may take {_CACHE_KIB / 1024:.0f} MiB, and nothing else may grow."
    )
