"""From the bytes of a file to its tree, reading on behind whatever cannot be read.

What is wrong with one line shall hide nothing of the others. So slips are put right for a second
reading, and lines that YAML cannot read are left out for a third; nothing read in such a way is
ever put in force, because what was put right or left out is a problem of the file.
"""

from collections.abc import Sequence
from typing import Final

from consent_sync.adapters.mapping_files.problems import Code, Place, Problem, shown
from consent_sync.adapters.mapping_files.reading import Document, parsed
from consent_sync.adapters.mapping_files.slips import TAB_WIDTHS, Repaired, misleads, repaired
from consent_sync.adapters.mapping_files.text import decoded

MOST_LEFT_OUT: Final = 20
"""How often a file is read once more without the line that stopped the reading."""

MOST_LINES: Final = 5_000
"""Longer files are not read again and again: the first error that stops the reading is told."""


def read_document(file: str, data: bytes) -> Document:
    """Read the bytes of a file; everything wrong with their form is among the problems."""
    _, lines, wrong = decoded(file, data)
    if wrong is not None:
        return Document(lines, None, [wrong])
    first = parsed(file, lines)
    if first.stopped is None and not any(map(misleads, lines)):
        return first.document
    attempts: list[Document] = []
    for width in TAB_WIDTHS:
        better = [repaired(line, width) for line in lines]
        tabs = any(slip.code is Code.TABS for line in better for slip in line.slips)
        attempts.append(_without_bad_lines(file, lines, better))
        if not tabs or not attempts[-1].partial:
            return attempts[-1]
    return attempts[0]


def _without_bad_lines(file: str, lines: list[str], better: list[Repaired]) -> Document:
    """Read these lines, each time without those that stopped the reading before."""
    slips = _slips(file, better, lines)
    spoiled = {problem.place.line for problem in slips}
    stops: list[Problem] = []
    for _ in range(MOST_LEFT_OUT if len(lines) <= MOST_LINES else 1):
        again = parsed(file, lines, better)
        if again.stopped is None:
            found = [] if stops and again.document.root is None else again.document.problems
            others = [one for one in stops if one.place.line not in spoiled]
            problems = [*slips, *others, *found]
            return Document(lines, again.document.root, problems, partial=bool(stops))
        stops.append(again.stopped)
        if not _leave_out(better, again.stopped.place.line):
            break
    # Too much cannot be read for a guess at the rest: the first error that is no slip is told.
    told = [one for one in stops[:1] if one.place.line not in spoiled]
    return Document(lines, None, slips + told, partial=True)


def _leave_out(better: list[Repaired], number: int) -> bool:
    """Empty a line and what stands below it; say whether anything was there."""
    if not number or not better[number - 1].text.strip():
        return False
    depth = _depth(better[number - 1].text)
    better[number - 1] = Repaired("")
    for at in range(number, len(better)):
        text = better[at].text
        if text.strip() and not (_depth(text) > depth):
            break
        better[at] = Repaired("")
    return True


def _depth(text: str) -> int:
    """Return how far in a line stands; an entry of a list belongs below the key at its depth."""
    bare = text.lstrip(" ")
    return 2 * (len(text) - len(bare)) + bare.startswith("- ")


def _slips(file: str, better: Sequence[Repaired], lines: list[str]) -> list[Problem]:
    return [
        Problem(
            slip.code,
            file,
            Place(number, slip.column),
            slip.found,
            slip.expected,
            slip.nearest,
            text=shown(lines[number - 1]),
        )
        for number, line in enumerate(better, 1)
        for slip in line.slips
    ]
