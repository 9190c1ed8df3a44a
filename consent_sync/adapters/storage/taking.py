"""Reading turns: who is due, what waits for them, and what is known about them."""

from collections.abc import Sequence
from typing import Any, Final

import apsw

from consent_sync.adapters.storage.codec import decode_state, decode_writes
from consent_sync.adapters.storage.lanes import Claim
from consent_sync.adapters.storage.reading import stored_items
from consent_sync.adapters.storage.statements import Statements
from consent_sync.domain.errors import StoreError
from consent_sync.domain.identity import Subject
from consent_sync.domain.ledger import Write
from consent_sync.domain.moments import Micros
from consent_sync.domain.state import PersonState
from consent_sync.domain.urgency import Urgency, hurry
from consent_sync.ports.store import Turn

TURN_ITEMS: Final = 200
"""How many items one turn takes at most; the rest stays due."""

Due = list[tuple[int, Urgency]]
"""Persons whose turn is due, and how urgent it is."""

_FIRST_STATE: Final = PersonState()

Found = Turn | StoreError | None
"""A turn, why it cannot be read, or that nothing is due."""


class TurnReader:
    """One connection that reads; used by one thread at a time. Methods raise apsw.Error."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._statements = Statements(connection)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def turns(self, claims: Sequence[Claim], announced: frozenset[int], now: Micros) -> list[Found]:
        """Return what is due for each claim, and complete the claims."""
        self._connection.execute("BEGIN")
        try:
            return self._turns(claims, announced, now)
        finally:
            self._connection.execute("ROLLBACK")

    def waiting_page(
        self, after: int, limit: int, now: Micros, *, optouts: bool
    ) -> tuple[Due, int, bool]:
        """Return who of the next items' persons is due, the last item, and if it was the last.

        With `optouts` only of the items that may be such.
        """
        query = "waiting_optouts_page" if optouts else "waiting_page"
        rows = self._statements.rows(query, after, limit)
        persons = [
            (person, Urgency(urgency))
            for _, person, urgency, due_at in rows
            if due_at is None or due_at <= now
        ]
        return persons, rows[-1][0] if rows else after, len(rows) < limit

    def due_lanes(self, limit: int, now: Micros) -> tuple[Due, Micros | None]:
        """Return persons whose turn comes again by now, and the next moment of the others."""
        rows = self._statements.rows("due_lanes", now, limit)
        persons = [(person, hurry(optout, attempts)) for person, optout, attempts in rows]
        if len(persons) == limit:
            return persons, now
        following: Micros | None = self._statements.value("next_due", now)
        return persons, following

    def announced(self) -> set[int]:
        """Return the persons with writes that were announced and never settled."""
        return {person for (person,) in self._statements.rows("announced_persons")}

    def _turns(
        self, claims: Sequence[Claim], announced: frozenset[int], now: Micros
    ) -> list[Found]:
        persons = [claim.person for claim in claims]
        heads = {row[0]: row[1:] for row in self._statements.rows_of("turn_heads", persons)}
        items: dict[int, list[Any]] = {}
        for person, *item in self._statements.rows_of("turns_items", persons, TURN_ITEMS + 1):
            items.setdefault(person, []).append(item)
        found: list[Found] = []
        for claim in claims:
            try:
                in_flight = self._in_flight(claim.person) if claim.person in announced else ()
                waiting = items.get(claim.person, [])
                head = heads.get(claim.person)
                # Nothing is due for somebody who was erased meanwhile.
                found.append(head and self._turn(claim, head, waiting, in_flight, now))
            except StoreError as error:
                # One person's damaged state must not keep the others waiting.
                found.append(error)
        return found

    def _turn(
        self, claim: Claim, head: Any, items: list[Any], in_flight: tuple[Write, ...], now: Micros
    ) -> Found:
        mapping, person, state, *known, due_at, attempts, since = head
        nothing = due_at is None and not items and not in_flight
        if nothing or (due_at is not None and due_at > now):
            return None
        claim.record, claim.held, claim.failed, claim.optout, claim.profile = known
        handed = items[:TURN_ITEMS]
        claim.items = frozenset([item[0] for item in handed])
        claim.newest_item = handed[-1][0] if handed else 0
        if len(items) > TURN_ITEMS:
            claim.newest_item = self._statements.value("newest_item", claim.person)
        return Turn(
            Subject(mapping, person),
            decode_state(state) if state is not None else _FIRST_STATE,
            stored_items(handed),
            in_flight,
            attempts or 0,
            since,
        )

    def _in_flight(self, person: int) -> tuple[Write, ...]:
        bodies = self._statements.rows("turn_intents", person)
        return tuple(write for (body,) in bodies for write in decode_writes(body))
