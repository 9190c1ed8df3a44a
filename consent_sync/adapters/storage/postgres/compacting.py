"""Shortening timelines in PostgreSQL: looked at first, then changed if nothing came between."""

from consent_sync.adapters.storage.codec import encode_record
from consent_sync.adapters.storage.compacting import cut
from consent_sync.adapters.storage.keys import person_key
from consent_sync.adapters.storage.postgres.arrays import bytes_array, integer_array
from consent_sync.adapters.storage.postgres.connections import Database
from consent_sync.domain.identity import Subject
from consent_sync.domain.moments import Micros


async def compact(database: Database, subject: Subject, before: Micros) -> int:
    """Put a checkpoint in the place of a person's old records; return how many went."""
    key = person_key(subject)
    rows = await database.rows("records_of_persons", {"keys": bytes_array([key])})
    chain = sorted(((int(number), bytes(body)) for number, body in rows), reverse=True)
    known = await database.rows("person_state", {"key": key})
    state = known[0][0] if known else None
    how = cut(chain, None if state is None else bytes(state), before)
    if how is None:
        return 0
    values = {
        "key": key,
        "head": chain[0][0],
        "gone": integer_array(how.gone),
        "oldest": how.oldest,
        "previous": None if how.oldest is None else chain[0][0],
        "body": None if how.checkpoint is None else encode_record(how.checkpoint),
    }
    [[gone]] = await database.rows("compact", values)
    return int(gone)
