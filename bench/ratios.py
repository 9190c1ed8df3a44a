"""Ratios of two things measured in the same round: median, spread, goal, and tables of them."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Row:
    """One line of a table: a ratio per round, and the goal for their median.

    `ours` and `theirs` are what was divided, in `unit`, kept for orientation only.
    """

    name: str
    goal: float | None = None
    at_most: bool = False
    unit: str = ""
    ours: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)

    def add(self, ours: float, theirs: float) -> None:
        """Add one round."""
        self.ours.append(ours)
        self.theirs.append(theirs)

    @property
    def ratios(self) -> list[float]:
        """The ratio of each round."""
        return [ours / theirs for ours, theirs in zip(self.ours, self.theirs, strict=True)]

    @property
    def median(self) -> float:
        """The median of the ratios."""
        return statistics.median(self.ratios)

    @property
    def reached(self) -> bool:
        """Whether the median reaches the goal; true without one."""
        if self.goal is None:
            return True
        return self.median <= self.goal if self.at_most else self.median >= self.goal

    def cells(self) -> list[str]:
        """Return the line of the table."""
        ratios = self.ratios
        goal = "" if self.goal is None else f"{'≤' if self.at_most else '≥'} {self.goal:g}"
        word = "" if self.goal is None else "yes" if self.reached else "**no**"
        sizes = (
            f"{_number(statistics.median(self.ours))} / {_number(statistics.median(self.theirs))}"
        )
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        return [self.name, f"{self.median:.2f}", spread, goal, word, f"{sizes} {self.unit}".strip()]


def table(title: str, rows: Sequence[Row], notes: Sequence[str] = ()) -> str:
    """Return rows as a Markdown table under a heading."""
    heads = ["measured", "median ratio", "spread", "goal", "reached", "ours / theirs"]
    lines = [f"### {title}", "", _line(heads), _line(["---"] * len(heads))]
    lines += [_line(row.cells()) for row in rows if row.ours]
    lines += ["", *notes] if notes else []
    return "\n".join(lines) + "\n"


def plain_table(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return lines of words as a Markdown table under a heading."""
    lines = [f"### {title}", "", _line(heads), _line(["---"] * len(heads)), *map(_line, rows)]
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
