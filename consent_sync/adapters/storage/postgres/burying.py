"""Erasing in PostgreSQL, where other replicas write at the same time."""

import asyncio
from dataclasses import dataclass
from typing import Final

from consent_sync.adapters.clock import elapsed_seconds
from consent_sync.adapters.storage.burying import events_named
from consent_sync.adapters.storage.codec import decode_record
from consent_sync.adapters.storage.keys import person_key
from consent_sync.adapters.storage.postgres.arrays import bytes_array, integer_array
from consent_sync.adapters.storage.postgres.connections import STATEMENT_SECONDS, Database
from consent_sync.ports.graves import Burial, Removed

_LOOK_SECONDS: Final = 0.02


@dataclass(frozen=True, slots=True)
class Gravedigger:
    """Buries in steps, each a transaction; repeated after a failure, it comes to its end."""

    database: Database

    async def bury(self, burial: Burial) -> Removed:
        """Keep the tombstones, then remove the persons; raise StoreError."""
        named = {
            "marks": bytes_array(burial.marks),
            "at": burial.at,
            "cause": burial.cause,
            "policy": burial.policy,
        }
        [[tx]] = await self.database.rows("bury", named)
        if not burial.subjects:
            return Removed()
        await seen_by_all(self.database, int(tx))
        keys = bytes_array([person_key(subject) for subject in burial.subjects])
        await self.database.rows("stop_turns", {"keys": keys})
        records = await self.database.rows("records_of_persons", {"keys": keys})
        events = {one for _, body in records for one in events_named(decode_record(body))}
        values = {
            "keys": keys,
            "records": integer_array([number for number, _ in records]),
            "events": integer_array(sorted(events)),
        }
        [[persons, waiting, gone, emptied]] = await self.database.rows("remove_persons", values)
        return Removed(persons, waiting, gone, emptied)


async def seen_by_all(database: Database, tx: int) -> None:
    """Wait until whatever began before a transaction has ended: it may not have seen its rows.

    Something else on the server may hold on for hours; no statement of ours lives so long.
    """
    until = elapsed_seconds() + STATEMENT_SECONDS
    while elapsed_seconds() < until:
        [[over]] = await database.rows("all_after", {"tx": tx})
        if over:
            return
        await asyncio.sleep(_LOOK_SECONDS)
