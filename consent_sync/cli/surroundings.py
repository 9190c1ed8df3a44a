"""What a command is surrounded by: the settings, the database and the mapping files."""

import dataclasses
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from consent_sync.adapters.clock import SystemClock
from consent_sync.adapters.mapping_files import MappingFolder
from consent_sync.app.activation import last_good
from consent_sync.app.application import Application
from consent_sync.app.bootstrap import build, platforms, start_logs
from consent_sync.app.database import Reader, database_file, is_shared, reader_of_database
from consent_sync.app.inventories import Inventories
from consent_sync.app.settings import Settings
from consent_sync.cli.dotenv import dotenv_here, dotenv_in
from consent_sync.cli.exits import WRONG_CONFIGURATION, WRONG_USAGE, CommandError
from consent_sync.domain.mapping import Mapping
from consent_sync.ports.versions import VersionHistory


def settings_here() -> Settings:
    """Return the settings of the environment and the `.env` file; raise SettingsError."""
    return Settings.from_variables(os.environ, dotenv_here())


def settings_in(folder: Path) -> Settings:
    """Return the settings in the `.env` file of a folder alone; raise SettingsError."""
    return Settings.from_variables({}, dotenv_in(folder))


async def built(settings: Settings) -> Application:
    """Return all parts of the program, none started; raise StoreError.

    What they log goes to stderr and only where something is wrong: the command says the rest.
    """
    start_logs(dataclasses.replace(settings, log_level="error"))
    return await build(settings)


@asynccontextmanager
async def inventories_here(settings: Settings) -> AsyncIterator[Inventories]:
    """Hand out both platforms, to be asked what exists there, with connections of their own."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        actito, didomi = platforms(settings, session, SystemClock())
        yield Inventories(actito, didomi)


def reader_of(settings: Settings) -> Reader:
    """Return a look into the database, also while a server owns it; raise CommandError."""
    if is_shared(settings):
        return reader_of_database(settings)
    file = database_file(settings)
    if not file.is_file():
        raise CommandError(
            f"there is no database {file} yet; `consent-sync serve` makes it, "
            "CONSENT_SYNC_DATABASE_URL says where",
            WRONG_CONFIGURATION,
        )
    return reader_of_database(settings)


async def mappings_in_force(settings: Settings, history: VersionHistory) -> MappingFolder:
    """Return the mappings that decide; before anything was ever in force, what the files say."""
    folder = MappingFolder(settings.mappings_dir, SystemClock())
    in_force = await last_good(history)
    if in_force:
        folder.remember(in_force)
    else:
        folder.load()
    return folder


async def chosen_mappings(
    settings: Settings, history: VersionHistory, name: str | None
) -> list[Mapping]:
    """Return the mappings that decide, or the one of this name; raise CommandError."""
    in_force = (await mappings_in_force(settings, history)).current()
    found = [one for one in in_force.values() if name in (None, one.name)]
    if not found:
        names = ", ".join(sorted(in_force)) or "none"
        what = "no mapping is in force" if name is None else f"no mapping is named {name}"
        raise CommandError(f"{what}; in force: {names}", WRONG_USAGE)
    return found
