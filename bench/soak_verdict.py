"""What the soak came to: each promise with what was found, as a table, and whether all were kept."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import Final, TypeAlias

from bench.soak_people import LINES, MIXED, Crowd, Person, lags, unasked
from bench.soak_service import Replica, Sample

MEMORY: Final = 1.1
HANDLES: Final = 1.1
LAG: Final = 2.0
"""How much the last part of the steady time may take of what the first took."""

CACHES_MIB: Final = 96
"""What the caches of the three connections to an SQLite database may take together."""

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


def judge_lags(report: Report, crowd: Crowd, start: float, end: float) -> None:
    """Promise: choices arrive as fast at the end of the steady time as at its beginning."""
    found: list[tuple[float, float]] = []
    for person in crowd.people:
        if person.kind != MIXED:
            for line in LINES:
                found += lags(crowd.choices(person, line), crowd.effects(person, line))
    middle = (start + end) / 2
    early = [lag for at, lag in found if start <= at < middle]
    late = [lag for at, lag in found if middle <= at < end]
    if min(len(early), len(late)) < 20:
        report.promise("lag", "too few effects to tell", kept=False)
        return
    for name, a, b in (
        ("half of the choices arrive within", median(early), median(late)),
        ("95 of 100 arrive within", quantiles(early, n=20)[-1], quantiles(late, n=20)[-1]),
    ):
        flat = b <= max(a, _LAG_FLOOR_SECONDS) * LAG
        report.promise(f"{name}, late beside early", f"{b:.2f} s, {a:.2f} s", kept=flat)


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
    a, b = _handles(early), _handles(late)
    report.promise(
        f"open files of {replica.name}, late beside early",
        f"{b:.0f}, {a:.0f} ({b / a:.2f})",
        kept=b <= HANDLES * a,
    )


def _memory(samples: Sequence[Sample]) -> float:
    return median(one.resident_kib for one in samples) / 1024


def _handles(samples: Sequence[Sample]) -> float:
    return median(one.handles for one in samples)


def _named(found: Sequence[tuple[Person, str]]) -> str:
    return f"{len(found)}" + _some([f"{person.ouid} {line}" for person, line in found])


def _some(names: Sequence[str]) -> str:
    return f": {', '.join(names[:5])}" if names else ""
