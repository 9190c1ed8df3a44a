"""`consent-sync migrate`: the database in the layout of this version."""

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from consent_sync.cli.exits import WRONG_USAGE, CommandError
from consent_sync.cli.output import AS_JSON, counted, print_json, say

if TYPE_CHECKING:
    from consent_sync.app.settings import Settings

_AGAIN: Final = "the same command goes on from here"


def command(
    source: Annotated[
        str, typer.Option("--from", metavar="URL", help="Move everything: sqlite:///FILE.")
    ] = "",
    target: Annotated[
        str, typer.Option("--to", metavar="URL", help="Where to: an empty postgresql:// database.")
    ] = "",
    as_json: Annotated[bool, AS_JSON] = False,
) -> None:
    """Bring the database to the layout of this version; `serve` does the same at its start."""
    from consent_sync.cli.surroundings import settings_here

    if source or target:
        _move(source, target, as_json=as_json)
        return
    steps = asyncio.run(_migrate(settings_here()))
    if as_json:
        print_json({"steps": steps})
    elif steps:
        say(f"{counted(len(steps), 'step')} taken, the newest is {steps[-1]}.")
    else:
        say("Nothing to do: the database has the layout of this version.")


def _move(source: str, target: str, *, as_json: bool) -> None:
    from consent_sync.adapters.storage.group_commit import EnvironmentStoreError
    from consent_sync.adapters.storage.moving import move
    from consent_sync.app.database import keys_beside

    file = Path(source.removeprefix("sqlite:///"))
    if not source.startswith("sqlite:///") or not file.name:
        raise CommandError("--from has to be sqlite:///FILE", WRONG_USAGE)
    if not target.startswith(("postgresql://", "postgres://")):
        raise CommandError("--to has to be postgresql://USER:PASSWORD@HOST/DATABASE", WRONG_USAGE)
    try:
        moved = move(file, target, _show_progress, keys_beside(file))
    except KeyboardInterrupt:
        raise CommandError(f"stopped; {_AGAIN}") from None
    except EnvironmentStoreError as error:
        raise CommandError(f"{error}; {_AGAIN}") from None
    if sys.stderr.isatty():
        sys.stderr.write("\n")
    if as_json:
        print_json({"moved": moved, "verified": True})
        return
    for part, rows in moved.items():
        say(f"{part:<16} {counted(rows, 'row')}")
    say("Everything has arrived, compared by counts and digests. The file was not changed.")


def _show_progress(part: str, rows: int) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{part}: {rows}        ")
        sys.stderr.flush()


async def _migrate(settings: "Settings") -> list[int]:
    from consent_sync.app.database import migrate_database

    return await migrate_database(settings)
