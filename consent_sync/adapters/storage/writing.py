"""What the writer thread does inside a transaction: one method per promise of the store."""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final

import apsw

from consent_sync.adapters.storage.lanes import Claim
from consent_sync.adapters.storage.statements import SqlValue, queries
from consent_sync.domain.errors import StoreError
from consent_sync.domain.identity import Subject, unresolved_profile_id
from consent_sync.domain.moments import Micros
from consent_sync.ports.store import NewEvent, RefusedRequest, Settlement

COMMITS: Final = "commits"
Arrivals = list[tuple[int, int]]
"""Persons and the items that now wait for them."""


def person_key(subject: Subject) -> bytes:
    """Return the hash a person is found by; the separator is in no mapping's name."""
    text = f"{subject.mapping}\x00{subject.person}"
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def event_key(event: NewEvent) -> bytes:
    """Return the hash that equal events of one source and mapping share."""
    scope = f"{event.source.value}\x00{event.mapping}\x00".encode()
    return hashlib.blake2b(scope + event.digest, digest_size=16).digest()


def profile_key(settlement: Settlement) -> bytes | None:
    """Return the hash of the person's Actito profile; a stand-in for a person has none."""
    mapping, person = settlement.subject
    profile_id = settlement.state.names.profile_id
    if not profile_id or unresolved_profile_id(person) is not None:
        return None
    return person_key(Subject(mapping, profile_id))


class Desk:
    """The statements that change something, and the numbers they go on from.

    `taken` says whether a turn has an item. Every method raises apsw.Error or StoreError, and
    leaves the transaction to its caller.
    """

    def __init__(
        self, connection: apsw.Connection, taken: Callable[[int, int], bool] = lambda _p, _i: False
    ) -> None:
        self._sql = queries()
        self._taken = taken
        self._cursor = connection.cursor()
        numbers = self._row("last_numbers", ())
        self._event, self._person, self._item, self._intent, self._record = numbers or (0,) * 5
        tallies: list[Any] = self._execute("tallies", ()).fetchall()
        self._tallies: Counter[str] = Counter(dict(tallies))
        self._changed: dict[str, int] = {}

    # --- the transaction's counts ---

    def count(self, name: str, change: int) -> None:
        """Change a count within this transaction."""
        self._changed[name] = self._tally(name) + change

    def keep_counts(self) -> int:
        """Write the changed counts; return the number of this transaction."""
        self.count(COMMITS, 1)
        for name, value in self._changed.items():
            self._execute("set_tally", (name, value))
        return self._changed[COMMITS]

    def committed(self) -> None:
        """The transaction holds."""
        self._tallies.update(
            {name: value - self._tallies[name] for name, value in self._changed.items()}
        )
        self._changed.clear()

    def rolled_back(self) -> None:
        """The transaction never was; numbers given out in it stay unused."""
        self._changed.clear()

    # --- the promises ---

    def accept(self, events: Sequence[NewEvent]) -> tuple[list[bool], Arrivals]:
        """Store events that are new; return which are, and who has something waiting now."""
        arrivals: Arrivals = []
        return [self._accept(event, arrivals) for event in events], arrivals

    def refuse(self, request: RefusedRequest) -> int:
        """Keep a refused request and return its number."""
        source = request.source.value
        self._insert_event(
            source,
            request.mapping,
            "",
            request.received_at,
            request.status,
            request.problem,
            request.body,
        )
        self.count(f"refused:{source}", 1)
        return self._event

    def announce(self, person: int, body: bytes) -> None:
        """Remember writes that are about to be sent."""
        self._intent += 1
        self._execute("insert_intent", (person, self._intent, body))

    def settle(
        self, claim: Claim, settlement: Settlement, state: bytes, record: bytes | None
    ) -> tuple[bool, Micros | None, Arrivals]:
        """Record the end of a turn; return if it is due at once, when again, and who else is."""
        person = claim.person
        newest = claim.record
        if record is not None:
            self._record += 1
            newest = self._record
            self._execute("insert_record", (newest, person, claim.record, record))
        self._keep_state(claim, settlement, state, newest)
        self._execute("delete_intents", (person,))
        arrivals = self._finish_items(person, settlement)
        remaining = self._row("newest_item", (person,))
        if remaining is None and (settlement.done or settlement.moved):
            self.count("waiting", -1)
        now, due_at = self._set_lane(claim, settlement, remaining[0] if remaining else 0)
        return now, due_at, arrivals

    def replay(
        self, number: int, subjects: Sequence[Subject], received_at: Micros
    ) -> Arrivals | None:
        """Let a stored event wait again; None when there is no such event."""
        head = self._row("event_head", (number,))
        if head is None:
            return None
        source, status = head
        if status:
            self._execute("accept_refused", (number,))
            self.count(f"refused:{source}", -1)
            self.count(f"events:{source}", 1)
        arrivals: Arrivals = []
        for subject in subjects:
            person = self._find_or_make(subject)
            if self._row("same_event_waits", (number, person)) is None:
                self._insert_item(number, person, received_at, None, arrivals)
        return arrivals

    # --- parts ---

    def _accept(self, event: NewEvent, arrivals: Arrivals) -> bool:
        key = event_key(event)
        if event.repeatable:
            if self._equal_waits(key, event.subjects):
                return False
        elif not self._changes("remember_digest", (key,)):
            return False
        source = event.source.value
        self._insert_event(source, event.mapping, event.type, event.received_at, 0, "", event.body)
        self.count(f"events:{source}", 1)
        self._changed[f"last:{source}"] = max(self._tally(f"last:{source}"), event.received_at)
        repeat_key = key if event.repeatable else None
        number = self._event
        for subject in event.subjects:
            person = self._find_or_make(subject)
            self._insert_item(number, person, event.received_at, repeat_key, arrivals)
        return True

    def _equal_waits(self, key: bytes, subjects: Sequence[Subject]) -> bool:
        """Whether equal events wait, untaken, for every one of these persons."""
        rows: list[Any] = self._execute("equal_items", (key,)).fetchall()
        waiting = {person for person, item in rows if not self._taken(person, item)}
        return bool(waiting) and all(self._find(subject) in waiting for subject in subjects)

    def _insert_event(
        self,
        source: str,
        mapping: str,
        kind: str,
        received_at: Micros,
        status: int,
        problem: str,
        body: bytes,
    ) -> None:
        self._event += 1
        values = (self._event, source, mapping, kind, received_at, status, problem, body)
        self._execute("insert_event", values)

    def _insert_item(
        self, event: int, person: int, received_at: Micros, key: bytes | None, arrivals: Arrivals
    ) -> None:
        self._welcome(person)
        self._item += 1
        self._execute("insert_item", (self._item, event, person, received_at, key))
        arrivals.append((person, self._item))

    def _welcome(self, person: int) -> None:
        """Something is about to wait for a person: count the turn, and make it due at once."""
        if self._row("newest_item", (person,)) is None:
            self.count("waiting", 1)
        if self._tally("retrying"):
            self._execute("hurry_lane", (person,))

    def _find(self, subject: Subject) -> int | None:
        row = self._row("person_id", (person_key(subject),))
        return row[0] if row else None

    def _find_or_make(self, subject: Subject) -> int:
        found = self._find(subject)
        if found is not None:
            return found
        self._person += 1
        self._execute("insert_person", (self._person, person_key(subject), *subject))
        self.count("persons", 1)
        return self._person

    def _keep_state(
        self, claim: Claim, settlement: Settlement, state: bytes, newest: int | None
    ) -> None:
        summary = settlement.summary
        values = (state, newest, summary.held, summary.failed, claim.person)
        self._execute("update_person", values)
        if summary.optout_waiting_since != claim.optout:
            self._execute("set_optout", (summary.optout_waiting_since, claim.person))
        profile = profile_key(settlement)
        if profile != claim.profile:
            self._execute("set_profile", (profile, claim.person))
        for name, change in (
            ("held", summary.held - claim.held),
            ("failed", summary.failed - claim.failed),
        ):
            if change:
                self.count(name, change)

    def _finish_items(self, person: int, settlement: Settlement) -> Arrivals:
        arrivals: Arrivals = []
        for item in settlement.done:
            self._execute("delete_item", (item, person))
        for item, subject in settlement.moved:
            target = self._find_or_make(subject)
            self._welcome(target)
            self._item += 1
            if not self._changes("move_item", (self._item, target, item, person)):
                raise StoreError(f"item {item} does not wait for the person whose turn ended")
            arrivals.append((target, self._item))
        return arrivals

    def _set_lane(
        self, claim: Claim, settlement: Settlement, remaining: int
    ) -> tuple[bool, Micros | None]:
        person = claim.person
        if settlement.due_at is None:
            if self._tally("retrying") and self._changes("delete_lane", (person,)):
                self.count("retrying", -1)
            return remaining > 0, None
        # After progress the rest of a long line is due; without any, only what came meanwhile is,
        # or a person with a long line would be tried again without a pause.
        progress = settlement.done or settlement.moved
        now = remaining > (claim.last_item if progress else claim.newest_item)
        values = (
            0 if now else settlement.due_at,
            settlement.attempts,
            settlement.first_failed_at,
            person,
        )
        if not self._changes("update_lane", values):
            self._execute("insert_lane", values)
            self.count("retrying", 1)
        return now, settlement.due_at

    # --- SQL ---

    def _tally(self, name: str) -> int:
        value = self._changed.get(name)
        return self._tallies[name] if value is None else value

    def _execute(self, name: str, values: tuple[SqlValue, ...]) -> apsw.Cursor:
        return self._cursor.execute(self._sql[name], values)

    def _row(self, name: str, values: tuple[SqlValue, ...]) -> tuple[int, ...] | None:
        return self._execute(name, values).fetchone()

    def _changes(self, name: str, values: tuple[SqlValue, ...]) -> int:
        self._execute(name, values)
        return self._cursor.connection.changes()
