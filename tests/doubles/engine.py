"""The whole engine for one or more persons, in memory, under a clock that is moved by hand.

Items are handed over as values, so that the rules and the services are tested without any wire
format. Everything else is the real thing: turns, plans, writes, records.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from consent_sync.domain.dead_letters import dead_items, dead_lines
from consent_sync.domain.erasure import DeletionPolicy
from consent_sync.domain.events import (
    DeadLetterWord,
    DidomiItem,
    ErasureWord,
    Item,
    OperatorWord,
    ProfileHint,
    UnknownItem,
)
from consent_sync.domain.identity import (
    Desk,
    Side,
    Subject,
    person_from_actito_key,
    person_from_ouid,
)
from consent_sync.domain.ledger import LedgerRecord, Write
from consent_sync.domain.lines import Context
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.moments import Micros
from consent_sync.domain.retry import RetryPolicy
from consent_sync.domain.review import Doubt, doubts
from consent_sync.domain.rules import Rules
from consent_sync.domain.state import LineState, PersonState
from consent_sync.domain.verdicts import Entry
from consent_sync.ports.lists import ChoiceRow
from consent_sync.ports.receiver import Arrival
from consent_sync.ports.store import Settlement, Sight, StoredEvent, StoredItem, Turn
from consent_sync.services.deletion import Departures
from consent_sync.services.file_rows import body_of as body_of_row
from consent_sync.services.file_rows import loaded_of
from consent_sync.services.guard import Guard
from consent_sync.services.progress import TurnTools
from consent_sync.services.stops import LineStops
from consent_sync.services.turn import TurnRun
from consent_sync.services.words import body_of
from tests.doubles.clock import EvenChance, SettableClock
from tests.doubles.platforms import ActitoWorld, Crash, DidomiWorld


class Contents:
    """Stands in for both receivers: bodies are keys to the contents themselves."""

    def __init__(self) -> None:
        self._contents: dict[bytes, DidomiItem | ProfileHint | UnknownItem] = {}

    def keep(self, content: DidomiItem | ProfileHint | UnknownItem) -> bytes:
        """Keep a content and return the body that stands for it."""
        body = str(len(self._contents)).encode()
        self._contents[body] = content
        return body

    def understand(self, body: bytes, key_attribute: str = "") -> Any:
        """Return the content a body stands for."""
        return self._contents[body]

    def arrivals(self, body: bytes, key_attribute: str = "") -> Sequence[Arrival]:
        """Nothing arrives as bytes here."""
        raise AssertionError(body)


@dataclass
class Lane:
    """What waits for one person, and what is known about them."""

    state: PersonState = field(default_factory=PersonState)
    items: list[StoredItem] = field(default_factory=list)
    in_flight: tuple[Write, ...] = ()
    attempts: int = 0
    first_failed_at: Micros | None = None
    due_at: Micros | None = None
    records: list[LedgerRecord] = field(default_factory=list)
    settlements: list[Settlement] = field(default_factory=list)


class SilentObserver:
    """Takes note of nothing but trouble."""

    def __init__(self) -> None:
        self.troubles: list[str] = []

    def turn(self, subject: Subject, record: LedgerRecord | None, outcome: str) -> None:
        """Ignore a settled turn."""

    def trouble(self, subject: Subject, what: str, error: Exception) -> None:
        """Remember what stood in the way."""
        self.troubles.append(f"{what}: {error}")


class Engine:
    """Both worlds, one mapping, and lanes of persons between them."""

    def __init__(
        self,
        mapping: Mapping,
        rules: Rules | None = None,
        retry: RetryPolicy | None = None,
        didomi: DidomiWorld | None = None,
    ) -> None:
        self.mapping = mapping
        self.versions = {mapping.version: mapping}
        self.rules = rules or Rules()
        self.retry = retry or RetryPolicy()
        # Engines that share one organisation in Didomi share its clock too.
        self.clock = didomi.clock if didomi else SettableClock()
        self.actito = ActitoWorld(self.clock)
        self.didomi = didomi or DidomiWorld(self.clock)
        self.contents = Contents()
        self.observer = SilentObserver()
        self.stops = LineStops()
        self.guard = Guard()
        self.lanes: dict[Subject, Lane] = {}
        self.departures: Departures | None = None
        self.paused: frozenset[Side] = frozenset()
        self.forgotten: list[str] = []
        self.causes: list[tuple[DeletionPolicy, str]] = []
        self.crash_at_settle = False
        self.crash_at_announce = False
        self.received: list[DidomiItem | ProfileHint] = []
        self.items: dict[int, Item] = {}
        self._numbers = 0

    # --- what comes in -------------------------------------------------------------------------

    def subject(self, person: str) -> Subject:
        """Return the subject of a person."""
        return Subject(self.mapping.name, person)

    def lane(self, person: str) -> Lane:
        """Return the lane of a person, made when it is not there yet."""
        return self.lanes.setdefault(self.subject(person), Lane())

    def receive(self, content: DidomiItem | ProfileHint, received_at: Micros | None = None) -> None:
        """Store an item for its person, as the door would."""
        if isinstance(content, DidomiItem):
            person = person_from_ouid(content.ouid, self.mapping.normalise)
        else:
            person = person_from_actito_key(content.names.actito_key, self.mapping.normalise)
        self.receive_for(person, content, received_at)

    def receive_for(
        self, person: str, content: DidomiItem | ProfileHint, received_at: Micros | None = None
    ) -> None:
        """Store an item for this person, as when it had to be found out whose it is."""
        self._numbers += 1
        self.received.append(content)
        source = Side.DIDOMI if isinstance(content, DidomiItem) else Side.ACTITO
        at = self.clock.now() if received_at is None else received_at
        event = StoredEvent(
            self._numbers, source, "", "test", at, self.contents.keep(content), waiting=True
        )
        self.items[self._numbers] = Item(self._numbers, at, content)
        self.lane(person).items.append(StoredItem(self._numbers, event))

    def doubts(self, person: str) -> tuple[Doubt, ...]:
        """Return what is held of a person."""
        subject, now = self.subject(person), self.clock.now()
        return doubts(self.lane(person).state, Context(subject, self.mapping, self.rules, now))

    def decide(self, person: str, *chosen: Doubt, approve: bool) -> None:
        """Store an operator's word about these doubts, as the service does."""
        self._say(
            person, OperatorWord("olga", approve, {one.line.id: one.ticket for one in chosen})
        )

    def decide_letters(self, person: str, *letters: str, again: bool) -> None:
        """Store an operator's word about these dead letters, as the service does."""
        self._say(person, DeadLetterWord("olga", again, letters))

    def dead_letters(self, person: str) -> tuple[str, ...]:
        """Return the ids of a person's dead letters, lines first."""
        subject, state = self.subject(person), self.lane(person).state
        lines = dead_lines(subject, state, self.mapping, self.rules)
        items = dead_items(subject, state)
        return (*(one.id for one in lines), *(one.id for one in items))

    def _say(self, person: str, word: OperatorWord | DeadLetterWord) -> None:
        self._numbers += 1
        at, body = self.clock.now(), body_of(person, word)
        event = StoredEvent(self._numbers, Desk.OPERATOR, "", "word", at, body, waiting=True)
        self.items[self._numbers] = Item(self._numbers, at, word)
        self.lane(person).items.append(StoredItem(self._numbers, event))

    def say(self, person: str, word: ErasureWord) -> None:
        """Store what somebody of ours asked for about a person."""
        self._numbers += 1
        at, body = self.clock.now(), body_of(person, word)
        event = StoredEvent(self._numbers, Desk.OPERATOR, "", "word", at, body, waiting=True)
        self.items[self._numbers] = Item(self._numbers, at, word)
        self.lane(person).items.append(StoredItem(self._numbers, event))

    def load(self, row: ChoiceRow) -> None:
        """Store a row of a loaded file, as the door would."""
        self._numbers += 1
        at, body = self.clock.now(), body_of_row(row)
        event = StoredEvent(self._numbers, Desk.FILE, "", "row", at, body, waiting=True)
        content = loaded_of(body, self.mapping.normalise)
        self.items[self._numbers] = Item(self._numbers, at, content)
        person = person_from_ouid(content.names.ouid, self.mapping.normalise)
        self.lane(person).items.append(StoredItem(self._numbers, event))

    def deliver_all(self) -> None:
        """Bring every webhook that both platforms hold, oldest first."""
        for box in (self.didomi.outbox, self.actito.outbox):
            while box:
                self.receive(box.pop(0))

    # --- turns ---------------------------------------------------------------------------------

    async def take(self, person: str) -> Settlement | None:
        """Take one turn of a person; None when the process crashed in it."""
        lane = self.lane(person)
        turn = Turn(
            self.subject(person),
            lane.state,
            tuple(lane.items),
            lane.in_flight,
            lane.attempts,
            lane.first_failed_at,
        )
        tools = TurnTools(
            profiles=self.actito,
            consents=self.didomi,
            turns=self,
            didomi=self.contents,
            actito=self.contents,
            clock=self.clock,
            chance=EvenChance(),
            rules=self.rules,
            retry=self.retry,
            observer=self.observer,
            stops=self.stops,
            departures=self.departures,
            guard=self.guard,
            paused=lambda _: self.paused,
        )
        run = TurnRun(tools, turn, self.mapping, None)
        try:
            settlement = await run.end()
        except Crash:
            return None
        if run.deleted:
            self.forgotten.append(turn.subject.person)
            self.causes.append((run.departure.policy, run.departure.cause))
        return settlement

    async def run(self, *, rounds: int = 40) -> None:
        """Deliver and take turns until nothing is left to do but confirmations."""
        for _ in range(rounds):
            self.deliver_all()
            busy = [subject for subject, lane in self.lanes.items() if self._due(lane)]
            if not busy:
                return
            for subject in busy:
                await self.take(subject.person)
        raise AssertionError("the two sides do not come to rest")

    def _due(self, lane: Lane) -> bool:
        if lane.attempts and lane.due_at is not None:
            # What failed rests until it is due, and what came in meanwhile waits with it.
            self.clock.time = max(self.clock.time, lane.due_at)
            return True
        due = lane.due_at is not None and lane.due_at <= self.clock.now()
        return due or bool(lane.items or lane.in_flight)

    async def claim(self, limit: int, *, hurried: bool = False) -> Sequence[Turn]:
        """Nothing is claimed here; turns are taken by name."""
        raise AssertionError(limit)

    async def wait(self, timeout_seconds: float) -> None:
        """Nobody waits here."""
        raise AssertionError(timeout_seconds)

    async def release(self, subject: Subject) -> None:
        """Nothing is given back here."""
        raise AssertionError(subject)

    async def announce(
        self, subject: Subject, writes: Sequence[Write], sight: Sight | None = None
    ) -> None:
        """Remember writes under way, and what led to them."""
        if self.crash_at_announce:
            self.crash_at_announce = False
            raise Crash
        lane = self.lanes[subject]
        if sight is not None:
            lane.state = sight.state
            lane.records.append(sight.record)
            lane.in_flight = ()
        lane.in_flight += tuple(writes)

    async def settle(self, settlement: Settlement) -> None:
        """Record the end of a turn."""
        if self.crash_at_settle:
            self.crash_at_settle = False
            raise Crash
        lane = self.lanes[settlement.subject]
        lane.state = settlement.state
        lane.items = [item for item in lane.items if item.id not in settlement.done]
        lane.in_flight = ()
        lane.attempts = settlement.attempts
        lane.first_failed_at = settlement.first_failed_at
        lane.due_at = settlement.due_at
        lane.settlements.append(settlement)
        if settlement.record is not None:
            lane.records.append(settlement.record)

    # --- what is to be seen --------------------------------------------------------------------

    def entries(self, person: str) -> list[Entry]:
        """Return all entries of a person, oldest first."""
        return [entry for record in self.lane(person).records for entry in record.entries]

    def line(self, person: str, name: str) -> LineState:
        """Return one line of a person."""
        return self.lane(person).state.lines[name]

    def with_mapping(self, **changes: Any) -> None:
        """Change the mapping in force."""
        version = f"version-{len(self.versions) + 1}"
        self.mapping = replace(self.mapping, **{"version": version, **changes})
        self.versions[self.mapping.version] = self.mapping
