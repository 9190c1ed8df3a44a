"""Where everything is kept, as the settings say: a file, PostgreSQL, or memory for trials."""

import asyncio
import secrets
from pathlib import Path
from typing import Final, TypeAlias

from consent_sync.adapters.key_file import KEY_BYTES, load_or_make_key
from consent_sync.adapters.notebook import SqliteNotebook
from consent_sync.adapters.storage.memory import MemoryStore
from consent_sync.adapters.storage.migrate import bring_up_to_date
from consent_sync.adapters.storage.past import SqlitePast
from consent_sync.adapters.storage.postgres.migrate import (
    FINGERPRINT_KEY,
    TOMBSTONE_KEY,
    keep_key,
    migrate,
)
from consent_sync.adapters.storage.postgres.past import PostgresPast
from consent_sync.adapters.storage.postgres.reader import PostgresReader
from consent_sync.adapters.storage.postgres.store import (
    POLL_SECONDS,
    POLL_SECONDS_WITHOUT_DOOR,
    PostgresStore,
)
from consent_sync.adapters.storage.reader import SqliteReader
from consent_sync.adapters.storage.sqlite import SqliteStore
from consent_sync.adapters.telemetry import Fingerprint
from consent_sync.adapters.tombstone_file import TombstoneFile
from consent_sync.app.settings import Settings
from consent_sync.domain.erasure import Marks
from consent_sync.domain.errors import StoreError
from consent_sync.ports.clock import Clock
from consent_sync.ports.past import Past
from consent_sync.ports.quota import Quota
from consent_sync.ports.store import Store

Reader: TypeAlias = SqliteReader | PostgresReader
"""A look into the database from beside whoever works on it."""

MEMORY: Final = "sqlite:///:memory:"
"""The address of a store that lives as long as the process, for trials."""


def is_shared(settings: Settings) -> bool:
    """Say whether several replicas may work on the database at the same time."""
    return settings.database_url.partition("://")[0] in {"postgresql", "postgres"}


async def store_of(
    settings: Settings, clock: Clock, *, has_door: bool = True
) -> tuple[Store, Fingerprint]:
    """Return the store, not opened yet, and how people are named in logs; raise StoreError.

    `has_door` is false where webhooks come in through other processes only.
    """
    if is_shared(settings):
        url = settings.database_url
        marks = Marks(await keep_key(url, TOMBSTONE_KEY))
        poll = POLL_SECONDS if has_door else POLL_SECONDS_WITHOUT_DOOR
        lease = settings.lease_seconds
        store = PostgresStore(url, clock, lease_seconds=lease, marks=marks, poll_seconds=poll)
        # The same in all replicas, or nobody could follow a person through their logs.
        return store, Fingerprint(_given_key(settings) or await keep_key(url, FINGERPRINT_KEY))
    if settings.database_url == MEMORY:
        return MemoryStore(clock), Fingerprint(
            _given_key(settings) or secrets.token_bytes(KEY_BYTES)
        )
    file = database_file(settings)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"the folder {file.parent} cannot be made: {error.strerror}") from None
    key = _given_key(settings) or load_or_make_key(key_file(file))
    marks = Marks(load_or_make_key(tombstone_key_file(file)))
    return SqliteStore(file, clock, marks=marks), Fingerprint(key)


def quota_of(store: Store) -> Quota | None:
    """Return where replicas share the quotas of the platforms; None where there is only one."""
    return store if isinstance(store, PostgresStore) else None


async def marks_of(settings: Settings) -> Marks:
    """Return what makes the tombstones of this database; raise StoreError."""
    if is_shared(settings):
        return Marks(await keep_key(settings.database_url, TOMBSTONE_KEY))
    if settings.database_url == MEMORY:
        return Marks()
    return Marks(load_or_make_key(tombstone_key_file(database_file(settings))))


def reader_of_database(settings: Settings) -> Reader:
    """Return a look into the database; raise StoreError when it is in memory."""
    if is_shared(settings):
        return PostgresReader(settings.database_url)
    return SqliteReader(database_file(settings))


def past_of(settings: Settings) -> Past:
    """Return a long look into the database, to be closed; raise StoreError."""
    if is_shared(settings):
        return PostgresPast(settings.database_url)
    return SqlitePast(database_file(settings))


def database_file(settings: Settings) -> Path:
    """Return the file that everything is kept in; raise StoreError when it is kept elsewhere."""
    if settings.database_url == MEMORY:
        raise StoreError("everything is kept in the memory of the running process; no file has it")
    if is_shared(settings):
        raise StoreError("everything is kept in PostgreSQL; no file has it")
    return Path(settings.database_url.removeprefix("sqlite:///"))


def notebook_of(settings: Settings, work: str) -> SqliteNotebook:
    """Return the notebook of one piece of long work: beside the database, else in this folder."""
    beside = Path("consent-sync") if is_shared(settings) else database_file(settings)
    return SqliteNotebook(beside.with_name(f"{beside.name}.{work}"))


async def fingerprint_of(settings: Settings) -> Fingerprint | None:
    """Return how the logs of this installation name people, None when they have no key yet."""
    key = _given_key(settings)
    if key is None and is_shared(settings):
        key = await keep_key(settings.database_url, FINGERPRINT_KEY)
    elif key is None:
        file = key_file(database_file(settings))
        key = file.read_bytes() if file.is_file() else None
    return None if key is None else Fingerprint(key)


def key_file(database: Path) -> Path:
    """Return where the key of the fingerprints is kept when the settings name none."""
    return database.with_name(f"{database.name}.fingerprint-key")


def tombstone_key_file(database: Path) -> Path:
    """Return where the key of the tombstones is kept; without it nobody is known as erased."""
    return database.with_name(f"{database.name}.tombstone-key")


def tombstone_list(settings: Settings) -> TombstoneFile | None:
    """Return the list of tombstones apart from the database; None where none is kept."""
    if settings.tombstones_file is not None:
        return TombstoneFile(settings.tombstones_file)
    if is_shared(settings) or settings.database_url == MEMORY:
        return None
    file = database_file(settings)
    return TombstoneFile(file.with_name(f"{file.name}.tombstones"))


def keys_beside(database: Path) -> dict[str, bytes]:
    """Return the keys in files beside a database, by the names that PostgreSQL keeps them under."""
    named = {FINGERPRINT_KEY: key_file(database), TOMBSTONE_KEY: tombstone_key_file(database)}
    return {name: file.read_bytes() for name, file in named.items() if file.is_file()}


def _given_key(settings: Settings) -> bytes | None:
    given = settings.fingerprint_key
    return given.encode() if given else None


async def migrate_database(settings: Settings) -> list[int]:
    """Bring the database to our layout; return the steps taken, raise StoreError."""
    if is_shared(settings):
        return await migrate(settings.database_url)
    return await asyncio.to_thread(bring_up_to_date, database_file(settings))
