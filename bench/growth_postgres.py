"""Growth on PostgreSQL: intake and claims with a million people who wait, beside few or nobody."""

import asyncio
from contextlib import ExitStack
from hashlib import blake2b
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory

from bench.effort import Effort
from bench.grown import wait
from bench.growth import KEPT, claims
from bench.intake import Stretches
from bench.load import Load
from bench.people import template
from bench.postgres import Server, running_server
from bench.processes import ROOT, child
from bench.ratios import Row, table
from consent_sync.adapters.clock import SystemClock
from consent_sync.adapters.storage.postgres.store import PostgresStore

_FEW = 100
"""The small backlog is this part of the large one."""


def measure(effort: Effort, folder: Path) -> str:
    """Run all comparisons in interleaved rounds and return the table.

    The databases are made once, in the folder `KEPT`, and found again by the next run.
    """
    people = 20_000 if effort.quick else 1_000_000
    effort.say(f"growth on PostgreSQL: {people:,} people wait; made once, which takes a while")
    rows = {
        "intake": Row(
            "intake, 64 connections, no turns, beside an empty database", unit="events/s"
        ),
        "claim": Row(f"one claim of 32, {people:,} waiting", 1.5, at_most=True, unit="µs"),
        "cpu": Row("its processor time in the program", unit="µs"),
        "open": Row("open the store and claim once", unit="s"),
        "memory": Row("highest memory of the program while claiming", unit="KiB"),
    }
    KEPT.mkdir(parents=True, exist_ok=True)
    with running_server(KEPT) as server, TemporaryDirectory(dir=folder) as inner:
        many, few = backlogs(server, people)
        grown = server.new(like=many)
        try:
            for number in range(effort.rounds):
                ours, theirs = _intake(effort, Path(inner), server, grown)
                rows["intake"].add(ours.per_second, theirs.per_second)
                for name in (many, few):
                    # What is claimed and given back would lie at the head of the line for good.
                    server.vacuum(server.url(name), "consent_sync.lane")
                # Each turn is claimed once and given back at the end: the few have to be enough.
                times, log = 4 if effort.quick else 200, Path(inner) / "claims.log"
                claims(server.url(many), server.url(few), rows, times, log)
                last = {name: f"{row.ratios[-1]:.2f}" for name, row in rows.items()}
                effort.say(f"growth on PostgreSQL, round {number + 1}: {last}")
        finally:
            server.drop(grown)
    return table(f"Growth on PostgreSQL: {people:,} people who wait", list(rows.values()))


def backlogs(server: Server, people: int) -> tuple[str, str]:
    """Return the names of databases in which so many wait, and a hundredth of them."""
    sql = sorted((ROOT / "consent_sync/adapters/storage/sql/postgres").glob("[0-9]*.sql"))
    layout = blake2b(b"".join(file.read_bytes() for file in sql), digest_size=4).hexdigest()

    def made(waiting: int) -> str:
        def fill(url: str) -> None:
            asyncio.run(wait(PostgresStore(url, SystemClock()), waiting))
            server.vacuum(url)

        name = f"waiting_{waiting}_{layout}"
        server.keep(name, fill)
        return name

    return made(people), made(people // _FEW)


def _intake(effort: Effort, folder: Path, server: Server, grown: str) -> tuple[Load, Load]:
    form, log, empty = folder / "event.json", folder / "servers.log", server.new()
    form.write_text(template(token_hex(4)), encoding="utf-8")
    with ExitStack() as stack:
        words = ["bench.servers", "real", "--url"]
        ours = stack.enter_context(child(*words, grown, log=log))
        theirs = stack.enter_context(child(*words, empty, log=log))
        loads = Stretches(64, form).both(ours, theirs, effort.seconds)[:2]
    server.drop(empty)
    return loads
