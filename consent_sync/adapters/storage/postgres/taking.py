"""Turns as they come from the database: whom a claim found, and what waits for them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog

from consent_sync.adapters.storage.codec import decode_state, decode_writes
from consent_sync.adapters.storage.postgres.arrays import bytes_array
from consent_sync.adapters.storage.postgres.claims import Claim
from consent_sync.adapters.storage.postgres.connections import Database
from consent_sync.adapters.storage.postgres.reading import stored_items
from consent_sync.domain.errors import StoreError
from consent_sync.domain.identity import Subject
from consent_sync.domain.moments import SECOND
from consent_sync.domain.state import PersonState
from consent_sync.ports.store import Turn

TURN_ITEMS: Final = 200
"""How many items one turn takes at most; the rest stays due."""

_FIRST_STATE: Final = PersonState()
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Lease:
    """What the turns of one claim share: their fence, and until when they are ours."""

    fence: int
    expires: float
    seconds: float


class Taking:
    """Claims lanes and reads the turns, in two steps of which each is a transaction."""

    def __init__(self, database: Database, lease_seconds: float) -> None:
        self._database = database
        self._lease = round(lease_seconds * SECOND)

    async def persons(self, limit: int, fence: int) -> list[bytes]:
        """Claim up to `limit` due persons, oldest first; raise StoreError."""
        values = {"limit": limit, "lease": self._lease, "fence": fence}
        rows = await self._database.rows("claim", values)
        return [person for _, _, person in sorted(rows)]

    async def turns(self, persons: Sequence[bytes], lease: Lease) -> list[tuple[Claim, Turn]]:
        """Read the turns of persons that were claimed; one that is damaged is set aside."""
        asked = {"persons": bytes_array(persons), "fence": lease.fence}
        heads, rows = await self._database.several(
            [("turn_heads", asked), ("turn_items", {**asked, "limit": TURN_ITEMS})]
        )
        items: dict[bytes, list[Any]] = {}
        for person, *item in rows:
            items.setdefault(person, []).append(item)
        places = {person: place for place, person in enumerate(persons)}
        heads.sort(key=lambda head: places[head[0]])
        return list(_read(heads, items, lease))


def _read(
    heads: Sequence[Any], items: dict[bytes, list[Any]], lease: Lease
) -> Iterable[tuple[Claim, Turn]]:
    for person, mapping, name, state, attempts, since, writes, intent in heads:
        subject = Subject(mapping.decode(), name.decode())
        waiting = stored_items(items.get(person, ()))
        ids = frozenset([item.id for item in waiting])
        claim = Claim(subject, person, lease.fence, lease.expires, lease.seconds, ids, intent)
        try:
            turn = Turn(
                subject,
                _FIRST_STATE if state is None else decode_state(state),
                waiting,
                tuple(write for body in writes for write in decode_writes(body)),
                attempts,
                since,
            )
        except StoreError as error:
            # Its lease ends by itself; it comes again then, and is reported again.
            _log.error("person_set_aside", row=person.hex(), problem=str(error))
            continue
        yield claim, turn
