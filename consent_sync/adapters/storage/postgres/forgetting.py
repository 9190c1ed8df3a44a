"""Forgetting identifiers in PostgreSQL, where other replicas take in events at the same time."""

from consent_sync.adapters.storage.forgetting import LeftBytes, left_as_bytes
from consent_sync.adapters.storage.postgres.arrays import bytes_array
from consent_sync.adapters.storage.postgres.burying import seen_by_all
from consent_sync.adapters.storage.postgres.connections import Database
from consent_sync.domain.identity import Subject, faded_person
from consent_sync.domain.moments import Micros
from consent_sync.ports.graves import Forgotten


async def forget(database: Database, after: int, before: Micros, limit: int) -> Forgotten | None:
    """Forget who the quiet among the next people are; return how far that came, None at the end.

    First they are marked, then everything that has not seen the marks ends: whoever comes in from
    now on takes the mark away, and with it either is not forgotten or has the name back.
    """
    page = await database.rows("quiet_page", {"after": after, "limit": limit})
    if not page:
        return None
    due: dict[bytes, tuple[int | None, LeftBytes]] = {}
    for _, key, mapping, person, state, head, newest, quiet in page:
        subject = Subject(mapping.decode(), person.decode())
        left = left_as_bytes(subject, newest, state, before) if quiet else None
        if left is not None:
            due[bytes(key)] = (head, left)
    people = await _fade(database, due) if due else 0
    return Forgotten(page[-1][0], people)


async def _fade(database: Database, due: dict[bytes, tuple[int | None, LeftBytes]]) -> int:
    [[tx]] = await database.rows("mark_quiet", {"keys": bytes_array(list(due))})
    await seen_by_all(database, int(tx))
    faded = 0
    for key, (head, left) in due.items():
        values = {
            "key": key,
            "head": head,
            "name": faded_person(key).encode(),
            "state": left.state,
            "body": left.checkpoint,
        }
        [[gone]] = await database.rows("fade_person", values)
        faded += int(gone)
    return faded
