"""`consent-sync sweep`: one round over everybody now, and whoever differs is put right."""

import asyncio
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from consent_sync.cli.exits import FOUND_SOMETHING, WRONG_USAGE, CommandError
from consent_sync.cli.output import AS_JSON, counted, print_json, say

if TYPE_CHECKING:
    from consent_sync.services.sweep import Tally


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
    yes: Annotated[bool, typer.Option("--yes", help="Put right whoever differs.")] = False,
    as_json: Annotated[bool, AS_JSON] = False,
) -> None:
    """Compare everybody and say what would be put right; with --yes do it. Exit code 1: some differ."""
    try:
        tally = asyncio.run(_sweep(mapping, actito_export, share, fresh=fresh, yes=yes))
    except KeyboardInterrupt:
        raise CommandError("stopped; the same command goes on from here") from None
    if as_json:
        print_json(dataclasses.asdict(tally))
    else:
        _show(tally, yes=yes)
    if tally.differing:
        raise typer.Exit(FOUND_SOMETHING)


def _show(tally: "Tally", *, yes: bool) -> None:
    say(f"{counted(tally.differing, 'person')} found to differ")
    say(
        f"by the rules: {counted(tally.lowered, 'line')} lowered, {tally.raised} raised, "
        f"{counted(tally.created, 'profile')} created, {tally.held} held for a person's word"
    )
    if tally.strangers:
        say(
            f"{counted(tally.strangers, 'person')} left alone: nothing was known of them, and "
            "agreements are carried over by a backfill only",
            "yellow",
        )
    if yes:
        say(f"{counted(tally.repaired, 'person')} handed to their turns.")
    elif tally.differing:
        say("Nothing was done. Say --yes to put it right.")


async def _sweep(
    name: str | None, export: Path | None, share: float | None, *, fresh: bool, yes: bool
) -> "Tally":
    import aiohttp

    from consent_sync.app.database import notebook_of
    from consent_sync.cli.comparing import compare
    from consent_sync.cli.doors import door_of
    from consent_sync.cli.surroundings import chosen_mappings, reader_of, settings_here
    from consent_sync.services.sweep import Repair

    settings = settings_here()
    mappings = await chosen_mappings(settings, reader_of(settings), name)
    if export is not None and len(mappings) > 1:
        raise CommandError("an export is of one table: name its mapping", WRONG_USAGE)
    by_name = {one.name: one for one in mappings}
    # A round that only counts must not pass for one that repaired.
    notebook = notebook_of(settings, "repair" if yes else "count")
    if fresh:
        await notebook.clear()
    try:
        if not yes:
            counting = Repair(lambda: by_name, None)
            await compare(settings, mappings, notebook, export, share, counting.take)
            return counting.tally
        async with (
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
            door_of(settings, mappings, session) as door,
        ):
            repair = Repair(lambda: by_name, door)
            await compare(settings, mappings, notebook, export, share, repair.take)
            return repair.tally
    finally:
        notebook.close()
