"""`consent-sync sweep`: one round over everybody now, and whoever differs is put right."""

import dataclasses
from typing import TYPE_CHECKING, Annotated

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
from consent_sync.cli.output import AS_JSON, counted, print_json, say

if TYPE_CHECKING:
    from consent_sync.services.sweep import Tally


def command(
    mapping: OneMapping = None,
    actito_export: ActitoExport = None,
    share: Share = None,
    fresh: Fresh = False,
    believe_empty: BelieveEmpty = False,
    yes: Annotated[bool, typer.Option("--yes", help="Put right whoever differs.")] = False,
    as_json: Annotated[bool, AS_JSON] = False,
) -> None:
    """Compare everybody and say what would be put right; with --yes do it. Exit code 1: some differ."""
    tally = stoppable(_sweep(Wish(mapping, actito_export, share, fresh, believe_empty), yes=yes))
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


async def _sweep(wish: Wish, *, yes: bool) -> "Tally":
    import aiohttp

    from consent_sync.cli.doors import door_of
    from consent_sync.services.sweep import Repair

    # A round that only counts must not pass for one that repaired.
    async with comparing(wish, "repair" if yes else "count") as what:
        by_name = {one.name: one for one in what.mappings}
        if not yes:
            counting = Repair(lambda: by_name, None)
            return counting.whole(await compare(what, counting.take))
        async with (
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
            door_of(what.settings, what.mappings, session) as door,
        ):
            repair = Repair(lambda: by_name, door)
            return repair.whole(await compare(what, repair.take))
