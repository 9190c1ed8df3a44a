"""What is looked up in the database, each call in short transactions."""

from collections.abc import Sequence
from typing import Any, Final

import apsw
import orjson

from consent_sync.adapters.storage.codec import decode_record, decode_state
from consent_sync.adapters.storage.codec_versions import version_of
from consent_sync.adapters.storage.codec_words import source_named
from consent_sync.adapters.storage.keys import person_key
from consent_sync.adapters.storage.statements import SqlValue, Statements
from consent_sync.domain.identity import Side, Subject
from consent_sync.domain.ledger import LedgerRecord
from consent_sync.domain.moments import Micros
from consent_sync.domain.state import PersonState
from consent_sync.ports.board import Notice
from consent_sync.ports.graves import Grave
from consent_sync.ports.store import (
    SideStatus,
    StoredEvent,
    StoredItem,
    StoreStatus,
)
from consent_sync.ports.versions import MappingVersion

_OUT_OF_ORDER: Final = 10_000
"""How many numbers apart two events may be that arrived at the same time."""


class Reader:
    """One connection that reads; used by one thread at a time. Methods raise apsw.Error."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._statements = Statements(connection)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def person(self, subject: Subject) -> PersonState | None:
        """Return what is known about a person."""
        number = self._number(subject)
        return None if number is None else self.state_of(number)

    def state_of(self, number: int) -> PersonState | None:
        """Return what is known about the person of this number."""
        rows = self._rows("person_state", (number,))
        return decode_state(rows[0][0]) if rows and rows[0][0] is not None else None

    def states(self, subjects: Sequence[Subject]) -> dict[Subject, PersonState]:
        """Return what is known about each of these persons."""
        by_key = {person_key(subject).hex(): subject for subject in subjects}
        rows = self._rows("states_of_persons", (orjson.dumps(list(by_key)).decode(),))
        return {by_key[key]: decode_state(state) for key, state in rows}

    def people(
        self, after: int, limit: int, *, failed: bool
    ) -> list[tuple[int, Subject, PersonState]]:
        """Return persons with a state, in the order of their numbers."""
        query = "failed_page" if failed else "people_page"
        return [
            (number, Subject(mapping, person), decode_state(state))
            for number, mapping, person, state in self._rows(query, (after, limit))
        ]

    def find_profile(self, mapping: str, profile_id: str) -> str | None:
        """Return the person key of an Actito profile."""
        rows = self._rows("person_of_profile", (person_key(Subject(mapping, profile_id)),))
        return str(rows[0][0]) if rows else None

    def timeline(self, subject: Subject, limit: int) -> list[LedgerRecord]:
        """Return the newest records of a person, newest first."""
        number = self._number(subject)
        return [] if number is None else self.records_of(number, limit)

    def records_of(self, number: int, limit: int) -> list[LedgerRecord]:
        """Return the newest records of the person of this number, newest first."""
        return [decode_record(body) for (body,) in self._rows("timeline", (number, limit))]

    def kept_number(self, key: bytes) -> int | None:
        """Return the number of a person whose hash has left the log."""
        rows = self._rows("person_by_key", (key,))
        return int(rows[0][0]) if rows else None

    def logged_persons(self, after: int, limit: int) -> list[tuple[int, bytes]]:
        """Return the newest persons with numbers above this one, and their hashes."""
        return [(int(one), key) for one, key in self._rows("person_log_after", (after, limit))]

    def waiting(self, subject: Subject) -> tuple[StoredItem, ...]:
        """Return the items that wait for a person."""
        number = self._number(subject)
        return () if number is None else stored_items(self._rows("items_of_person", (number,)))

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

    def accepted_after(self, number: int, limit: int) -> list[StoredEvent]:
        """Return accepted events with numbers above this one, oldest first."""
        return [_event(row) for row in self._rows("accepted_after", (number, limit))]

    def events_by_numbers(self, numbers: Sequence[int]) -> list[StoredEvent]:
        """Return these events, oldest first."""
        return [_event(row) for row in self._statements.rows_of("events_by_numbers", numbers)]

    def number_at(self, moment: Micros) -> int:
        """Return a number that every event received since that moment is above.

        Numbers follow arrival closely and not to the last one, so it goes a little further back.
        """
        low, high = 0, int(self._rows("last_numbers", ())[0][0]) + 1
        while low < high:
            middle = (low + high) // 2
            found = self._rows("moment_after", (middle,))
            if found and found[0][1] < moment:
                low = int(found[0][0]) + 1
            else:
                high = middle
        return max(0, low - 1 - _OUT_OF_ORDER)

    def recent(self, after: int, limit: int) -> list[tuple[int, Subject, LedgerRecord]]:
        """Return the ledger records after a number, oldest first."""
        return [
            (number, Subject(mapping, person), decode_record(body))
            for number, mapping, person, body in self._rows("recent_records", (after, limit))
        ]

    def newest_record(self) -> int:
        """Return the number of the newest ledger record, 0 when there is none."""
        return int(self._rows("last_numbers", ())[0][4])

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
            retrying_turns=self._rows("count_failing", ())[0][0],
            oldest_waiting_at=oldest[0][0] if oldest else None,
            oldest_waiting_optout_at=self._rows("oldest_optout", ())[0][0],
            held=tally.get("held", 0),
            failed=tally.get("failed", 0),
            persons=tally.get("persons", 0),
        )

    def graves(self, marks: Sequence[bytes] | None) -> list[Grave]:
        """Return these tombstones or all, oldest first."""
        found = [Grave(bytes(mark), *rest) for mark, *rest in self._rows("tombstones", ())]
        wanted = None if marks is None else frozenset(marks)
        return [one for one in found if wanted is None or one.mark in wanted]

    def notice(self, name: str) -> Notice:
        """Return what is written on the board under a name."""
        rows = self._rows("notice", (name,))
        return Notice(int(rows[0][0]), bytes(rows[0][1])) if rows else Notice(0, b"")

    def names(self, after: int, limit: int) -> list[tuple[int, Subject]]:
        """Return the next of everybody ever named."""
        rows = self._rows("names_page", (after, limit))
        return [(int(number), Subject(mapping, person)) for number, mapping, person in rows]

    def versions_in_force(self) -> list[MappingVersion]:
        """Return the newest version of each mapping that has not ended."""
        newest = [version_of(row) for row in self._rows("versions_in_force", ())]
        return [one for one in newest if one.content is not None]

    def versions(self, mapping: str | None, before: int | None, limit: int) -> list[MappingVersion]:
        """Return versions without their texts, newest first."""
        below = before if before is not None else 2**63 - 1
        if mapping is None:
            return [version_of(row) for row in self._rows("versions", (below, limit))]
        return [version_of(row) for row in self._rows("versions_of", (mapping, below, limit))]

    def version(self, mapping: str, version: str) -> MappingVersion | None:
        """Return a version by its hash."""
        rows = self._rows("version_by_hash", (mapping, version)) if version else ()
        return version_of(rows[0]) if rows else None

    def version_by_number(self, number: int) -> MappingVersion | None:
        """Return a version by its number."""
        rows = self._rows("version_by_number", (number,))
        return version_of(rows[0]) if rows else None

    def _number(self, subject: Subject) -> int | None:
        rows = self._rows("person_id", (person_key(subject),))
        return int(rows[0][0]) if rows else None

    def _rows(self, name: str, values: tuple[SqlValue, ...]) -> list[Any]:
        return self._statements.rows(name, *values)


def stored_items(rows: Sequence[Any]) -> tuple[StoredItem, ...]:
    """Return items in the order they were received; a moved or replayed one may have a new number."""
    items = [
        StoredItem(
            item, StoredEvent(number, source_named(source), mapping, kind, at, body, waiting=True)
        )
        for item, at, number, source, mapping, kind, body in rows
    ]
    if len(items) > 1:
        items.sort(key=lambda item: (item.event.received_at, item.id))
    return tuple(items)


def _event(row: Any) -> StoredEvent:
    number, source, mapping, kind, received_at, body, status, problem, waiting = row
    return StoredEvent(
        number,
        source_named(source),
        mapping,
        kind,
        received_at,
        body,
        status,
        problem,
        waiting == 1,
    )
