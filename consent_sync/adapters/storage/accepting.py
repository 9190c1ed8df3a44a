"""Taking in events inside a transaction: who is new, what is new, who has something waiting."""

from collections.abc import Callable, Iterable, Sequence

from consent_sync.adapters.storage.burying import Tombstones, problem_of
from consent_sync.adapters.storage.counting import Counting
from consent_sync.adapters.storage.hashes import Digests, PersonKeys
from consent_sync.adapters.storage.keys import event_key, person_key
from consent_sync.adapters.storage.statements import SqlValue, Statements
from consent_sync.domain.identity import Subject, is_stand_in
from consent_sync.domain.moments import Micros
from consent_sync.domain.urgency import Urgency
from consent_sync.ports.store import NewEvent, RefusedRequest

Arrivals = list[tuple[int, int, Urgency]]
"""Persons, the items that now wait for them, and how urgent these are."""

Row = tuple[SqlValue, ...]


class Persons:
    """Finds the numbers of persons, and gives numbers to new ones within one transaction."""

    def __init__(
        self,
        statements: Statements,
        counting: Counting,
        keys: PersonKeys,
        subjects: Iterable[Subject],
    ) -> None:
        self._statements = statements
        self._counting = counting
        self._person_keys = keys
        self._keys = {subject: person_key(subject) for subject in subjects}
        known = keys.find(list(self._keys.values()))
        self._numbers = {s: known[key] for s, key in self._keys.items() if key in known}
        self._fresh: list[tuple[int, Subject]] = []
        self._some_faded = counting["faded"] > 0
        self._known: dict[int, str] = {}

    def find(self, subject: Subject) -> int | None:
        """Return the number of a person, None for nobody."""
        return self._numbers.get(subject)

    def number(self, subject: Subject) -> int:
        """Return the number of a person; who has none gets one."""
        number = self._numbers.get(subject)
        if number is None:
            self._counting.person += 1
            number = self._numbers[subject] = self._counting.person
            self._fresh.append((number, subject))
        elif self._some_faded:
            self._known[number] = subject.person
        return number

    def write(self) -> None:
        """Keep who got a number; a stand-in for somebody who has to be found is not counted.

        Whose name was forgotten has it back.
        """
        fresh, self._fresh = self._fresh, []
        rows = [(number, *subject) for number, subject in fresh]
        self._statements.write_rows("insert_persons", rows)
        self._person_keys.append([(number, self._keys[subject]) for number, subject in fresh])
        people = sum([not is_stand_in(subject.person) for _, subject in fresh])
        self._counting.add("persons", people)
        if self._known:
            self._name_again()

    def _name_again(self) -> None:
        known, self._known = self._known, {}
        for number in self._statements.of_list("faded_among", list(known)):
            self._statements.change("name_person", known[number], number)
            self._counting.add("faded", -1)
            self._counting.add("persons", int(not is_stand_in(known[number])))


class Accepting:
    """The statements of the door. `taken` says whether a turn has an item of a person."""

    def __init__(
        self,
        statements: Statements,
        counting: Counting,
        digests: Digests,
        person_keys: PersonKeys,
        tombstones: Tombstones,
        taken: Callable[[int, int], bool],
    ) -> None:
        self._statements = statements
        self._counting = counting
        self._digests = digests
        self._person_keys = person_keys
        self._tombstones = tombstones
        self._taken = taken

    def accept(self, calls: Sequence[Sequence[NewEvent]]) -> list[tuple[list[bool], Arrivals]]:
        """Store what is new; return per call which events are, and who has something waiting."""
        if self._tombstones:
            calls = [self._tombstones.spared(events) for events in calls]
        subjects = (s for events in calls for event in events for s in event.subjects)
        known_up_to = self._counting.person
        batch = _Batch(self._counting, self._persons(subjects))
        keys = [[event_key(event) for event in events] for events in calls]
        once, repeatable = _by_kind(calls, keys)
        batch.seen = self._digests.known(once)
        batch.waiting = self._waiting(repeatable)
        answers = [batch.add(events, own) for events, own in zip(calls, keys, strict=True)]
        batch.count()
        batch.persons.write()
        self._wait(batch.items, known_up_to)
        self._digests.add(batch.digests)
        self._statements.write_rows("insert_events", batch.events)
        return answers

    def refuse(self, requests: Sequence[RefusedRequest]) -> list[int]:
        """Keep refused requests and return their numbers."""
        rows: list[Row] = []
        for r in requests:
            self._counting.event += 1
            source = r.source.value
            number = self._counting.event
            rows.append((number, source, r.mapping, "", r.received_at, r.status, r.problem, r.body))
            self._counting.add(f"refused:{source}", 1)
        self._statements.write_rows("insert_events", rows)
        return [int(str(row[0])) for row in rows]

    def replay(
        self, calls: Sequence[tuple[int, Sequence[Subject], Micros]]
    ) -> list[Arrivals | None]:
        """Let stored events wait again; None where there is no such event."""
        return [self._replay(*call) for call in calls]

    def _persons(self, subjects: Iterable[Subject]) -> Persons:
        return Persons(self._statements, self._counting, self._person_keys, subjects)

    def _wait(self, items: Sequence[Row], known_up_to: int) -> None:
        """Let items wait: count the turns, and make them due at once.

        Persons with higher numbers are new in this batch, so nothing can wait for them yet.
        """
        if not items:
            return
        persons = {int(str(item[2])) for item in items}
        known = [person for person in persons if person <= known_up_to]
        counting, statements = self._counting, self._statements
        already = statements.of_list("count_waiting", known) if known and counting["waiting"] else 0
        counting.add("waiting", len(persons) - already)
        if known and counting["retrying"]:
            statements.change_list("hurry_lanes", known)
        statements.write_rows("insert_items", items)

    def _replay(
        self, number: int, subjects: Sequence[Subject], received_at: Micros
    ) -> Arrivals | None:
        rows = self._statements.rows("event_head", number)
        if not rows:
            return None
        source, status = rows[0]
        if status:
            self._statements.change("accept_refused", number)
            self._counting.add(f"refused:{source}", -1)
            self._counting.add(f"events:{source}", 1)
        items: list[Row] = []
        arrivals: Arrivals = []
        known_up_to = self._counting.person
        if self._tombstones:
            subjects = [one for one in subjects if not self._tombstones.bars(one)]
        persons = self._persons(subjects)
        for person in {persons.number(subject): None for subject in subjects}:
            if self._statements.value("same_event_waits", number, person) is None:
                self._counting.item += 1
                arrivals.append((person, self._counting.item, Urgency.OPT_OUT))
                items.append((self._counting.item, number, person, received_at, None, 0))
        persons.write()
        self._wait(items, known_up_to)
        return arrivals

    def _waiting(self, keys: Sequence[bytes]) -> dict[bytes, set[int]]:
        """Return for whom equal events wait that no turn has."""
        waiting: dict[bytes, set[int]] = {}
        if keys and self._counting["waiting"]:
            wanted = list({key.hex() for key in keys})
            for text, person, item in self._statements.of_list("equal_items", wanted):
                if not self._taken(person, item):
                    waiting.setdefault(bytes.fromhex(text), set()).add(person)
        return waiting


class _Batch:
    """Collects the rows of what is new."""

    def __init__(self, counting: Counting, persons: Persons) -> None:
        self._counting = counting
        self.persons = persons
        self.seen: set[bytes] = set()
        self.waiting: dict[bytes, set[int]] = {}
        self.digests: list[bytes] = []
        self.events: list[Row] = []
        self.items: list[Row] = []
        self._moments: dict[str, list[Micros]] = {}

    def add(self, events: Sequence[NewEvent], keys: Sequence[bytes]) -> tuple[list[bool], Arrivals]:
        """Add one call's events; return which are new, and what waits now."""
        arrivals: Arrivals = []
        new = [self._add(e, key, arrivals) for e, key in zip(events, keys, strict=True)]
        return new, arrivals

    def _add(self, event: NewEvent, key: bytes, arrivals: Arrivals) -> bool:
        if self._is_duplicate(event, key):
            return False
        persons = [self.persons.number(subject) for subject in event.subjects]
        if event.repeatable:
            self.waiting.setdefault(key, set()).update(persons)
        else:
            self.seen.add(key)
            self.digests.append(key)
        counting = self._counting
        counting.event = number = counting.event + 1
        source, at = str(event.source), event.received_at
        problem = problem_of(event)
        self.events.append((number, source, event.mapping, event.type, at, 0, problem, event.body))
        self._moments.setdefault(source, []).append(at)
        repeat_key, urgency = key if event.repeatable else None, event.urgency
        for person in persons:
            counting.item = item = counting.item + 1
            arrivals.append((person, item, urgency))
            self.items.append((item, number, person, at, repeat_key, int(urgency)))
        return True

    def count(self) -> None:
        """Count what was added, and when a side last spoke."""
        for source, moments in self._moments.items():
            last = f"last:{source}"
            self._counting.add(f"events:{source}", len(moments))
            self._counting[last] = max(self._counting[last], *moments)

    def _is_duplicate(self, event: NewEvent, key: bytes) -> bool:
        if not event.repeatable:
            return key in self.seen
        waiting = self.waiting.get(key, ())
        return bool(event.subjects) and all(self.persons.find(s) in waiting for s in event.subjects)


def _by_kind(
    calls: Sequence[Sequence[NewEvent]], keys: Sequence[Sequence[bytes]]
) -> tuple[list[bytes], list[bytes]]:
    """Return the keys of events that count once, and of those that may repeat."""
    once: list[bytes] = []
    repeatable: list[bytes] = []
    for events, own in zip(calls, keys, strict=True):
        for event, key in zip(events, own, strict=True):
            (repeatable if event.repeatable else once).append(key)
    return once, repeatable
