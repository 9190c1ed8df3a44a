"""How the store in memory is looked at."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from consent_sync.adapters.storage.memory_data import Data
from consent_sync.domain.identity import Side, Subject
from consent_sync.domain.ledger import LedgerRecord
from consent_sync.domain.state import PersonState
from consent_sync.ports.graves import Grave
from consent_sync.ports.store import StoredEvent, StoredItem, StoreStatus
from consent_sync.ports.versions import MappingVersion


class LookingInMemory:
    """The looking half of the store; `shown` raises StoreError while it is closed."""

    def __init__(self, shown: Callable[[], Data]) -> None:
        self._shown = shown

    async def person(self, subject: Subject) -> PersonState | None:
        """Return what is known about a person, None for nobody."""
        data = self._shown()
        person = data.persons.get(data.known_as(subject))
        return person.state if person else None

    async def states(self, subjects: Sequence[Subject]) -> dict[Subject, PersonState]:
        """Return what is known about each of these persons."""
        data = self._shown()
        kept = {one: data.persons.get(data.known_as(one)) for one in subjects}
        known = {one: person.state for one, person in kept.items() if person is not None}
        return {subject: state for subject, state in known.items() if state is not None}

    async def people(
        self, after: int, limit: int, *, failed: bool = False
    ) -> Sequence[tuple[int, Subject, PersonState]]:
        """Return persons with a state and a number above `after`."""
        return self._shown().people(after, limit, failed=failed)

    async def find_profile(self, mapping: str, profile_id: str) -> str | None:
        """Return the person key whose settled state names this Actito profile id, if any."""
        return self._shown().find_profile(mapping, profile_id)

    async def timeline(self, subject: Subject, limit: int) -> Sequence[LedgerRecord]:
        """Return the newest records of a person, newest first."""
        data = self._shown()
        person = data.persons.get(data.known_as(subject))
        return person.records[::-1][:limit] if person else []

    async def waiting(self, subject: Subject) -> Sequence[StoredItem]:
        """Return the items that wait for a person, oldest first."""
        data = self._shown()
        person = data.persons.get(data.known_as(subject))
        return data.stored_items(person.items) if person else ()

    async def events(
        self, *, refused: bool, before: int | None, limit: int, source: Side | None = None
    ) -> Sequence[StoredEvent]:
        """Return accepted or refused events, newest first, with numbers below `before`."""
        return self._shown().list_events(refused=refused, before=before, limit=limit, source=source)

    async def event(self, number: int) -> StoredEvent | None:
        """Return one event or refused request by its number."""
        return self._shown().event(number)

    async def recent(
        self, *, after: int, limit: int
    ) -> Sequence[tuple[int, Subject, LedgerRecord]]:
        """Return ledger records with numbers above `after`, oldest first."""
        kept = [
            (number, *record)
            for number, record in enumerate(self._shown().ledger[after:], after + 1)
            if record is not None
        ]
        return kept[:limit]

    async def status(self) -> StoreStatus:
        """Return the counts that operators look at."""
        return self._shown().status()

    async def versions_in_force(self) -> Sequence[MappingVersion]:
        """Return the newest version of every mapping that has not ended, by name."""
        newest = {one.mapping: one for one in self._shown().versions}
        return [newest[name] for name in sorted(newest) if newest[name].content is not None]

    async def versions(
        self, mapping: str | None, *, before: int | None, limit: int
    ) -> Sequence[MappingVersion]:
        """Return the versions of one mapping or of all, newest first, without their texts."""
        fitting = [
            replace(one, text=b"")
            for one in reversed(self._shown().versions)
            if mapping in {None, one.mapping} and (before is None or one.number < before)
        ]
        return fitting[:limit]

    async def version(self, mapping: str, version: str) -> MappingVersion | None:
        """Return a version by its hash, the newest where it came back; None when there is none."""
        named = (
            one
            for one in reversed(self._shown().versions)
            if version and (one.mapping, one.version) == (mapping, version)
        )
        return next(named, None)

    async def version_by_number(self, number: int) -> MappingVersion | None:
        """Return a version by its number, None when there is none."""
        kept = self._shown().versions
        return kept[number - 1] if 1 <= number <= len(kept) else None

    async def graves(self, marks: Sequence[bytes] | None = None) -> Sequence[Grave]:
        """Return these tombstones or all, oldest first."""
        found = [one for one in self._shown().graves.values() if marks is None or one.mark in marks]
        return sorted(found, key=lambda one: (one.at, one.mark))

    async def names(self, after: int, limit: int) -> Sequence[tuple[int, Subject]]:
        """Return everybody ever named with a number above `after`."""
        return [*enumerate(self._shown().persons, 1)][after : after + limit]
