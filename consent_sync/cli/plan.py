"""`consent-sync plan`: what edited mapping files would change, and whose consent. Nothing is written."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from consent_sync.cli.exits import FOUND_SOMETHING, WRONG_CONFIGURATION, CommandError
from consent_sync.cli.output import AS_JSON
from consent_sync.cli.since import moment_since

if TYPE_CHECKING:
    from consent_sync.adapters.mapping_files import FolderReading
    from consent_sync.app.planning import Change
    from consent_sync.app.settings import Settings
    from consent_sync.app.whatif import Row
    from consent_sync.cli.planned import Planned
    from consent_sync.domain.mapping import Mapping
    from consent_sync.domain.moments import Micros


def command(
    path: Annotated[
        Path | None,
        typer.Argument(help="A mapping file or a folder; else CONSENT_SYNC_MAPPINGS_DIR."),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="WHEN",
            help="Take the events stored since then once more, both ways: 7d, 12h, 2026-03-01.",
        ),
    ] = None,
    csv_file: Annotated[
        Path | None,
        typer.Option("--csv", metavar="FILE", help="With --since: write all persons to this file."),
    ] = None,
    limit: Annotated[
        int, typer.Option(min=0, max=100_000, help="How many persons to print at most.")
    ] = 20,
    as_json: Annotated[bool, AS_JSON] = False,
) -> None:
    """Compare edited mapping files with those in force; the exit code is 1 when consent is raised."""
    from consent_sync.adapters.clock import SystemClock
    from consent_sync.cli.planned import Planned
    from consent_sync.cli.surroundings import settings_here

    now = SystemClock().now()
    begin = moment_since(since, now) if since is not None else None
    if csv_file is not None and begin is None:
        raise CommandError("--csv lists persons, so it needs --since", 2)
    settings = settings_here()
    found = Planned(as_json=as_json, limit=limit, since=begin)
    asyncio.run(_plan(settings, path or settings.mappings_dir, found, csv_file, now))
    if found.problems:
        raise typer.Exit(WRONG_CONFIGURATION)
    if found.raised:
        raise typer.Exit(FOUND_SOMETHING)


async def _plan(
    settings: "Settings", path: Path, found: "Planned", csv_file: Path | None, now: "Micros"
) -> None:
    from consent_sync.app.planning import changes

    in_force = await _in_force(settings)
    reading, whole = await asyncio.to_thread(_read, settings, path, in_force)
    planned = changes(reading, in_force, whole=whole)
    found.begin(planned, reading.problems, reading.warnings)
    if found.since is not None:
        rows = _rows(settings, planned, in_force, found, now)
        await found.persons(rows, csv_file)
    found.end()


def _read(
    settings: "Settings", path: Path, in_force: "dict[str, Mapping]"
) -> "tuple[FolderReading, bool]":
    """Read the files and run their tests, as an activation would; say whether these are all files."""
    from consent_sync.app.activation import tried
    from consent_sync.app.policies import rules_of
    from consent_sync.app.trials import TrialGate
    from consent_sync.cli.validate import check

    reading, whole = check(path), path.is_dir()
    folder = path if whole else path.parent
    # A failed test is told; what the files would do to people is shown all the same.
    told = tried(reading, folder, in_force, TrialGate(rules_of(settings)))
    return dataclasses.replace(reading, problems=told.problems, warnings=told.warnings), whole


async def _in_force(settings: "Settings") -> "dict[str, Mapping]":
    from consent_sync.app.activation import last_good
    from consent_sync.app.database import database_file, is_shared
    from consent_sync.cli.surroundings import reader_of

    # Before the first start nothing is in force, and everything is new.
    there = is_shared(settings) or database_file(settings).is_file()
    return await last_good(reader_of(settings)) if there else {}


async def _rows(
    settings: "Settings",
    planned: "list[Change]",
    in_force: "dict[str, Mapping]",
    found: "Planned",
    now: "Micros",
) -> "AsyncIterator[Row]":
    from consent_sync.app.accounts import owner
    from consent_sync.app.database import past_of
    from consent_sync.app.planning import pairs
    from consent_sync.app.policies import rules_of
    from consent_sync.app.whatif import WhatIf
    from consent_sync.cli.surroundings import reader_of

    reader_of(settings)
    past = past_of(settings)
    try:
        what_if = WhatIf(
            past,
            pairs(planned),
            rules_of(settings),
            now,
            lambda mapping: owner(settings, mapping.account),
            tuple(in_force.values()),
        )
        async for row in what_if.rows(found.since or 0):
            found.events = what_if.events
            yield row
        found.events = what_if.events
    finally:
        await past.close()
