"""What the doctor looks at on this machine: settings, secrets, mapping files, the database."""

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from consent_sync.adapters.mapping_files import FolderReading, read_folder
from consent_sync.adapters.storage.connect import has_wal_reset_bug, library_version
from consent_sync.app.database import MEMORY, database_file, is_shared, reader_of_database
from consent_sync.app.settings import Settings
from consent_sync.cli.doctor.finding import Finding, fail, ok, warn
from consent_sync.cli.output import counted
from consent_sync.domain.errors import StoreError

LITTLE_ROOM: Final = 1024**3
NO_ROOM: Final = 100 * 1024**2


def settings_findings(settings: Settings) -> Iterator[Finding]:
    """Say what is odd in the settings, and which secret is missing."""
    for warning in settings.warnings:
        yield warn("settings", str(warning))
    if not settings.warnings:
        yield ok("settings", "nothing odd")
    for account in ("", *settings.accounts):
        yield from _secrets(settings.account(account), account)


def _secrets(own: Settings, account: str) -> Iterator[Finding]:
    prefix = f"CONSENT_SYNC_{account}_" if account else "CONSENT_SYNC_"
    named = f"secrets of {account}" if account else "secrets"
    missing: list[tuple[str, str]] = []
    if not own.didomi_api_key:
        missing.append(("DIDOMI_API_KEY and DIDOMI_API_SECRET", "Didomi cannot be called"))
    if not own.actito_api_key:
        missing.append(("ACTITO_API_KEY", "Actito cannot be called"))
    if not own.didomi_webhook_secrets and not own.didomi_webhook_client_id:
        missing.append(("DIDOMI_WEBHOOK_SECRETS", "every webhook of Didomi is refused"))
    if not own.actito_webhook_secrets:
        missing.append(("ACTITO_WEBHOOK_SECRETS", "every webhook of Actito is refused"))
    for name, why in missing:
        free = own.allow_unauthenticated and "WEBHOOK" in name
        finding = warn if free else fail
        said = "anybody may send webhooks" if free else why
        yield finding(named, f"{name} is not set: {said}", f"set {prefix}{name}")
    if not missing:
        yield ok(named, "all set")


def mapping_findings(settings: Settings) -> tuple[FolderReading, list[Finding]]:
    """Read the mapping files and say what is wrong with them."""
    reading = read_folder(settings.mappings_dir)
    found = [fail("mapping", str(one), "consent-sync validate") for one in reading.problems]
    found += [warn("mapping", str(one), "consent-sync validate") for one in reading.warnings]
    for one in reading.files:
        if one.mapping is not None:
            lines = counted(len(one.mapping.lines), "line")
            found.append(ok("mapping", f"{one.file}: {one.mapping.name}, {lines}"))
    return reading, found


async def database_findings(settings: Settings) -> list[Finding]:
    """Say whether the database opens, who may read it, and how much room there is."""
    version = library_version()
    number = ".".join(map(str, version))
    found: list[Finding] = []
    if has_wal_reset_bug(version):
        what = f"SQLite {number} can lose committed data"
        found.append(fail("database", what, "install apsw 3.53 or newer"))
    if settings.database_url == MEMORY:
        return [*found, warn("database", "in memory: everything is forgotten at the stop")]
    if is_shared(settings):
        return [*found, await _shared(settings)]
    path = database_file(settings)
    found += [*_file(path)] if path.exists() else [*_folder(path)]
    if path.is_file():
        try:
            status = await reader_of_database(settings).status()
            persons = counted(status.persons, "person")
            found.append(ok("database", f"{path} opens, {persons} in it, SQLite {number}"))
        except StoreError as error:
            found.append(fail("database", str(error)))
    return [*found, *_room(path)]


async def _shared(settings: Settings) -> Finding:
    try:
        status = await reader_of_database(settings).status()
    except StoreError as error:
        return fail("database", str(error), "check CONSENT_SYNC_DATABASE_URL and the server")
    return ok("database", f"PostgreSQL answers, {counted(status.persons, 'person')} in it")


def _file(path: Path) -> Iterator[Finding]:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        yield warn("database", f"others on this machine may read {path}", f"chmod 600 {path}")
    if not os.access(path, os.R_OK | os.W_OK):
        yield fail("database", f"this user may not write {path}", "start as its owner")


def _folder(path: Path) -> Iterator[Finding]:
    there = next((one for one in path.absolute().parents if one.is_dir()), Path("/"))
    if os.access(there, os.W_OK | os.X_OK):
        yield ok("database", f"{path} is not there yet; the first start makes it")
    else:
        yield fail("database", f"{path} cannot be made in {there}", "give this user the right to")


def _room(path: Path) -> Iterator[Finding]:
    there = next((one for one in path.absolute().parents if one.is_dir()), Path("/"))
    free = shutil.disk_usage(there).free
    said = f"{free / 1024**3:.1f} GiB free where the database is"
    if free < NO_ROOM:
        yield fail("disk", said, "make room: when it is full, every webhook is answered 503")
    elif free < LITTLE_ROOM:
        yield warn("disk", said, "make room before it is full")
    else:
        yield ok("disk", said)
