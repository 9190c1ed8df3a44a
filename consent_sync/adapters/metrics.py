"""Counters and gauges for Prometheus; labels are words of ours, never anything about a person."""

from collections.abc import Callable, Collection, Iterable
from collections.abc import Mapping as MappingView
from functools import cache
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from consent_sync.domain.consent import WriteOutcome
from consent_sync.domain.identity import Side, Subject
from consent_sync.domain.ledger import LedgerRecord, Write
from consent_sync.domain.moments import SECOND, Micros
from consent_sync.ports.store import StoreStatus

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_BUCKETS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Metrics:
    """Everything that is counted, in a registry of its own."""

    def __init__(self, version: str, calls_per_minute: int = 0) -> None:
        self._calls_per_minute = calls_per_minute
        # Of this process since its start: what a turn costs the platform that counts calls.
        self._turns_ended = 0
        self._calls_made = 0
        self.registry = CollectorRegistry()
        self._events = self._counter("events", "Events received in webhooks", "side", "outcome")
        self._refused = self._counter(
            "refused_requests", "Refused webhook requests", "side", "status", "code", "kept"
        )
        self._turns = _kept(self._counter("turns", "Turns of persons by how they ended", "outcome"))
        self._troubles = self._counter("turn_troubles", "What stood in the way of turns", "what")
        self._verdicts = _kept(
            self._counter("verdicts", "Words that items and lines ended in", "verdict")
        )
        self._writes = _kept(self._counter("writes", "Writes to the platforms", "side", "outcome"))
        self._calls = _kept(self._counter("calls", "Calls to the platforms", "route", "outcome"))
        seconds = Histogram(
            "consent_sync_call_seconds",
            "How long calls to the platforms take",
            ("route",),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._call_seconds: Callable[..., Histogram] = cache(seconds.labels)
        self._store_up = self._gauge("store_up", "1 when the last look at the store succeeded")
        self._waiting = self._gauge("waiting_turns", "Persons whose turn is due or to come")
        self._backlog = self._gauge(
            "backlog_seconds", "When all waiting turns are done at the pace of Actito, about"
        )
        self._retrying = self._gauge("retrying_turns", "Persons whose turn failed and is retried")
        self._oldest = self._gauge("oldest_waiting_seconds", "Age of the oldest waiting turn")
        self._oldest_optout = self._gauge(
            "oldest_waiting_optout_seconds", "Age of the oldest opt-out not yet written"
        )
        self._held = self._gauge("held_lines", "Lines that wait for a person's word")
        self._failed = self._gauge("failed_lines", "Lines that a platform refused for good")
        self._persons = self._gauge("persons", "Persons something is known of")
        self._last_event = self._gauge(
            "last_event_timestamp_seconds", "When a side last sent an event", "side"
        )
        self._mappings = self._gauge("mappings", "Mappings in force")
        self._mapping_problems = self._gauge("mapping_problems", "Problems in all mapping files")
        self._resting = self._gauge(
            "lines_resting", "Lines whose subscription or place has vanished", "mapping"
        )
        self._unmapped = self._gauge(
            "not_in_a_mapping", "What the platforms have and no mapping names", "mapping"
        )
        self._hooks = self._gauge(
            "actito_webhooks_faulty", "Webhooks of Actito that do not reach us", "mapping"
        )
        self._mapping_valid = self._gauge(
            "mapping_valid", "1 when the file as it stands now is the one in force", "mapping"
        )
        self._not_called = self._gauge(
            "not_called",
            "1 while a platform is not called",
            *("side", "account", "mapping", "cause"),
        )
        self._paused = self._gauge("paused", "1 while writing is paused", "side", "mapping")
        self._swept = self._gauge("swept_persons", "People compared by the last whole sweep")
        self._sweeping = self._gauge(
            "sweeping_persons", "People compared so far by the sweep that is under way, or was last"
        )
        self._differing = self._gauge(
            "differing_persons", "People whom the last sweep found to differ"
        )
        self._swept_at = self._gauge("swept_timestamp_seconds", "When the last sweep ended")
        self._alerts = self._gauge("alert_raised", "1 while the alert is raised", "alert", "about")
        self._gauge("build_info", "The running version", "version").labels(version).set(1)
        self._stored = {side: self._events.labels(side, "accepted") for side in Side}
        self._known = {side: self._events.labels(side, "duplicate") for side in Side}

    def received(self, side: Side, accepted: int, duplicates: int) -> None:
        """Count the events of a stored delivery."""
        if accepted:
            self._stored[side].inc(accepted)
        if duplicates:
            self._known[side].inc(duplicates)

    def refused(self, side: Side, status: int, code: str, *, kept: bool) -> None:
        """Count a refused request and whether it was kept."""
        self._refused.labels(side, str(status), code, "yes" if kept else "no").inc()

    def turn(self, subject: Subject, record: LedgerRecord | None, outcome: str) -> None:
        """Count a settled turn, its verdicts and its writes."""
        self._turns(outcome).inc()
        self._turns_ended += 1
        if record is None:
            return
        for entry in record.entries:
            self._verdicts(entry.verdict).inc()
        for fact in record.facts:
            if isinstance(fact, Write):
                self._writes(fact.side, write_outcome(fact)).inc()

    def trouble(self, subject: Subject, what: str, error: Exception) -> None:
        """Count what stood in the way of a turn."""
        self._troubles.labels(what).inc()

    def call(self, route: str, outcome: str, seconds: float) -> None:
        """Count a call to a platform; `route` is the name of the route and no address."""
        self._calls(route, outcome).inc()
        self._calls_made += route.startswith("actito ")
        self._call_seconds(route).observe(seconds)

    def mappings(self, in_force: Collection[str], kept: Collection[str], problems: int) -> None:
        """Set which mappings are in force, which of them only from an earlier version, and what is wrong."""
        self._mapping_valid.clear()
        for name in in_force:
            self._mapping_valid.labels(name).set(name not in kept)
        self._mappings.set(len(in_force))
        self._mapping_problems.set(problems)

    def radar(self, resting: MappingView[str, int], unmapped: MappingView[str, int]) -> None:
        """Set how many lines of each mapping rest, and how much is in no mapping yet."""
        _set_all(self._resting, resting)
        _set_all(self._unmapped, unmapped)

    def hooks(self, faulty: MappingView[str, int]) -> None:
        """Set how many of the webhooks that each mapping needs are missing or lead elsewhere."""
        _set_all(self._hooks, faulty)

    def not_called(self, side: Side, account: str, mapping: str, cause: str, *, over: bool) -> None:
        """Set that a platform is not called, or is called again (`over`)."""
        self._not_called.labels(side, account, mapping, cause).set(not over)

    def paused(self, places: Collection[tuple[Side, str]]) -> None:
        """Set where writing is paused, by side and mapping; an empty mapping stands for all."""
        self._paused.clear()
        for side, mapping in places:
            self._paused.labels(side, mapping).set(1)

    def store(self, status: StoreStatus | None, now: Micros) -> None:
        """Set the backlog as the store tells it; None = it could not be asked."""
        self._store_up.set(status is not None)
        if status is None:
            return
        self._waiting.set(status.waiting_turns)
        self._backlog.set(self.backlog_seconds(status.waiting_turns) or 0)
        self._retrying.set(status.retrying_turns)
        self._oldest.set(_age(status.oldest_waiting_at, now))
        self._oldest_optout.set(_age(status.oldest_waiting_optout_at, now))
        self._held.set(status.held)
        self._failed.set(status.failed)
        self._persons.set(status.persons)
        for side, one in status.sides.items():
            if one.last_event_at is not None:
                self._last_event.labels(side).set(one.last_event_at / SECOND)

    def sweeping(self, compared: int) -> None:
        """Set how far a sweep is."""
        self._sweeping.set(compared)

    def backlog_seconds(self, waiting_turns: int) -> float | None:
        """Return how long these turns take at the pace of Actito, None where there is no pace.

        A turn is reckoned with as many calls as the turns of this process had, one at first.
        """
        if not self._calls_per_minute:
            return None
        calls = self._calls_made / self._turns_ended if self._turns_ended else 1.0
        return waiting_turns * calls * 60 / self._calls_per_minute

    def swept(self, compared: int, differing: int, now: Micros) -> None:
        """Set what a whole sweep came to."""
        self._swept.set(compared)
        self._differing.set(differing)
        self._swept_at.set(now / SECOND)

    def alerts(self, alerts: Iterable[tuple[str, str, bool]]) -> None:
        """Set which alerts are raised: name, what it is about, and whether it is."""
        self._alerts.clear()
        for name, about, raised in alerts:
            self._alerts.labels(name, about).set(raised)

    def text(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self.registry)

    def _counter(self, name: str, says: str, *labels: str) -> Counter:
        return Counter(f"consent_sync_{name}", says, labels, registry=self.registry)

    def _gauge(self, name: str, says: str, *labels: str) -> Gauge:
        return Gauge(f"consent_sync_{name}", says, labels, registry=self.registry)


def _set_all(gauge: Gauge, numbers: MappingView[str, int]) -> None:
    gauge.clear()
    for name, number in numbers.items():
        gauge.labels(name).set(number)


def _kept(counter: Counter) -> Callable[..., Counter]:
    """Return what finds the counter of some labels: words of ours, so few that all are kept."""
    return cache(counter.labels)


def write_outcome(write: Write) -> str:
    """Return how a write ended, in one word."""
    if write.failure:
        return "refused"
    return "created" if write.created and write.outcome is WriteOutcome.SENT else write.outcome


def _age(moment: Micros | None, now: Micros) -> float:
    return 0.0 if moment is None else max(0.0, (now - moment) / SECOND)
