"""Turns as they come from the database: whom a claim found, and what waits for them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import structlog

from consent_sync.adapters.storage.codec import decode_state, decode_writes
from consent_sync.adapters.storage.postgres.arrays import integer_array
from consent_sync.adapters.storage.postgres.claims import Claim
from consent_sync.adapters.storage.postgres.connections import Database, repeated
from consent_sync.adapters.storage.postgres.reading import stored_items
from consent_sync.domain.errors import StoreError
from consent_sync.domain.identity import Subject
from consent_sync.domain.moments import SECOND
from consent_sync.domain.state import PersonState
from consent_sync.domain.urgency import Share, Urgency
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
    """Claims lanes and reads the turns."""

    def __init__(self, database: Database, lease_seconds: float) -> None:
        self._database = database
        self._lease = round(lease_seconds * SECOND)
        self._share = Share()

    async def turns(self, limit: int, lease: Lease, *, hurried: bool) -> list[tuple[Claim, Turn]]:
        """Claim up to `limit` due persons, the urgent ones first; one that is damaged is set aside.

        Raises StoreError.
        """
        order = (Urgency.OPT_OUT,) if hurried else self._share.order(tuple(Urgency))
        values = {
            "limit": limit,
            "lease": self._lease,
            "fence": lease.fence,
            "items": TURN_ITEMS,
            "order": integer_array([int(one) for one in order]),
        }
        # A claim whose answer was lost stays claimed until its lease ends.
        rows = await repeated(lambda: self._database.rows("claim", values))
        return list(_read(rows, lease))


def _read(rows: Sequence[Any], lease: Lease) -> Iterable[tuple[Claim, Turn]]:
    for person, group in groupby(rows, key=itemgetter(0)):
        found = list(group)
        _, _, mapping, name, state, attempts, since, writes, intent, *_ = found[0]
        subject = Subject(mapping.decode(), name.decode())
        waiting = stored_items([row[9:] for row in found if row[9] is not None])
        ids = frozenset([item.id for item in waiting])
        claim = Claim(subject, person, lease.fence, lease.expires, lease.seconds, ids, intent or 0)
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
