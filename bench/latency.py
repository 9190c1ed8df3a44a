"""Latency of opt-outs, webhook to confirmed, at shares of the capacity measured just before."""

import json
import statistics
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

from bench.effort import Effort
from bench.latency_load import KINDS, kind_of
from bench.postgres import Server, running_server
from bench.processes import Child, child
from bench.ratios import plain_table
from consent_sync.app.application import Duty

SHARES: Final = (0.1, 0.5, 0.9)
OVERLOAD: Final = 1.2
_AT_ONCE: Final = 128
_WARM: Final = 300


@dataclass(frozen=True, slots=True)
class System:
    """A store, and what each of the processes does that share it."""

    name: str
    postgres: bool = False
    duties: tuple[Duty, ...] = (Duty.ALL,)


SYSTEMS: Final = (
    System("SQLite"),
    System("PostgreSQL", postgres=True),
    System("PostgreSQL, 2 replicas", True, (Duty.ALL, Duty.ALL)),
    System("PostgreSQL, intake and turns apart", True, (Duty.INTAKE, Duty.TURNS)),
)


class Change(NamedTuple):
    """One change of one person; moments in seconds since 1970, of which None never came."""

    number: int
    scheduled: float
    answered: float
    written: float
    confirmed: float | None = None


@dataclass(slots=True)
class Found:
    """What all rounds brought to light about one system."""

    rates: list[float] = field(default_factory=list)
    ours: dict[float, list[Change]] = field(default_factory=dict)
    theirs: dict[float, list[Change]] = field(default_factory=dict)


def measure(effort: Effort, folder: Path) -> str:
    """Run all systems in interleaved rounds and return the tables."""
    found = {system: Found() for system in SYSTEMS}
    with TemporaryDirectory(dir=folder) as inner, running_server(Path(inner)) as server:
        for number in range(effort.rounds):
            for system in SYSTEMS:
                look(system, effort, Path(inner), server, found[system])
                told = f"capacity {found[system].rates[-1]:.0f} changes/s"
                effort.say(f"latency, round {number + 1}: {system.name}: {told}")
    return "\n".join((_shares(found), _overload(found)))


def look(system: System, effort: Effort, folder: Path, server: Server, found: Found) -> None:
    """Find the capacity of a fresh system, then load it and the inline program with shares of it.

    Raises RuntimeError when an opt-out that was answered with success was never confirmed.
    """
    seconds, run = 1 + effort.seconds, token_hex(4)
    with TemporaryDirectory(dir=folder) as name:
        here, ours = Path(name), dict[float, list[Change]]()
        with child("bench.latency_load", f"--run={run}", log=here / "load.log") as load:
            with _servers(system, load.said["url"], here, server) as urls:
                _ask(load, do="connect", hooks=urls[::-1])
                closed = {"do": "closed", "urls": urls, "status": urls[0], "at_once": _AT_ONCE}
                _ask(load, **closed, changes=_WARM)
                changes = 800 * effort.seconds
                rate = changes / _ask(load, **closed, changes=changes)["seconds"]
                for share in (*SHARES, OVERLOAD):
                    ours[share] = _open(load, urls, urls[0], share * rate, seconds)
            confirmed = _confirmations(here)
            words = [f"--actito={load.said['url']}", f"--run={run}"]
            with child("bench.latency_server", "inline", *words, log=here / "inline.log") as inline:
                url = inline.said["url"]
                _ask(load, do="connect", hooks=[url])
                _open(load, [url], "", 100, 1)
                for share in SHARES:
                    theirs = _open(load, [url], "", share * rate, seconds)
                    found.theirs.setdefault(share, []).extend(theirs)
    found.rates.append(rate)
    for share, changes in ours.items():
        told = [one._replace(confirmed=confirmed.get(one.number)) for one in changes]
        if any(one.confirmed is None and kind_of(one.number) == KINDS[0] for one in told):
            raise RuntimeError(f"{system.name}: an opt-out was answered and never confirmed")
        found.ours.setdefault(share, []).extend(told)


@contextmanager
def _servers(system: System, actito: str, here: Path, server: Server) -> Iterator[list[str]]:
    """Run the processes of a system, which note what they confirmed; yield those with a door."""
    words = [f"--actito={actito}", f"--folder={here}"]
    words += [f"--url={server.new()}"] if system.postgres else []
    words += ["--any-core"] if len(system.duties) > 1 else []
    urls = []
    with ExitStack() as stack:
        for number, duty in enumerate(system.duties):
            own = [f"--duty={duty.name}", f"--notes={here / f'{number}.notes'}"]
            log = here / "servers.log"
            one = stack.enter_context(child("bench.latency_server", "real", *words, *own, log=log))
            urls += [one.said["url"]] if duty is not Duty.TURNS else []
        yield urls


def _confirmations(here: Path) -> dict[int, float]:
    """Return when each person was confirmed first, by all replicas."""
    found: dict[int, float] = {}
    for notes in here.glob("*.notes"):
        for number, at in json.loads(notes.read_text(encoding="utf-8")):
            found[number] = min(at, found.get(number, at))
    return found


def _open(
    load: Child, urls: Sequence[str], status: str, rate: float, seconds: float
) -> list[Change]:
    order = {"do": "open", "urls": urls, "status": status, "rate": rate, "seconds": seconds}
    return [Change(*one) for one in _ask(load, **order)["changes"]]


def _ask(load: Child, **order: Any) -> dict[str, Any]:
    """Give an order to the load and return its answer; raise RuntimeError when it ended."""
    load.say(json.dumps(order))
    assert load.process.stdout is not None
    line = load.process.stdout.readline()
    if not line:
        raise RuntimeError("the load ended; its log says why")
    answer: dict[str, Any] = json.loads(line)
    return answer


# --- tables ---------------------------------------------------------------------------------------


def _shares(found: dict[System, Found]) -> str:
    rows = []
    for system, one in found.items():
        for share in SHARES:
            ours = [each for each in one.ours[share] if kind_of(each.number) == KINDS[0]]
            theirs = [each for each in one.theirs[share] if kind_of(each.number) == KINDS[0]]
            written, inline = _written(ours), _written(theirs)
            rate = statistics.median(one.rates) * share
            rows.append(
                [
                    system.name,
                    f"{share:.0%} = {rate:,.0f}/s",
                    _quantiles([each.answered - each.scheduled for each in ours]),
                    _quantiles(written),
                    _quantiles([(each.confirmed or 0) - each.scheduled for each in ours]),
                    _quantiles(inline),
                    _quantiles([each.answered - each.scheduled for each in theirs]),
                    f"{_p(written, 50) / _p(inline, 50):.2f}, {_p(written, 99) / _p(inline, 99):.2f}",
                    f"{len(ours):,}",
                ]
            )
    heads = ("store", "share of the capacity", "answered", "in Actito's books", "confirmed")
    heads += ("inline: in the books", "inline: answered", "ours / inline, in the books", "opt-outs")
    return plain_table("Latency of opt-outs from the webhook on, p50 and p99 in ms", heads, rows)


def _overload(found: dict[System, Found]) -> str:
    rows = []
    for system, one in found.items():
        lines = [
            _quantiles(
                _written([each for each in one.ours[OVERLOAD] if kind_of(each.number) == kind])
            )
            for kind in KINDS
        ]
        rows.append([system.name, f"{statistics.median(one.rates):,.0f}/s", *lines])
    heads = ("store", "capacity", *(f"{kind}s" for kind in KINDS))
    title = f"At {OVERLOAD:.0%} of the capacity: until written, p50 and p99 in ms"
    return plain_table(title, heads, rows)


def _written(changes: Sequence[Change]) -> list[float]:
    return [one.written - one.scheduled for one in changes]


def _quantiles(seconds: Sequence[float]) -> str:
    return f"{_p(seconds, 50) * 1e3:,.1f}, {_p(seconds, 99) * 1e3:,.1f}"


def _p(seconds: Sequence[float], percent: int) -> float:
    return statistics.quantiles(seconds, n=100)[percent - 1]
