"""Erasing inside a transaction: tombstones, and everything of a person gone together."""

from collections.abc import Iterable, Sequence

from consent_sync.adapters.storage.codec import decode_record
from consent_sync.adapters.storage.counting import Counting
from consent_sync.adapters.storage.hashes import PersonKeys
from consent_sync.adapters.storage.keys import person_key
from consent_sync.adapters.storage.statements import Statements
from consent_sync.domain.erasure import ERASED, Marks
from consent_sync.domain.errors import StoreError
from consent_sync.domain.identity import Subject
from consent_sync.domain.ledger import ItemsTaken, LedgerRecord
from consent_sync.domain.moments import Micros
from consent_sync.ports.graves import Burial, Removed
from consent_sync.ports.store import NewEvent


class Tombstones:
    """Who was erased, in memory as it stands in the database; used by the writer thread."""

    def __init__(self, statements: Statements, marks: Marks) -> None:
        self._statements = statements
        self._marks = marks
        self._buried = {bytes(mark) for (mark,) in statements.rows("tombstones_in_force")}
        self._before: set[bytes] | None = None

    def __bool__(self) -> bool:
        return bool(self._buried)

    def bars(self, subject: Subject) -> bool:
        """Say whether this person was erased."""
        return not self._buried.isdisjoint(self._marks.barring(subject))

    def spared(self, events: Sequence[NewEvent]) -> list[NewEvent]:
        """Return the events without those who were erased; one about nobody else loses its body."""
        return [self._without(event) for event in events]

    def _without(self, event: NewEvent) -> NewEvent:
        left = tuple([one for one in event.subjects if not self.bars(one)])
        if len(left) == len(event.subjects):
            return event
        return event._replace(subjects=left, body=event.body if left else b"")

    def add(self, burial: Burial) -> None:
        """Bury."""
        self._remember()
        rows = [(mark, burial.at, burial.cause, burial.policy) for mark in burial.marks]
        self._statements.write_rows("insert_tombstones", rows)
        self._buried |= set(burial.marks)

    def lift(self, marks: Sequence[bytes], at: Micros) -> int:
        """Let come back; return how many tombstones were in force."""
        self._remember()
        self._buried -= set(marks)
        return sum([self._statements.change("lift_tombstone", at, mark) for mark in marks])

    def committed(self) -> None:
        """The transaction holds."""
        self._before = None

    def rolled_back(self) -> None:
        """The transaction never was."""
        if self._before is not None:
            self._buried, self._before = self._before, None

    def _remember(self) -> None:
        if self._before is None:
            self._before = set(self._buried)


class Burying:
    """The statements of erasure."""

    def __init__(
        self,
        statements: Statements,
        counting: Counting,
        person_keys: PersonKeys,
        tombstones: Tombstones,
    ) -> None:
        self._statements = statements
        self._counting = counting
        self._person_keys = person_keys
        self._tombstones = tombstones
        # Rows that went since the start: a turn that was under way then cannot be recorded.
        self._gone: set[int] = set()
        self._going: set[int] = set()

    def refuse_gone(self, persons: Iterable[int]) -> None:
        """Raise StoreError when one of these persons was erased during their turn."""
        gone = self._gone | self._going if self._going else self._gone
        if gone and not gone.isdisjoint(persons):
            raise StoreError("this person was erased while their turn was under way")

    def committed(self) -> None:
        """The transaction holds."""
        self._tombstones.committed()
        self._gone |= self._going
        self._going = set()

    def rolled_back(self) -> None:
        """The transaction never was."""
        self._tombstones.rolled_back()
        self._going = set()

    def bury(self, burials: Sequence[Burial]) -> list[Removed]:
        """Keep the tombstones and remove the persons."""
        return [self._bury(burial) for burial in burials]

    def lift(self, calls: Sequence[tuple[Sequence[bytes], Micros]]) -> list[int]:
        """Let come back; return how many tombstones were in force."""
        return [self._tombstones.lift(marks, at) for marks, at in calls]

    def cleared(self, calls: Sequence[tuple[Sequence[bytes], Micros]]) -> list[None]:
        """Note that nothing is left."""
        for marks, at in calls:
            for mark in marks:
                self._statements.change("clear_tombstone", at, mark)
        return [None] * len(calls)

    def scrub(self, calls: Sequence[Sequence[int]]) -> list[int]:
        """Remove what events said; return of how many."""
        return [self._statements.change_list("scrub_events", numbers) for numbers in calls]

    def fade(self, calls: Sequence[tuple[int, Micros, int]]) -> list[int | None]:
        """Remove what old events said; return how far each call came."""
        return [self._fade(*call) for call in calls]

    def _fade(self, after: int, received_before: Micros, limit: int) -> int | None:
        page = self._statements.rows("next_events", after, limit)
        due = [number for number, received_at in page if received_at < received_before]
        if due:
            self._statements.change_list("fade_events", due)
        return due[-1] if due else None

    def _bury(self, burial: Burial) -> Removed:
        self._tombstones.add(burial)
        found = self._person_keys.find([person_key(subject) for subject in burial.subjects])
        waiting = records = 0
        events: set[int] = set()
        for number in found.values():
            items, chain = self._count_out(number)
            waiting += items
            records += len(chain)
            for _, body in chain:
                events |= events_named(decode_record(body))
            events |= {event for (event,) in self._statements.rows("events_of_person", number)}
            self._statements.change_list("delete_records", [record for record, _ in chain])
        numbers = list(found.values())
        for name in ("delete_items_of", "delete_lanes", "delete_intents", "delete_persons"):
            self._statements.change_list(name, numbers)
        self._person_keys.remove(list(found))
        self._going.update(numbers)
        return Removed(len(found), waiting, records, *self.scrub([sorted(events)]))

    def _count_out(self, number: int) -> tuple[int, list[tuple[int, bytes]]]:
        """Take a person out of all counts; return what waits for them, and their records."""
        counting = self._counting
        [(held, failed, counted, faded, items, again)] = self._statements.rows(
            "person_counts", number
        )
        counting.add("held", -held)
        counting.add("failed", -failed)
        counting.add("waiting", -bool(items))
        counting.add("retrying", -again)
        counting.add("persons", -counted)
        counting.add("faded", -faded)
        return items, self._statements.rows("records_of_person", number)


def events_named(record: LedgerRecord) -> set[int]:
    """Return the numbers of the events that a record tells of."""
    taken = {one for fact in record.facts if isinstance(fact, ItemsTaken) for one in fact.events}
    return taken | {entry.event for entry in record.entries if entry.event}


def problem_of(event: NewEvent) -> str:
    """Return what is noted beside an accepted event: nothing, or that its person was erased."""
    # No platform sends an empty body: it was taken away.
    return "" if event.body else ERASED
