"""`consent-sync audit`: everybody on both sides beside each other, and exactly who differs."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from consent_sync.cli.exits import FOUND_SOMETHING, WRONG_USAGE, CommandError
from consent_sync.cli.output import AS_JSON, counted, moment, say, show_table
from consent_sync.domain.consent import Choice

if TYPE_CHECKING:
    from consent_sync.adapters.notebook import SqliteNotebook
    from consent_sync.services.scan import Progress

_AT_ONCE = 500
_HOLDS = {Choice.GRANTED: "yes", Choice.DENIED: "no", Choice.NONE: "-"}
_STYLES = {"yes": "green", "no": "red"}


def command(
    mapping: Annotated[str | None, typer.Option(metavar="NAME", help="Only this mapping.")] = None,
    actito_export: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="An export of the table; spares a call per person."),
    ] = None,
    share: Annotated[
        float | None,
        typer.Option(min=0.01, max=1, help="Share of the calls to Actito that may be used."),
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget an unfinished run.")] = False,
    as_json: Annotated[bool, AS_JSON] = False,
) -> None:
    """Compare everybody on both sides; writes nothing. The exit code is 1 when somebody differs."""
    try:
        found = asyncio.run(_audit(mapping, actito_export, share, fresh=fresh, as_json=as_json))
    except KeyboardInterrupt:
        raise CommandError("stopped; the same command goes on from here") from None
    if found:
        raise typer.Exit(FOUND_SOMETHING)


async def _audit(
    name: str | None, export: Path | None, share: float | None, *, fresh: bool, as_json: bool
) -> int:
    from consent_sync.app.database import notebook_of
    from consent_sync.cli.comparing import compare
    from consent_sync.cli.surroundings import chosen_mappings, reader_of, settings_here

    settings = settings_here()
    reader = reader_of(settings)
    mappings = await chosen_mappings(settings, reader, name)
    if export is not None and len(mappings) > 1:
        raise CommandError("an export is of one table: name its mapping", WRONG_USAGE)
    notebook = notebook_of(settings, "audit")
    if fresh:
        await notebook.clear()
    try:
        progress = await compare(settings, mappings, notebook, export, share)
        return await _tell(notebook, progress, as_json=as_json)
    finally:
        notebook.close()


async def _tell(notebook: "SqliteNotebook", progress: "Progress", *, as_json: bool) -> int:
    if sys.stderr.isatty():
        sys.stderr.write("\n")
    return await (_tell_json if as_json else _tell_people)(notebook, progress)


async def _pages(notebook: "SqliteNotebook") -> AsyncIterator[list[dict[str, Any]]]:
    after = 0
    while rows := await notebook.found(after, _AT_ONCE):
        after = rows[-1][0]
        yield [orjson.loads(text) for _, text in rows]


async def _tell_json(notebook: "SqliteNotebook", progress: "Progress") -> int:
    """Print one document, finding by finding, however many there are."""
    import dataclasses

    number = 0
    sys.stdout.write('{"differences":[')
    async for page in _pages(notebook):
        for one in page:
            sys.stdout.write((",\n" if number else "\n") + orjson.dumps(_dated(one)).decode())
            number += 1
    counts = {name: dataclasses.asdict(one.counts) for name, one in progress.places.items()}
    sys.stdout.write(f'],\n"persons":{number},"mappings":{orjson.dumps(counts).decode()}}}\n')
    sys.stdout.flush()
    return number


def _dated(found: dict[str, Any]) -> dict[str, Any]:
    from consent_sync.services.lookup import iso_or_none

    for line in found["lines"]:
        for held in line["believed"].values():
            if held is not None:
                held["as_of"] = iso_or_none(held["as_of"])
    return {**found, "at": iso_or_none(found["at"])}


async def _tell_people(notebook: "SqliteNotebook", progress: "Progress") -> int:
    number = 0
    async for page in _pages(notebook):
        number += len(page)
        show_table(
            ("person", "line", "Didomi", "Actito", "believed Didomi", "believed Actito", "outcome"),
            [_row(one, line) for one in page for line in one["lines"]],
            styles=_STYLES,
            unbroken=4,
        )
    for name, place in progress.places.items():
        one = place.counts
        say(
            f"{name}: {counted(one.compared, 'person')} compared, {one.no_profile} without a "
            f"profile, {one.only_actito} in Actito only, {one.no_user} gone from Didomi, "
            f"{one.under_way} with something under way"
        )
    say(f"{counted(number, 'person')} differ" + ("s" if number == 1 else ""))
    return number


def _row(found: dict[str, Any], line: dict[str, Any]) -> tuple[str, ...]:
    return (
        found["person"],
        f"{found['mapping']}/{line['line']}",
        _HOLDS[line["didomi"]],
        _HOLDS[line["actito"]],
        _believed(line["believed"]["didomi"]),
        _believed(line["believed"]["actito"]),
        f"{_HOLDS[line['proposed']]}, {line['verdict']}: {line['reason']}",
    )


def _believed(held: dict[str, Any] | None) -> str:
    if held is None:
        return "nothing"
    since = f" since {moment(held['as_of'])}" if held["as_of"] > 0 else ""
    return f"{_HOLDS[held['choice']]}{since}"
