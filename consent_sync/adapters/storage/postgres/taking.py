"""Turns as they come from the database: whom a claim found, and what waits for them."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
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
from consent_sync.adapters.storage.postgres.settling import turn_values
from consent_sync.domain.errors import StoreError
from consent_sync.domain.identity import Subject
from consent_sync.domain.moments import SECOND
from consent_sync.domain.state import PersonState
from consent_sync.domain.urgency import Share, Urgency
from consent_sync.ports.store import Turn

TURN_ITEMS: Final = 200
"""How many items one turn takes at most; the rest stays due."""

ASIDE_SECONDS: Final = 5.0
"""After which a person who cannot be read here comes again, to whichever replica asks first."""

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
        """Claim up to `limit` due persons, the urgent ones first; raise StoreError.

        Whoever cannot be read is set aside for a while: during an update a newer replica may have
        written what only it and its like understand.
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
        found = list(_read(rows, lease))
        turns = [(claim, turn) for claim, turn in found if isinstance(turn, Turn)]
        aside = {claim: turn for claim, turn in found if isinstance(turn, StoreError)}
        if aside:
            await self._set_aside(aside)
        return turns

    async def _set_aside(self, aside: Mapping[Claim, StoreError]) -> None:
        for claim, error in aside.items():
            _log.error("person_set_aside", row=claim.person.hex(), problem=str(error))
        lease = min(self._lease, round(ASIDE_SECONDS * SECOND))
        # Where this fails the whole lease passes first.
        with suppress(StoreError):
            await self._database.rows("extend", {**turn_values([*aside]), "lease": lease})


def _read(rows: Sequence[Any], lease: Lease) -> Iterable[tuple[Claim, Turn | StoreError]]:
    for person, group in groupby(rows, key=itemgetter(0)):
        found = list(group)
        _, _, mapping, name, state, attempts, since, writes, intent, *_ = found[0]
        subject = Subject(mapping.decode(), name.decode())
        items = [row[9:] for row in found if row[9] is not None]
        ids = frozenset([number for number, *_ in items])
        claim = Claim(subject, person, lease.fence, lease.expires, lease.seconds, ids, intent or 0)
        try:
            known = _FIRST_STATE if state is None else decode_state(state)
            in_flight = tuple(write for body in writes for write in decode_writes(body))
            turn = Turn(subject, known, stored_items(items), in_flight, attempts, since)
        except StoreError as error:
            yield claim, error
        else:
            yield claim, turn
