"""`consent-sync migrate`: the database in the layout of this version."""

import asyncio
from typing import TYPE_CHECKING, Annotated

from consent_sync.cli.output import AS_JSON, counted, print_json, say

if TYPE_CHECKING:
    from consent_sync.app.settings import Settings


def command(as_json: Annotated[bool, AS_JSON] = False) -> None:
    """Bring the database to the layout of this version; `serve` does the same at its start."""
    from consent_sync.cli.surroundings import settings_here

    steps = asyncio.run(_migrate(settings_here()))
    if as_json:
        print_json({"steps": steps})
    elif steps:
        say(f"{counted(len(steps), 'step')} taken, the newest is {steps[-1]}.")
    else:
        say("Nothing to do: the database has the layout of this version.")


async def _migrate(settings: "Settings") -> list[int]:
    from consent_sync.app.database import migrate_database

    return await migrate_database(settings)
