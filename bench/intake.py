"""Intake: accepted Didomi events per second, beside a server that only parses and validates."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory

import apsw

from bench.effort import Effort
from bench.load import Load, post
from bench.people import template
from bench.platforms import actito
from bench.processes import Child, child
from bench.ratios import Row, table
from bench.servers import PATH

_STRETCH = 10_000_000
"""Each stretch of load numbers its people from a multiple of this."""


@dataclass(frozen=True, slots=True)
class Case:
    """How intake is measured: connections, whether turns are taken meanwhile, and the store."""

    name: str
    connections: int = 64
    turns: str = ""
    slow_commit: float = 0.0
    uvloop: bool = False
    beside: str = "bare"
    goal: float | None = None
    goal_p99: float | None = None

    def words(self, database: Path, actito_url: str) -> list[str]:
        """Return the arguments of the real server."""
        words = ["real", "--database", str(database), *(["--uvloop"] if self.uvloop else [])]
        if self.turns:
            words += ["--actito", actito_url]
        if self.turns == "flat out":
            words += ["--pace", "0"]
        return [*words, "--slow-commit", str(self.slow_commit)]

    def beside_words(self, database: Path) -> list[str]:
        """Return the arguments of the server beside it."""
        return [self.beside, "--database", str(database), *(["--uvloop"] if self.uvloop else [])]


CASES = (
    Case("64 connections, turns at the default pace", turns="paced", goal=0.75, goal_p99=2.5),
    Case(
        "the same, beside the full event model",
        turns="paced",
        beside="full",
        goal=0.75,
        goal_p99=2.5,
    ),
    Case("the same, beside itself storing nothing", turns="paced", beside="same", goal=0.75),
    Case("64 connections, no turns"),
    Case("64 connections, turns flat out", turns="flat out"),
    Case("64 connections, no turns, uvloop on both sides", uvloop=True),
    Case("256 connections, 5 ms added to every commit", 256, "paced", 0.005, goal=0.75),
    Case(
        "256 connections, 5 ms added, beside the full event model",
        256,
        "paced",
        0.005,
        beside="full",
        goal=0.75,
    ),
    Case("256 connections", 256, "paced"),
)


def measure(effort: Effort, folder: Path) -> str:
    """Run all cases in interleaved rounds and return the table."""
    rates = {case: Row(case.name, case.goal, unit="events/s") for case in CASES}
    costs = {case: Row(f"per CPU second, {case.name}", unit="events") for case in CASES}
    tails = {case: Row(f"p99, {case.name}", case.goal_p99, True, "ms") for case in CASES}
    for number in range(effort.rounds):
        for case in CASES:
            ours, theirs = compare(case, effort, folder)
            rates[case].add(ours.per_second, theirs.per_second)
            costs[case].add(ours.per_cpu_second, theirs.per_cpu_second)
            tails[case].add(ours.p99, theirs.p99)
            last = [f"{row[case].ratios[-1]:.2f}" for row in (rates, costs, tails)]
            effort.say(f"intake, round {number + 1}: {case.name}: {' '.join(last)}")
    return table("Intake", [*rates.values(), *costs.values(), *tails.values()])


def compare(case: Case, effort: Effort, folder: Path) -> tuple[Load, Load]:
    """Put one fresh real and one fresh bare server under load in turn: ours, theirs, theirs, ours.

    While one is under load the other is frozen. The real server ends by a kill; raises
    RuntimeError when an event that was answered with success is then not in the database.
    """
    run = token_hex(4)
    with TemporaryDirectory(dir=folder) as inner, ExitStack() as stack:
        here = Path(inner)
        form = here / "event.json"
        form.write_text(template(run), encoding="utf-8")
        actito_url = ""
        if case.turns:
            people = 60_000 if case.turns == "flat out" else 100
            actito_url = stack.enter_context(actito(here, run, people=people, first=_STRETCH))
        database, log = here / "bench.db", here / "servers.log"
        words = case.words(database, actito_url)
        ours = stack.enter_context(child("bench.servers", *words, log=log))
        other_words = case.beside_words(here / "other.db")
        theirs = stack.enter_context(child("bench.servers", *other_words, log=log))
        stretches = Stretches(case.connections, form)
        mine, other, warm = stretches.both(ours, theirs, effort.seconds)
        ours.kill()
        _check(database, warm.requests + mine.requests)
    return mine, other


class Stretches:
    """Stretches of load one after the other, each with people of its own."""

    def __init__(self, connections: int, form: Path) -> None:
        self._connections = connections
        self._form = form
        self._first = 0

    def post(self, server: Child, other: Child, seconds: int) -> Load:
        """Load one server while the other one is frozen."""
        self._first += _STRETCH
        with other.frozen():
            return post(
                server,
                self._form,
                self._first,
                connections=self._connections,
                seconds=seconds,
                path=PATH,
            )

    def both(self, ours: Child, theirs: Child, seconds: int) -> tuple[Load, Load, Load]:
        """Load both, in turn and twice, after a second to warm up; return that of ours last."""
        warm, _ = self.post(ours, theirs, 1), self.post(theirs, ours, 1)
        order = (ours, theirs, theirs, ours)
        loads = [self.post(one, theirs if one is ours else ours, seconds) for one in order]
        return joined(loads[0], loads[3]), joined(loads[1], loads[2]), warm


def joined(one: Load, other: Load) -> Load:
    """Return two stretches as one; percentiles are averaged."""
    return Load(
        one.requests + other.requests,
        one.seconds + other.seconds,
        (one.p50 + other.p50) / 2,
        (one.p99 + other.p99) / 2,
        one.cpu + other.cpu,
    )


def _check(database: Path, answered: int) -> None:
    connection = apsw.Connection(str(database))
    stored = connection.execute("SELECT count(*) FROM event").get
    connection.close()
    if stored < answered:
        raise RuntimeError(f"{answered} events were answered with success, {stored} are stored")
