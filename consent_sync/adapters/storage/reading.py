"""What is read from the database, each call in one short transaction."""

from collections.abc import Sequence
from typing import Any

import apsw

from consent_sync.adapters.storage.codec import decode_record, decode_state, decode_writes
from consent_sync.adapters.storage.lanes import Claim
from consent_sync.adapters.storage.statements import SqlValue, queries
from consent_sync.adapters.storage.writing import person_key
from consent_sync.domain.identity import Side, Subject
from consent_sync.domain.ledger import LedgerRecord, Write
from consent_sync.domain.moments import Micros
from consent_sync.domain.state import PersonState
from consent_sync.ports.store import (
    SideStatus,
    StoredEvent,
    StoredItem,
    StoreStatus,
    Turn,
)

TURN_ITEMS = 200
"""How many items one turn takes at most; the rest stays due."""

_FIRST_STATE = PersonState()


class Reader:
    """One connection that reads; used by one thread at a time. Methods raise apsw.Error."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._sql = queries()
        self._cursor = connection.cursor()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    # --- turns ---

    def turns(
        self, claims: Sequence[Claim], announced: frozenset[int], now: Micros
    ) -> list[Turn | None]:
        """Return the turn of each claim, None where nothing is due; complete the claims."""
        self._cursor.execute("BEGIN")
        try:
            return [self._turn(claim, claim.person in announced, now) for claim in claims]
        finally:
            self._cursor.execute("COMMIT")

    def _turn(self, claim: Claim, announced: bool, now: Micros) -> Turn | None:
        head = self._rows("turn_head", (claim.person,))[0]
        mapping, person, state, *known, due_at, attempts, since = head
        claim.record, claim.held, claim.failed, claim.optout, claim.profile = known
        if due_at is not None and due_at > now:
            return None
        rows = self._rows("turn_items", (claim.person, TURN_ITEMS + 1))
        in_flight = self._in_flight(claim.person) if announced else ()
        if due_at is None and not rows and not in_flight:
            return None
        claim.last_item = claim.newest_item = rows[:TURN_ITEMS][-1][0] if rows else 0
        if len(rows) > TURN_ITEMS:
            claim.newest_item = self._rows("newest_item", (claim.person,))[0][0]
        return Turn(
            Subject(mapping, person),
            decode_state(state) if state is not None else _FIRST_STATE,
            _items(rows[:TURN_ITEMS]),
            in_flight,
            attempts or 0,
            since,
        )

    def _in_flight(self, person: int) -> tuple[Write, ...]:
        bodies = self._rows("turn_intents", (person,))
        return tuple(write for (body,) in bodies for write in decode_writes(body))

    def waiting_page(self, after: int, limit: int, now: Micros) -> tuple[list[int], int, bool]:
        """Return who of the next items' persons is due, the last item, and if it was the last."""
        rows = self._rows("waiting_page", (after, limit))
        persons = [person for _, person, due_at in rows if due_at is None or due_at <= now]
        return persons, rows[-1][0] if rows else after, len(rows) < limit

    def due_lanes(self, limit: int, now: Micros) -> tuple[list[int], Micros | None]:
        """Return persons whose turn comes again by now, and the next moment of the others."""
        persons = [person for (person,) in self._rows("due_lanes", (now, limit))]
        if len(persons) == limit:
            return persons, now
        following = self._rows("next_due", (now,))
        return persons, following[0][0] if following else None

    def announced(self) -> set[int]:
        """Return the persons with writes that were announced and never settled."""
        return {person for (person,) in self._rows("announced_persons", ())}

    # --- looking ---

    def person(self, subject: Subject) -> PersonState | None:
        """Return what is known about a person."""
        rows = self._rows("person_state", (person_key(subject),))
        return decode_state(rows[0][0]) if rows and rows[0][0] is not None else None

    def find_profile(self, mapping: str, profile_id: str) -> str | None:
        """Return the person key of an Actito profile."""
        rows = self._rows("person_of_profile", (person_key(Subject(mapping, profile_id)),))
        return str(rows[0][0]) if rows else None

    def timeline(self, subject: Subject, limit: int) -> list[LedgerRecord]:
        """Return the newest records of a person, newest first."""
        rows = self._rows("timeline", (person_key(subject), limit))
        return [decode_record(body) for (body,) in rows]

    def waiting(self, subject: Subject) -> tuple[StoredItem, ...]:
        """Return the items that wait for a person."""
        rows = self._rows("person_id", (person_key(subject),))
        return _items(self._rows("turn_items", (rows[0][0], -1))) if rows else ()

    def events(
        self, *, refused: bool, before: int | None, limit: int, source: Side | None
    ) -> list[StoredEvent]:
        """Return accepted or refused events, newest first."""
        below = before if before is not None else 2**63 - 1
        if not refused and source is None:
            return [_event(row) for row in self._rows("accepted_events", (below, limit))]
        name = "refused_events" if refused else "accepted_events_of_source"
        rows = [
            row
            for side in (Side if source is None else (source,))
            for row in self._rows(name, (side.value, below, limit))
        ]
        rows.sort(key=lambda row: -row[0])
        return [_event(row) for row in rows[:limit]]

    def event(self, number: int) -> StoredEvent | None:
        """Return one event by its number."""
        rows = self._rows("event_by_number", (number,))
        return _event(rows[0]) if rows else None

    def recent(self, after: int, limit: int) -> list[tuple[int, Subject, LedgerRecord]]:
        """Return the ledger records after a number, oldest first."""
        return [
            (number, Subject(mapping, person), decode_record(body))
            for number, mapping, person, body in self._rows("recent_records", (after, limit))
        ]

    def status(self) -> StoreStatus:
        """Return the counts."""
        tally: dict[str, int] = dict(self._rows("tallies", ()))
        oldest = self._rows("oldest_waiting", ())
        sides = {
            side: SideStatus(
                tally.get(f"last:{side.value}"),
                tally.get(f"events:{side.value}", 0),
                tally.get(f"refused:{side.value}", 0),
            )
            for side in Side
        }
        return StoreStatus(
            sides=sides,
            waiting_turns=tally.get("waiting", 0),
            retrying_turns=tally.get("retrying", 0),
            oldest_waiting_at=oldest[0][0] if oldest else None,
            oldest_waiting_optout_at=self._rows("oldest_optout", ())[0][0],
            held=tally.get("held", 0),
            failed=tally.get("failed", 0),
            persons=tally.get("persons", 0),
        )

    def _rows(self, name: str, values: tuple[SqlValue, ...]) -> list[Any]:
        return self._cursor.execute(self._sql[name], values).fetchall()


def _items(rows: Sequence[Any]) -> tuple[StoredItem, ...]:
    """Build items in the order they were received; a moved or replayed one may have a new number."""
    items = [
        StoredItem(item, StoredEvent(number, Side(source), mapping, kind, at, body, waiting=True))
        for item, at, number, source, mapping, kind, body in rows
    ]
    if len(items) > 1:
        items.sort(key=lambda item: (item.event.received_at, item.id))
    return tuple(items)


def _event(row: Any) -> StoredEvent:
    number, source, mapping, kind, received_at, body, status, problem, waiting = row
    return StoredEvent(
        number, Side(source), mapping, kind, received_at, body, status, problem, waiting == 1
    )
