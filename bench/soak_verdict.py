"""What the soak came to: each promise with what was found, as a table, and whether all were kept."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import Final, TypeAlias

from bench.soak_handles import CALLERS
from bench.soak_people import LINES, MIXED, Crowd, Person, lags, unasked
from bench.soak_service import Replica, Sample

MEMORY: Final = 1.1
HANDLES: Final = 1.1
LAG: Final = 2.0
"""How much the last part of the steady time may take of what the first took."""

_FEW_HANDLES: Final = 2
"""So many more of a kind are no growth yet."""

CACHES_MIB: Final = 96
"""What the caches of the three connections to an SQLite database may take together."""

_RECOVERED_SECONDS: Final = 10.0
"""How long after an outage choices may still wait behind those that it held up."""

_LAG_FLOOR_SECONDS: Final = 0.25
"""Lags below this are not told apart: the machine is shared with everything that is simulated."""


Lines: TypeAlias = Sequence[tuple[Person, str]]


@dataclass(slots=True)
class Report:
    """Lines of a table; `kept` turns false with the first promise that was not kept."""

    kept: bool = True
    lines: list[str] = field(default_factory=list)

    def promise(self, what: str, found: str, *, kept: bool) -> None:
        """Add what was promised and what was found."""
        self.lines.append(f"| {what} | {found} | {'yes' if kept else '**no**'} |")
        self.kept = self.kept and kept

    def told(self, what: str, found: str) -> None:
        """Add what was only counted."""
        self.lines.append(f"| {what} | {found} | |")

    def text(self) -> str:
        """Return the table."""
        return "\n".join(("| what | found | kept |", "| --- | --- | --- |", *self.lines))


@dataclass(frozen=True, slots=True)
class Ends:
    """Who does not hold their newest choice on both sides: refusals that were lost, and agreements.

    `apart` are those whose sides differ.
    """

    refusals: tuple[tuple[Person, str], ...]
    agreements: tuple[tuple[Person, str], ...]
    apart: tuple[tuple[Person, str], ...]


def ends(crowd: Crowd) -> Ends:
    """Compare what both sides hold with the newest choice of everybody."""
    refusals: list[tuple[Person, str]] = []
    agreements: list[tuple[Person, str]] = []
    apart: list[tuple[Person, str]] = []
    for (person, line), clicks in crowd.clicks.items():
        wanted, held = clicks[-1].choice, crowd.held(person, line)
        if held[0] is not held[1]:
            apart.append((person, line))
        if held != (wanted, wanted):
            (agreements if wanted else refusals).append((person, line))
    return Ends(tuple(refusals), tuple(agreements), tuple(apart))


def judge_effects(report: Report, crowd: Crowd) -> list[tuple[Person, str]]:
    """Promise: every choice takes effect at most once on the other side; return where one did not."""
    effects: int = 0
    found: list[tuple[Person, str]] = []
    for person in crowd.people:
        if person.kind == MIXED:
            continue
        for line in LINES:
            seen = crowd.effects(person, line)
            effects += len(seen)
            found += [(person, line) for _ in unasked(crowd.choices(person, line), seen)]
    report.promise(
        f"effects without a choice of their own, of {effects:,}", _named(found), kept=not found
    )
    return found


def judge_ends(
    report: Report, swept: Ends, last: Ends, lowered: Lines, held: Sequence[int]
) -> None:
    """Promise: in the end both sides hold everybody's newest choice, or a doubt is told.

    `lowered` are agreements of which the program says so, `held` how many waited for a word after
    the sweep and after each round of approving all.
    """
    report.promise(
        "newest refusals that do not stand", _named(last.refusals), kept=not last.refusals
    )
    lost = [one for one in last.agreements if one not in lowered]
    report.promise("newest agreements lost without a word", _named(lost), kept=not lost)
    apart = [one for one in last.apart if one not in lowered]
    report.promise("people whose sides differ without a word", _named(apart), kept=not apart)
    report.told("newest agreements lowered or held, and told so", _named(lowered))
    rounds = ", ".join(map(str, held))
    report.told("held after the sweep, and after each approval of all", rounds)
    report.told("agreements not carried over after the sweep", str(len(swept.agreements)))


def judge_lags(
    report: Report, crowd: Crowd, away: Sequence[tuple[float, float]], start: float, end: float
) -> None:
    """Promise: choices arrive as fast at the end of the steady time as at its beginning.

    Those that had to wait for a platform that was `away` are told apart: how long it was is chance.
    """
    usual: list[tuple[float, float]] = []
    waited: list[float] = []
    for at, lag in _all_lags(crowd):
        if not start <= at < end:
            continue
        if any(since < at and at - lag < until + _RECOVERED_SECONDS for since, until in away):
            waited.append(lag)
        else:
            usual.append((at, lag))
    middle = (start + end) / 2
    early = [lag for at, lag in usual if at < middle]
    late = [lag for at, lag in usual if at >= middle]
    if min(len(early), len(late)) < 20:
        report.promise("lag", "too few effects to tell", kept=False)
        return
    for name, a, b in (
        ("half of the choices arrive within", median(early), median(late)),
        ("95 of 100 arrive within", quantiles(early, n=20)[-1], quantiles(late, n=20)[-1]),
    ):
        flat = b <= max(a, _LAG_FLOOR_SECONDS) * LAG
        report.promise(f"{name}, late beside early", f"{b:.2f} s, {a:.2f} s", kept=flat)
    if len(waited) > 20:
        words = f"{len(waited):,}, {median(waited):.1f} s, {quantiles(waited, n=20)[-1]:.1f} s"
        report.told("choices around an outage: how many, half and 95 of 100 within", words)


def _all_lags(crowd: Crowd) -> Iterator[tuple[float, float]]:
    for person in crowd.people:
        if person.kind != MIXED:
            for line in LINES:
                yield from lags(crowd.choices(person, line), crowd.effects(person, line))


def judge_samples(report: Report, replica: Replica, start: float, end: float) -> None:
    """Promise: memory and open files of the life that nothing ended stay flat.

    SQLite's caches fill with the database until they are full; more than that may not come.
    """
    steady = [one for one in replica.samples if start <= one.at < end]
    part = len(steady) // 6
    if part < 3:
        report.promise(f"memory of {replica.name}", "too few samples", kept=False)
        return
    early, late = steady[part : 2 * part], steady[-part:]
    life = [one for one in replica.samples if one.life == steady[0].life]
    caches = CACHES_MIB if replica.variables["DATABASE_URL"].startswith("sqlite") else 0
    most = max(_memory(early), _memory(life[:1]) + caches)
    a, b = _memory(early), _memory(late)
    report.promise(
        f"memory of {replica.name}, late beside early, with {caches} MiB for SQLite's caches",
        f"{b:.0f}, {a:.0f} MiB ({b / a:.2f})",
        kept=b <= MEMORY * most,
    )
    _judge_handles(report, replica.name, early, late)


def _judge_handles(
    report: Report, name: str, early: Sequence[Sample], late: Sequence[Sample]
) -> None:
    """Promise: nothing stays open that is needed no more.

    How many sockets are busy at a moment is chance, so the moments count at which there were fewest.
    Those that callers keep open are only told: what they have left is counted apart.
    """
    kinds = sorted({kind for one in (*early, *late) for kind in one.handles})
    for kind in kinds:
        a, b = ([one.handles[kind] for one in part] for part in (early, late))
        what = f"{kind} of {name} at the quietest, late beside early"
        words = f"{min(b)}, {min(a)} (at the most {max(b)}, {max(a)})"
        if kind == CALLERS:
            report.told(what, words)
        else:
            flat = min(b) <= max(HANDLES * min(a), min(a) + _FEW_HANDLES)
            report.promise(what, words, kept=flat)


def _memory(samples: Sequence[Sample]) -> float:
    return median(one.resident_kib for one in samples) / 1024


def _named(found: Sequence[tuple[Person, str]]) -> str:
    return f"{len(found)}" + _some([f"{person.ouid} {line}" for person, line in found])


def _some(names: Sequence[str]) -> str:
    return f": {', '.join(names[:5])}" if names else ""
