"""Turns: people brought from stored event to written profile, beside a bare client loop."""

from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from typing import Any
from urllib.request import urlopen

import orjson

from bench.effort import Effort
from bench.platforms import actito
from bench.processes import told
from bench.ratios import Row, table


@dataclass(frozen=True, slots=True)
class Case:
    """How long the simulated Actito takes to answer, and how many calls are under way at once.

    With `uvloop` both sides run on it, as the program does where it is installed.
    """

    name: str
    latency_ms: int
    concurrency: int
    goal: float | None
    uvloop: bool = False


CASES = (
    Case("opt-outs, Actito answers at once, 64 at a time", 0, 64, 0.5),
    Case("opt-outs, Actito answers after 20 ms, 32 at a time", 20, 32, 0.92),
    Case("opt-outs, Actito answers after 20 ms, 64 at a time", 20, 64, None),
    Case("opt-outs, Actito answers at once, 64 at a time, uvloop", 0, 64, None, uvloop=True),
    Case("opt-outs, Actito answers after 20 ms, 32 at a time, uvloop", 20, 32, None, uvloop=True),
)


def measure(effort: Effort, folder: Path) -> str:
    """Run all cases in interleaved rounds and return the table."""
    rates = {case: Row(case.name, case.goal, unit="people/s") for case in CASES}
    costs = {case: Row(f"per CPU second, {case.name}", unit="people") for case in CASES}
    for number in range(effort.rounds):
        for case in CASES:
            ours, theirs = compare(case, effort, folder, ours_first=number % 2 == 0)
            people = effort.people
            rates[case].add(people / ours["seconds"], people / theirs["seconds"])
            costs[case].add(people / ours["cpu"], people / theirs["cpu"])
            last = f"{rates[case].ratios[-1]:.2f} {costs[case].ratios[-1]:.2f}"
            effort.say(f"turns, round {number + 1}: {case.name}: {last}")
    return table("Turns", [*rates.values(), *costs.values()])


def compare(
    case: Case, effort: Effort, folder: Path, *, ours_first: bool
) -> tuple[dict[str, float], dict[str, float]]:
    """Bring as many people's opt-outs to one simulated Actito by turns and by the bare loop.

    Raises RuntimeError when a profile is still subscribed, or when there was a call too many.
    """
    run, people = token_hex(4), effort.people
    with TemporaryDirectory(dir=folder) as inner:
        here = Path(inner)
        with actito(here, run, people=2 * people, latency_ms=case.latency_ms) as url:
            words = [f"--actito={url}", f"--run={run}", f"--people={people}"]
            words += [f"--concurrency={case.concurrency}", f"--database={here / 'bench.db'}"]
            words += ["--uvloop"] if case.uvloop else []
            took: dict[str, dict[str, float]] = {}
            for kind in ("ours", "bare") if ours_first else ("bare", "ours"):
                first = 0 if kind == "ours" else people
                log = here / "drain.log"
                took[kind] = told("bench.drains", kind, *words, f"--first={first}", log=log)
            check_written(url, 2 * people)
    return took["ours"], took["bare"]


def check_written(url: str, people: int) -> None:
    """Raise RuntimeError when a profile is still subscribed, or when there was a call too many."""
    profiles = _asked(f"{url}/_control/profiles?limit={people}")["profiles"]
    refused = sum(1 for each in profiles if each["subscriptions"] == {"Newsletter": False})
    calls: dict[str, int] = _asked(f"{url}/_control/status")["calls"]
    writes = calls.pop("profiles.put", 0)
    others = sum(count for name, count in calls.items() if name != "token")
    if refused != people or writes != people or others:
        raise RuntimeError(f"{people} opt-outs: {refused} written, {writes} writes, {calls} beside")


def _asked(url: str) -> Any:
    with urlopen(url) as answer:  # noqa: S310 - the simulator's own address
        return orjson.loads(answer.read())
