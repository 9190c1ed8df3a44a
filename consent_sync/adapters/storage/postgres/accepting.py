"""The door: batches of events as the values of one statement."""

from collections.abc import Iterable, Sequence
from typing import Any

from consent_sync.adapters.storage.codec_versions import version_row
from consent_sync.adapters.storage.keys import event_key, person_key
from consent_sync.adapters.storage.postgres.arrays import (
    BytesArray,
    boolean_array,
    bytes_array,
    integer_array,
    text_array,
)
from consent_sync.domain.erasure import Marks
from consent_sync.domain.identity import Subject
from consent_sync.domain.moments import Micros
from consent_sync.ports.store import NewEvent, RefusedRequest
from consent_sync.ports.versions import MappingVersion


class Batch:
    """The events of several calls. What one batch holds twice is sorted out here."""

    def __init__(self, calls: Sequence[Sequence[NewEvent]]) -> None:
        self._calls = calls
        self._seen: set[bytes] = set()
        self._asked: dict[bytes, set[Subject]] = {}
        # Place in the statement by call and place in the call; duplicates have none.
        self._places: list[list[int]] = []
        self._events: list[tuple[NewEvent, bytes, bool]] = []
        self._links: list[tuple[int, bool, Subject]] = []
        for events in calls:
            self._places.append([self._add(event) for event in events])

    @property
    def empty(self) -> bool:
        """Whether nothing has to be asked of the database."""
        return not self._events

    @property
    def all(self) -> range:
        """The places of everything in the statement."""
        return range(1, len(self._events) + 1)

    def values(self, marks: Marks) -> dict[str, Any]:
        """Return the values of the statement `accept`."""
        events, links = self._events, self._links
        return {
            "source": text_array([event.source.value for event, _, _ in events]),
            "mapping": bytes_array([event.mapping.encode() for event, _, _ in events]),
            "type": bytes_array([event.type.encode() for event, _, _ in events]),
            "at": integer_array([event.received_at for event, _, _ in events]),
            "key": bytes_array([None if e.repeatable else key for e, key, _ in events]),
            "repeat_key": bytes_array([key if e.repeatable else None for e, key, _ in events]),
            "asks": boolean_array([asks for _, _, asks in events]),
            "body": bytes_array([event.body for event, _, _ in events]),
            "link_n": integer_array([n for n, _, _ in links]),
            "link_asks": boolean_array([asks for _, asks, _ in links]),
            "link_urgency": integer_array([int(events[n - 1][0].urgency) for n, _, _ in links]),
            **link_values([subject for _, _, subject in links], marks),
        }

    def answers(self, new: Iterable[int]) -> list[list[bool]]:
        """Return per call which events are new, given the places that the statement returned."""
        found = set(new)
        return [[place in found for place in places] for places in self._places]

    def _add(self, event: NewEvent) -> int:
        key = event_key(event)
        asking: set[Subject] = set()
        if event.repeatable:
            earlier = self._asked.setdefault(key, set())
            asking = set(event.subjects) - earlier
            if event.subjects and not asking:
                return 0
            earlier.update(event.subjects)
        elif key in self._seen:
            return 0
        self._seen.add(key)
        self._events.append((event, key, bool(asking)))
        place = len(self._events)
        self._links += [(place, subject in asking, subject) for subject in event.subjects]
        return place


def link_values(subjects: Sequence[Subject], marks: Marks) -> dict[str, BytesArray]:
    """Return the values that name persons, with the tombstones that would keep them out."""
    barring = [marks.barring(subject) for subject in subjects]
    return {
        "link_key": bytes_array([person_key(subject) for subject in subjects]),
        "link_mapping": bytes_array([subject.mapping.encode() for subject in subjects]),
        "link_person": bytes_array([subject.person.encode() for subject in subjects]),
        "link_everywhere": bytes_array([everywhere for everywhere, _ in barring]),
        "link_own": bytes_array([own for _, own in barring]),
    }


def refused_values(request: RefusedRequest) -> dict[str, Any]:
    """Return the values of the statement `refuse`."""
    return {
        "source": request.source.value,
        "mapping": request.mapping.encode(),
        "at": request.received_at,
        "status": request.status,
        "problem": request.problem.encode(),
        "body": request.body,
    }


def replay_values(
    number: int, subjects: Sequence[Subject], received_at: Micros, marks: Marks
) -> dict[str, Any]:
    """Return the values of the statement `replay`."""
    named = tuple(dict.fromkeys(subjects))
    return {"number": number, "at": received_at, **link_values(named, marks)}


def version_values(versions: Sequence[MappingVersion]) -> dict[str, Any]:
    """Return the values of the statement `keep_versions`."""
    rows: list[tuple[Any, ...]] = [version_row(one) for one in versions]
    return {
        "mapping": text_array([row[0] for row in rows]),
        "version": text_array([row[1] for row in rows]),
        "file": text_array([row[2] for row in rows]),
        "at": integer_array([row[3] for row in rows]),
        "difference": bytes_array([row[4] for row in rows]),
        "content": bytes_array([row[5] for row in rows]),
        "text": bytes_array([row[6] for row in rows]),
    }
