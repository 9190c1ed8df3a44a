"""What is looked up in the database; every look is a transaction of its own."""

from collections.abc import Sequence
from typing import Any, Final, Protocol

from psycopg.rows import TupleRow

from consent_sync.adapters.storage.codec import decode_record, decode_state
from consent_sync.adapters.storage.codec_versions import version_of
from consent_sync.adapters.storage.codec_words import source_named
from consent_sync.adapters.storage.keys import person_key
from consent_sync.adapters.storage.postgres.arrays import bytes_array, integer_array
from consent_sync.adapters.storage.postgres.connections import Values
from consent_sync.adapters.storage.postgres.errors import explained
from consent_sync.domain.identity import Side, Subject
from consent_sync.domain.ledger import LedgerRecord
from consent_sync.domain.state import PersonState
from consent_sync.ports.board import Notice
from consent_sync.ports.graves import Grave
from consent_sync.ports.store import SideStatus, StoredEvent, StoredItem, StoreStatus
from consent_sync.ports.versions import MappingVersion

_LAST: Final = 2**63 - 1


class Asking(Protocol):
    """Runs named queries."""

    async def several(self, asked: Sequence[tuple[str, Values]]) -> list[list[TupleRow]]:
        """Run them, sent together; return the rows of each, raise StoreError."""
        ...


class Looking:
    """The looking half of `Ledger`; every method raises StoreError."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    async def person(self, subject: Subject) -> PersonState | None:
        """Return what is known about a person, None for nobody."""
        rows = await self._rows("person_state", key=_key(subject))
        return decode_state(rows[0][0]) if rows and rows[0][0] is not None else None

    async def states(self, subjects: Sequence[Subject]) -> dict[Subject, PersonState]:
        """Return what is known about each of these persons; who is not known is left out."""
        by_key = {_key(subject): subject for subject in subjects}
        rows = await self._rows("states_of_persons", keys=bytes_array(list(by_key)))
        return {by_key[key]: decode_state(state) for key, state in rows}

    async def people(
        self, after: int, limit: int, *, failed: bool = False
    ) -> Sequence[tuple[int, Subject, PersonState]]:
        """Return persons with a state and a number above `after`, in the order of their numbers."""
        query = "failed_page" if failed else "people_page"
        return [
            (number, Subject(mapping.decode(), person.decode()), decode_state(state))
            for number, mapping, person, state in await self._rows(query, after=after, limit=limit)
        ]

    async def find_profile(self, mapping: str, profile_id: str) -> str | None:
        """Return the person key whose settled state names this Actito profile id, if any."""
        rows = await self._rows("person_of_profile", key=_key(Subject(mapping, profile_id)))
        return str(rows[0][0].decode()) if rows else None

    async def timeline(self, subject: Subject, limit: int) -> Sequence[LedgerRecord]:
        """Return the newest records of a person, newest first."""
        rows = await self._rows("timeline", key=_key(subject), limit=limit)
        return [decode_record(body) for (body,) in rows]

    async def waiting(self, subject: Subject) -> Sequence[StoredItem]:
        """Return the items that wait for a person, oldest first."""
        return stored_items(await self._rows("items_of_person", key=_key(subject)))

    async def events(
        self, *, refused: bool, before: int | None, limit: int, source: Side | None = None
    ) -> Sequence[StoredEvent]:
        """Return accepted or refused events, newest first, with numbers below `before`."""
        page = {"before": _LAST if before is None else before, "limit": limit}
        if not refused and source is None:
            return [_event(row) for row in await self._rows("accepted_events", **page)]
        name = "refused_events" if refused else "accepted_events_of_source"
        sides = tuple(Side) if source is None else (source,)
        found = await self._asking.several(
            [(name, {**page, "source": side.value}) for side in sides]
        )
        rows = sorted((row for rows in found for row in rows), key=lambda row: -row[0])
        return [_event(row) for row in rows[:limit]]

    async def event(self, number: int) -> StoredEvent | None:
        """Return one event or refused request by its number, None when there is none."""
        if not 0 < number < _LAST:
            return None
        rows = await self._rows("event_by_number", number=number)
        return _event(rows[0]) if rows else None

    async def events_by_numbers(self, numbers: Sequence[int]) -> Sequence[StoredEvent]:
        """Return these events, oldest first."""
        rows = await self._rows("events_by_numbers", numbers=integer_array(numbers))
        return [_event(row) for row in rows]

    async def recent(
        self, *, after: int, limit: int
    ) -> Sequence[tuple[int, Subject, LedgerRecord]]:
        """Return the ledger records that follow the one numbered `after`.

        Numbers may jump back where several replicas write; none is missed and none comes twice.
        """
        rows = await self._rows("recent_records", after=after, limit=limit)
        return [
            (number, Subject(mapping.decode(), person.decode()), decode_record(body))
            for number, mapping, person, body in rows
        ]

    async def newest_record(self) -> int:
        """Return the number of the last ledger record, 0 when there is none."""
        rows = await self._rows("newest_record")
        return int(rows[0][0]) if rows else 0

    async def graves(self, marks: Sequence[bytes] | None = None) -> Sequence[Grave]:
        """Return these tombstones or all, lifted ones too, oldest first."""
        found = [Grave(*row) for row in await self._rows("tombstones")]
        wanted = None if marks is None else frozenset(marks)
        return [one for one in found if wanted is None or one.mark in wanted]

    async def notice(self, name: str) -> Notice:
        """Return what is written on the board under a name."""
        rows = await self._rows("notice", board=name)
        return Notice(*rows[0]) if rows else Notice(0, b"")

    async def names(self, after: int, limit: int) -> Sequence[tuple[int, Subject]]:
        """Return everybody ever named with a number above `after`, an empty page at the end."""
        rows = await self._rows("names_page", after=after, limit=limit)
        return [(int(n), Subject(one.decode(), person.decode())) for n, one, person in rows]

    async def status(self) -> StoreStatus:
        """Return the counts that operators look at."""
        last = [("last_event", {"source": side.value}) for side in Side]
        tallies, [[retrying, oldest, optout]], *lasts = await self._asking.several(
            [("tallies", {}), ("status", {}), *last]
        )
        tally: dict[str, int] = dict(tallies)
        sides = {
            side: SideStatus(
                rows[0][0] if rows else None,
                tally.get(f"events:{side.value}", 0),
                tally.get(f"refused:{side.value}", 0),
            )
            for side, rows in zip(Side, lasts, strict=True)
        }
        return StoreStatus(
            sides=sides,
            waiting_turns=tally.get("waiting", 0),
            retrying_turns=retrying,
            oldest_waiting_at=oldest,
            oldest_waiting_optout_at=optout,
            held=tally.get("held", 0),
            failed=tally.get("failed", 0),
            persons=tally.get("persons", 0),
        )

    async def versions_in_force(self) -> Sequence[MappingVersion]:
        """Return the newest version of every mapping that has not ended, by name."""
        newest = [version_of(row) for row in await self._rows("versions_in_force")]
        return [one for one in newest if one.content is not None]

    async def versions(
        self, mapping: str | None, *, before: int | None, limit: int
    ) -> Sequence[MappingVersion]:
        """Return the versions of one mapping or of all, newest first, without their texts."""
        page = {"before": _LAST if before is None else before, "limit": limit}
        if mapping is None:
            return [version_of(row) for row in await self._rows("versions", **page)]
        return [version_of(row) for row in await self._rows("versions_of", mapping=mapping, **page)]

    async def version(self, mapping: str, version: str) -> MappingVersion | None:
        """Return a version by its hash, the newest where it came back; None when there is none."""
        if not version:
            return None
        rows = await self._rows("version_by_hash", mapping=mapping, version=version)
        return version_of(rows[0]) if rows else None

    async def version_by_number(self, number: int) -> MappingVersion | None:
        """Return a version by its number, None when there is none."""
        rows = await self._rows("version_by_number", number=number) if 0 < number < _LAST else []
        return version_of(rows[0]) if rows else None

    async def _rows(self, name: str, **values: Any) -> list[TupleRow]:
        [rows] = await self._asking.several([(name, values)])
        return rows


def stored_items(rows: Sequence[Any]) -> tuple[StoredItem, ...]:
    """Return items in the order they were received; a moved or replayed one may have a new number."""
    items = [
        StoredItem(
            item,
            StoredEvent(
                number,
                source_named(source),
                mapping.decode(),
                kind.decode(),
                at,
                body,
                waiting=True,
            ),
        )
        for item, at, number, source, mapping, kind, body in rows
    ]
    items.sort(key=lambda item: (item.event.received_at, item.id))
    return tuple(items)


def _key(subject: Subject) -> bytes:
    with explained():
        return person_key(subject)


def _event(row: Any) -> StoredEvent:
    number, source, mapping, kind, received_at, body, status, problem, waiting = row
    return StoredEvent(
        number,
        source_named(source),
        mapping.decode(),
        kind.decode(),
        received_at,
        body,
        status,
        problem.decode(),
        waiting,
    )
