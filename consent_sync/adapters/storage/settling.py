"""Recording turns inside a transaction: what was announced, and how turns ended."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from consent_sync.adapters.storage.accepting import Arrivals, Persons, Row
from consent_sync.adapters.storage.burying import Tombstones
from consent_sync.adapters.storage.counting import Counting
from consent_sync.adapters.storage.hashes import PersonKeys
from consent_sync.adapters.storage.keys import profile_key
from consent_sync.adapters.storage.lanes import Claim
from consent_sync.adapters.storage.statements import Statements
from consent_sync.domain.moments import Micros
from consent_sync.domain.urgency import Urgency
from consent_sync.ports.store import Settlement


@dataclass(frozen=True, slots=True)
class Seen:
    """What a turn learnt before a write, its state and record already written as bytes."""

    state: bytes
    record: bytes


@dataclass(frozen=True, slots=True)
class Start:
    """Writes about to be sent, as bytes, and what led to them."""

    claim: Claim
    writes: bytes
    seen: Seen | None

    @property
    def size(self) -> int:
        """How many bytes it asks to be kept."""
        seen = self.seen
        return len(self.writes) + (len(seen.state) + len(seen.record) if seen else 0)


@dataclass(frozen=True, slots=True)
class End:
    """One turn's end, its state and record already written as bytes."""

    claim: Claim
    settlement: Settlement
    state: bytes
    record: bytes | None
    announced: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """When the turn comes again: at once, at a moment, or not by itself; and who else is due."""

    now: bool
    due_at: Micros | None
    arrivals: Arrivals


class Settling:
    """The statements of the work."""

    def __init__(
        self,
        statements: Statements,
        counting: Counting,
        person_keys: PersonKeys,
        tombstones: Tombstones,
        refuse_gone: Callable[[Iterable[int]], None],
    ) -> None:
        self._statements = statements
        self._counting = counting
        self._person_keys = person_keys
        self._tombstones = tombstones
        self._refuse_gone = refuse_gone

    def announce(self, starts: Sequence[Start]) -> list[int | None]:
        """Remember writes about to be sent; return the number of each record that was kept."""
        self._refuse_gone([start.claim.person for start in starts])
        numbers = self._keep_sights(starts)
        rows: list[Row] = []
        for start in starts:
            self._counting.intent += 1
            rows.append((start.claim.person, self._counting.intent, start.writes))
        self._statements.write_rows("insert_intents", rows)
        return numbers

    def _keep_sights(self, starts: Sequence[Start]) -> list[int | None]:
        numbers: list[int | None] = []
        records: list[Row] = []
        states: list[Row] = []
        for start in starts:
            if start.seen is None:
                numbers.append(None)
                continue
            self._counting.record += 1
            numbers.append(self._counting.record)
            person, before = start.claim.person, start.claim.record
            records.append((self._counting.record, person, before, start.seen.record))
            states.append((person, start.seen.state, self._counting.record))
        if records:
            self._statements.write_rows("insert_records", records)
            self._statements.write_rows("update_states", states)
            seen = [start.claim.person for start in starts if start.seen is not None]
            self._statements.change_list("delete_intents", seen)
        return numbers

    def settle(self, ends: Sequence[End]) -> list[Ended]:
        """Record the ends of turns, each of another person."""
        self._refuse_gone([end.claim.person for end in ends])
        self._keep_states(ends)
        announced = [end.claim.person for end in ends if end.announced]
        if announced:
            self._statements.change_list("delete_intents", announced)
        newest = self._finish_items(ends)
        moved: dict[int, Arrivals] = {
            end.claim.person: self._move(end) for end in ends if end.settlement.moved
        }
        if moved:
            newest = self._newest(ends)
        return self._set_lanes(ends, newest, moved)

    def hurry(self, calls: Sequence[int]) -> list[int]:
        """Let turns that failed or wait come at once, up to a limit; return how many."""
        return [self._statements.change("hurry_waiting", limit) for limit in calls]

    def _keep_states(self, ends: Sequence[End]) -> None:
        records: list[Row] = []
        persons: list[Row] = []
        optouts: list[Row] = []
        profiles: list[Row] = []
        counting = self._counting
        for end in ends:
            claim, summary = end.claim, end.settlement.summary
            newest = claim.record
            if end.record is not None:
                counting.record += 1
                newest = counting.record
                records.append((newest, claim.person, claim.record, end.record))
            persons.append((claim.person, end.state, newest, summary.held, summary.failed))
            counting.add("held", summary.held - claim.held)
            counting.add("failed", summary.failed - claim.failed)
            if summary.optout_waiting_since != claim.optout:
                optouts.append((claim.person, summary.optout_waiting_since))
            profile = profile_key(end.settlement)
            if profile != claim.profile:
                profiles.append((claim.person, profile))
        self._statements.write_rows("insert_records", records)
        self._statements.write_rows("update_persons", persons)
        self._statements.write_rows("set_optouts", optouts)
        self._statements.write_rows("set_profiles", profiles)

    def _finish_items(self, ends: Sequence[End]) -> dict[str, int | None]:
        """Delete what was taken in; return the newest item that is left, by person."""
        done = [item for end in ends for item in end.settlement.done]
        if done:
            self._statements.change_list("delete_items", done)
        newest = self._newest(ends)
        over = sum(
            bool(end.settlement.done) and newest[str(end.claim.person)] is None for end in ends
        )
        self._counting.add("waiting", -over)
        return newest

    def _newest(self, ends: Sequence[End]) -> dict[str, int | None]:
        newest: dict[str, int | None] = self._statements.of_list(
            "newest_items", [end.claim.person for end in ends]
        )
        return newest

    def _move(self, end: End) -> Arrivals:
        """Let items wait for other persons from now on."""
        arrivals: Arrivals = []
        subjects = [subject for _, subject in end.settlement.moved]
        persons = Persons(self._statements, self._counting, self._person_keys, subjects)
        for item, subject in end.settlement.moved:
            if self._tombstones and self._tombstones.bars(subject):
                self._let_go(end, item)
                continue
            target = persons.number(subject)
            before = self._statements.of_list("count_waiting", [target])
            if self._counting["retrying"]:
                self._statements.change_list("hurry_lanes", [target])
            urgency = Urgency(int(str(self._statements.value("urgency_of_item", item))))
            self._counting.item += 1
            self._statements.change("move_item", self._counting.item, target, item)
            after = self._statements.of_list("count_waiting", [end.claim.person])
            self._counting.add("waiting", (not before) - (not after))
            arrivals.append((target, self._counting.item, urgency))
        persons.write()
        return arrivals

    def _let_go(self, end: End, item: int) -> None:
        """An item turns out to be of somebody who was erased: nobody waits for it any more."""
        event = self._statements.value("event_of_item", item)
        self._statements.change_list("delete_items", [item])
        self._statements.change_list("scrub_events", [event])
        left = self._statements.of_list("count_waiting", [end.claim.person])
        self._counting.add("waiting", -(not left))

    def _set_lanes(
        self,
        ends: Sequence[End],
        newest: dict[str, int | None],
        moved: dict[int, Arrivals],
    ) -> list[Ended]:
        without: list[int] = []
        lanes: list[Row] = []
        ended: list[Ended] = []
        for end in ends:
            person, settlement = end.claim.person, end.settlement
            now = due_at_once(end, newest[str(person)] or 0)
            ended.append(Ended(now, settlement.due_at, moved.get(person, [])))
            if settlement.due_at is None:
                without.append(person)
            else:
                due_at = 0 if now else settlement.due_at
                lanes.append((person, due_at, settlement.attempts, settlement.first_failed_at))
        statements, counting = self._statements, self._counting
        if without and counting["retrying"]:
            counting.add("retrying", -statements.change_list("delete_lanes", without))
        if lanes:
            already = statements.of_list("count_lanes", [int(str(lane[0])) for lane in lanes])
            counting.add("retrying", len(lanes) - already)
            statements.write_rows("replace_lanes", lanes)
        return ended


def due_at_once(end: End, newest: int) -> bool:
    """Whether a turn comes again at once, given the newest item left.

    With a due moment and progress the rest of a long line is due; without any progress only what
    came meanwhile is, or a person with a long line would be tried again without a pause.
    """
    settlement, claim = end.settlement, end.claim
    if settlement.due_at is None:
        return newest > 0
    progress = settlement.done or settlement.moved
    return newest > (claim.last_item if progress else claim.newest_item)
