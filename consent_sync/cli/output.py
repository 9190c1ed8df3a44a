"""What commands print: tables on a terminal, plain text into a pipe, JSON when asked for."""

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import orjson
import typer
from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from consent_sync.domain.moments import SECOND, Micros

AS_JSON: Final = typer.Option("--json", help="Print JSON.")

_GAP: Final = "  "


def printable(text: str) -> str:
    """Return the text without anything that could steer a terminal."""
    return "".join(char if char.isprintable() or char == "\n" else "�" for char in text)


def moment(at: Micros) -> str:
    """Return a moment as people read it, in UTC to the second."""
    return datetime.fromtimestamp(at // SECOND, UTC).strftime("%Y-%m-%d %H:%M:%S")


def moment_of(iso: str | None) -> str:
    """Return a moment given as ISO 8601 as people read it; a dash for none."""
    return "-" if iso is None else iso[:19].replace("T", " ")


def counted(number: int, word: str) -> str:
    """Return a number with its noun."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def print_json(value: object) -> None:
    """Print one JSON document."""
    text = orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str).decode()
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def print_json_line(value: object) -> None:
    """Print one JSON document on one line, at once."""
    sys.stdout.write(orjson.dumps(value, default=str).decode() + "\n")
    sys.stdout.flush()


def say(text: str = "", style: str = "") -> None:
    """Print a line; coloured and broken to fit only on a terminal."""
    console = _console()
    if not console.is_terminal:
        typer.echo(printable(text))
        return
    bare = text.lstrip(" ")
    # What does not fit goes on below its own beginning.
    console.print(Padding(Text(printable(bare), style), (0, 0, 0, len(text) - len(bare))))


def show_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    styles: Mapping[str, str] | None = None,
    title: str = "",
    unbroken: int = 1,
) -> None:
    """Print a table; `styles` gives the colour of a cell by its text.

    The first `unbroken` columns keep their width where the terminal is narrow.
    """
    console = _console()
    if not console.is_terminal:
        _plain(columns, rows, title)
        return
    table = Table(box=box.SIMPLE_HEAD, title=title or None, pad_edge=False)
    table.title_justify, table.title_style = "left", "bold"
    for at, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=at < unbroken)
    for row in rows:
        table.add_row(*(Text(printable(cell), (styles or {}).get(cell, "")) for cell in row))
    console.print(table)


def _plain(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str) -> None:
    cells = [list(columns), *([printable(cell).replace("\n", " ") for cell in row] for row in rows)]
    widths = [max(len(row[at]) for row in cells) for at in range(len(columns))]
    if title:
        typer.echo(title)
    for row in cells:
        line = _GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        typer.echo(line.rstrip())


def _console() -> Console:
    # Made anew each time, because tests and pipes change what stdout is.
    return Console(highlight=False, emoji=False, markup=False)
