"""`consent-sync audit`: everybody on both sides beside each other, and exactly who differs."""

import sys
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from consent_sync.cli.comparing import (
    ActitoExport,
    BelieveEmpty,
    Fresh,
    OneMapping,
    Share,
    Wish,
    compare,
    comparing,
    stoppable,
)
from consent_sync.cli.exits import FOUND_SOMETHING
from consent_sync.cli.output import AS_JSON, counted, moment, say, show_table
from consent_sync.domain.consent import Choice

if TYPE_CHECKING:
    from consent_sync.adapters.notebook import SqliteNotebook
    from consent_sync.services.scan import Progress

_AT_ONCE = 500
_HOLDS = {Choice.GRANTED: "yes", Choice.DENIED: "no", Choice.NONE: "-"}
_STYLES = {"yes": "green", "no": "red"}


def command(
    mapping: OneMapping = None,
    actito_export: ActitoExport = None,
    share: Share = None,
    fresh: Fresh = False,
    believe_empty: BelieveEmpty = False,
    as_json: Annotated[bool, AS_JSON] = False,
) -> None:
    """Compare everybody on both sides; writes nothing. The exit code is 1 when somebody differs."""
    wish = Wish(mapping, actito_export, share, fresh, believe_empty)
    if stoppable(_audit(wish, as_json=as_json)):
        raise typer.Exit(FOUND_SOMETHING)


async def _audit(wish: Wish, *, as_json: bool) -> int:
    async with comparing(wish, "audit") as what:
        progress = await compare(what)
        return await (_tell_json if as_json else _tell_people)(what.notebook, progress)


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
