"""What `audit` and `sweep` share: their options, and one comparison of everybody with its progress."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from consent_sync.cli.exits import WRONG_USAGE, CommandError
from consent_sync.cli.progress import ProgressLine

if TYPE_CHECKING:
    from consent_sync.adapters.notebook import SqliteNotebook
    from consent_sync.app.settings import Settings
    from consent_sync.domain.mapping import Mapping
    from consent_sync.services.comparison import OnFound
    from consent_sync.services.scan import Progress

Result = TypeVar("Result")

OneMapping = Annotated[str | None, typer.Option(metavar="NAME", help="Only this mapping.")]
ActitoExport = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="An export of the table; spares a call per person."),
]
Share = Annotated[
    float | None,
    typer.Option(min=0.01, max=1, help="Share of the calls to Actito that may be used."),
]
Fresh = Annotated[bool, typer.Option("--fresh", help="Forget an unfinished run.")]
BelieveEmpty = Annotated[
    bool,
    typer.Option("--believe-empty", help="Go on although a side looks empty: it is so."),
]


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person asked to be compared, and how."""

    mapping: str | None
    export: Path | None
    share: float | None
    fresh: bool
    believe_empty: bool


@dataclass(frozen=True, slots=True)
class Comparing:
    """A comparison that can be begun: of what, where it notes, under which settings."""

    wish: Wish
    settings: "Settings"
    mappings: "list[Mapping]"
    notebook: "SqliteNotebook"


def stoppable(work: Coroutine[Any, Any, Result]) -> Result:
    """Run long work to its end; raises CommandError when a person stops it."""
    try:
        return asyncio.run(work)
    except KeyboardInterrupt:
        raise CommandError("stopped; the same command goes on from here") from None


@asynccontextmanager
async def comparing(wish: Wish, notes: str) -> AsyncIterator[Comparing]:
    """Yield what is to be compared, with the notebook of this name; raises CommandError."""
    from consent_sync.app.database import notebook_of
    from consent_sync.cli.surroundings import chosen_mappings, reader_of, settings_here

    settings = settings_here()
    mappings = await chosen_mappings(settings, reader_of(settings), wish.mapping)
    if wish.export is not None and len(mappings) > 1:
        raise CommandError("an export is of one table: name its mapping", WRONG_USAGE)
    notebook = notebook_of(settings, notes)
    try:
        if wish.fresh:
            await notebook.clear()
        yield Comparing(wish, settings, mappings, notebook)
    finally:
        notebook.close()


async def compare(what: Comparing, on_found: "OnFound | None" = None) -> "Progress":
    """Compare from where the notebook is; raises what looking and `on_found` raise."""
    import gc

    import aiohttp

    from consent_sync.adapters.clock import SystemClock
    from consent_sync.adapters.export_file import read_export
    from consent_sync.app.bootstrap import eyes_of, platforms
    from consent_sync.app.sparing import sparing
    from consent_sync.cli.surroundings import reader_of
    from consent_sync.services.comparison import Comparison

    settings, wish, clock = what.settings, what.wish, SystemClock()
    part = settings.sweep_share if wish.share is None else wish.share
    cheap = None if wish.export is None else await read_export(wish.export, what.mappings[0])
    reader, line = reader_of(settings), ProgressLine(clock)
    try:
        known = (await reader.status()).persons

        async def show(progress: "Progress") -> None:
            counts = progress.counts
            ahead = max(known, counts.compared)
            line.show(f"{counts.compared} of about {ahead} compared, {counts.differing} differ")

        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
            actito, didomi = platforms(sparing(settings, part), session, clock)
            eyes = eyes_of(settings, reader, didomi, actito, clock, cheap=cheap)
            # What is there by now stays; looking through it again and again costs a tenth.
            gc.freeze()
            gc.set_threshold(50_000, 50, 50)
            return await Comparison(
                eyes,
                what.mappings,
                what.notebook,
                on_found=on_found,
                on_page=show,
                believe_empty=wish.believe_empty,
            ).run()
    finally:
        line.end()
        if cheap is not None:
            cheap.close()
