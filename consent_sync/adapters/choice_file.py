"""A CSV file of choices, read row by row: bad rows are told apart, and nothing stays in memory.

Wide: a column for the person, one per line of the mapping, maybe one for the time. Long: columns
`line` and `choice` instead of the lines. Page "RFC 4180"; the separator is `;`, `,`, `|` or a tab,
whichever the first line holds most often.
"""

import asyncio
import codecs
import csv
import gzip
import hashlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO, Final, cast

from consent_sync.adapters.choice_words import DENIED, GRANTED, choice_of, span_of
from consent_sync.adapters.unfit_file import unfit
from consent_sync.domain.consent import Choice
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.moments import Micros
from consent_sync.ports.lists import BadRow, ChoiceRow

PERSONS: Final = ("person", "organization_user_id", "ouid")
"""How the column with the person may be called, beside the name of the key attribute."""

TIMES: Final = ("time", "at", "date", "timestamp", "chosen_at")

_LINE: Final = "line"
_CHOICE: Final = "choice"
_SEPARATORS: Final = ";,|\t"
_MARKS: Final = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_LONGEST_NAME: Final = 1_000

_unfit = partial(unfit, code="bad-choice-file")


@dataclass(frozen=True, slots=True)
class Reading:
    """How a file is to be read; empty columns are found by their usual names.

    `now` is when it is read: no choice was made later. `zone` is where times without an offset
    were noted.
    """

    now: Micros
    encoding: str = ""
    person_column: str = ""
    time_column: str = ""
    zone: tzinfo | None = None
    granted: frozenset[str] = GRANTED
    denied: frozenset[str] = DENIED


@dataclass(frozen=True, slots=True)
class _Shape:
    """Where in a row everything stands."""

    names: tuple[str, ...]
    person: int
    time: int | None
    lines: dict[str, int]
    line: int = 0
    choice: int = 0


@dataclass(slots=True)
class CsvChoices:
    """Keeps the promises of ports.lists.ChoiceFile; `ignored` names the columns that mean nothing."""

    mark: str
    ignored: tuple[str, ...]
    _path: Path
    _mapping: Mapping
    _how: Reading
    _rows: Iterator[ChoiceRow | BadRow] = field(default_factory=lambda: iter(()))
    _at: int = -1

    async def rows(self, after: int, limit: int) -> Sequence[ChoiceRow | BadRow]:
        """Return rows of lines behind `after`; going on from the page before costs nothing."""
        return await asyncio.to_thread(self._page, after, limit)

    def _page(self, after: int, limit: int) -> list[ChoiceRow | BadRow]:
        try:
            if after != self._at:
                fresh = _read(self._path, self._mapping, self._how)
                self._rows = (row for row in fresh if row.number > after)
            page = list(islice(self._rows, limit))
        except (OSError, EOFError, UnicodeError) as error:
            raise _unfit(self._path, 0, _why(error), "a file that can be read to its end") from None
        self._at = page[-1].number if page else after
        return page


async def read_choices(path: Path, mapping: Mapping, how: Reading) -> CsvChoices:
    """Return a file of choices; raises RefusedError naming what does not fit, and where."""
    return await asyncio.to_thread(_open_choices, path, mapping, how)


def _open_choices(path: Path, mapping: Mapping, how: Reading) -> CsvChoices:
    try:
        found = path.stat()
        with _opened(path, how) as stream:
            shape = _shape(path, _header(stream)[0], mapping, how)
    except LookupError:
        expected = "the name of an encoding, such as utf-8 or cp1252"
        raise _unfit(path, 0, "an unknown encoding", expected) from None
    except (OSError, EOFError, UnicodeError, csv.Error) as error:
        raise _unfit(path, 0, _why(error), "a CSV file, plain or .gz") from None
    words = (*sorted(how.granted), "", *sorted(how.denied))
    parts = (path.name, found.st_size, found.st_mtime_ns, how.encoding, how.zone, shape, words)
    mark = hashlib.blake2b(repr(parts).encode(), digest_size=8).hexdigest()
    used = {shape.person, shape.time, *shape.lines.values()}
    if not shape.lines:
        used |= {shape.line, shape.choice}
    ignored = tuple(name for number, name in enumerate(shape.names) if number not in used)
    return CsvChoices(mark, ignored, path, mapping, how)


def _opened(path: Path, how: Reading) -> IO[str]:
    zipped = path.suffix == ".gz"
    raw = cast("IO[bytes]", gzip.GzipFile(path) if zipped else path.open("rb"))
    try:
        start = raw.read(4)
        raw.seek(0)
        marked = next((name for mark, name in _MARKS.items() if start.startswith(mark)), "")
        # A bad byte spoils its own row only, where it is found out.
        wrong = "replace" if marked == "utf-16" else "surrogateescape"
        encoding = marked or how.encoding or "utf-8"
        return io.TextIOWrapper(raw, encoding=encoding, errors=wrong, newline="")
    except (OSError, LookupError):
        raw.close()
        raise


def _header(stream: IO[str]) -> tuple[list[str], str]:
    first = stream.readline()
    separator = max(_SEPARATORS, key=first.count)
    return [one.strip() for one in next(csv.reader([first], delimiter=separator), [])], separator


def _shape(path: Path, names: list[str], mapping: Mapping, how: Reading) -> _Shape:
    at = {name.lower(): number for number, name in enumerate(names)}
    if len(at) != len(names):
        raise _unfit(path, 1, "two columns of one name", "each column named once")
    wished = [how.person_column] if how.person_column else [mapping.key_attribute, *PERSONS]
    person = next((at[name.lower()] for name in wished if name.lower() in at), None)
    if person is None:
        raise _unfit(path, 1, _told(names), f"a column named {' or '.join(wished)}")
    times = [how.time_column] if how.time_column else TIMES
    time = next((at[name.lower()] for name in times if name.lower() in at), None)
    if how.time_column and time is None:
        raise _unfit(path, 1, _told(names), f"a column named {how.time_column}")
    lines = {one.id: at[one.id.lower()] for one in mapping.lines if one.id.lower() in at}
    if not lines and not {_LINE, _CHOICE} <= at.keys():
        ids = ", ".join(line.id for line in mapping.lines)
        expected = f"columns named like the lines ({ids}), or the columns {_LINE} and {_CHOICE}"
        raise _unfit(path, 1, _told(names), expected)
    return _Shape(tuple(names), person, time, lines, at.get(_LINE, 0), at.get(_CHOICE, 0))


def _read(path: Path, mapping: Mapping, how: Reading) -> Iterator[ChoiceRow | BadRow]:
    with _opened(path, how) as stream:
        names, separator = _header(stream)
        shape = _shape(path, names, mapping, how)
        rows = csv.reader(stream, delimiter=separator)
        while True:
            # The line a row begins in: a quoted cell may hold several.
            begins = rows.line_num + 2
            try:
                cells = next(rows)
            except StopIteration:
                return
            except csv.Error:
                yield BadRow(begins, "", "a row of CSV, with every quote closed")
                continue
            if cells:
                yield _row(begins, cells, shape, mapping, how)


def _row(
    number: int, cells: list[str], shape: _Shape, mapping: Mapping, how: Reading
) -> ChoiceRow | BadRow:
    if len(cells) != len(shape.names):
        return BadRow(number, "", f"{len(shape.names)} columns, and there are {len(cells)}")
    for name, cell in zip(shape.names, cells, strict=True):
        if not _readable(cell):
            return BadRow(
                number, name, "text in the encoding of the file; --encoding names another"
            )
    person = cells[shape.person]
    if not person.strip() or len(person) > _LONGEST_NAME or "\x00" in person:
        return BadRow(number, shape.names[shape.person], "who made the choice")
    between = None
    if shape.time is not None and cells[shape.time].strip():
        between = span_of(cells[shape.time], how.zone)
        if between is None or between[0] > how.now:
            expected = "an ISO 8601 date or time that is past, or nothing"
            return BadRow(number, shape.names[shape.time], expected)
    choices = _choices(number, cells, shape, mapping, how)
    if isinstance(choices, BadRow):
        return choices
    return ChoiceRow(number, person, choices, between)


def _choices(
    number: int, cells: list[str], shape: _Shape, mapping: Mapping, how: Reading
) -> dict[str, Choice] | BadRow:
    columns = shape.lines
    if not columns:
        name = cells[shape.line].strip()
        if name not in {line.id for line in mapping.lines}:
            return BadRow(number, shape.names[shape.line], "the id of a line of the mapping")
        columns = {name: shape.choice}
    found: dict[str, Choice] = {}
    for line, at in columns.items():
        choice = choice_of(cells[at], how.granted, how.denied)
        if choice is None:
            return BadRow(number, shape.names[at], "a word for yes or no, or nothing")
        if choice is not Choice.NONE:
            found[line] = choice
    return found


def _readable(cell: str) -> bool:
    return cell.isascii() or not any("\ud800" <= one <= "\udfff" or one == "\ufffd" for one in cell)


def _told(names: Sequence[str]) -> str:
    return ", ".join(names)[:200].encode("ascii", "replace").decode() or "an empty line"


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or f"something else ({type(error).__name__})"
