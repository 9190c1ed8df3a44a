"""The durable store: what came in, whose turn it is, and what is known.

One store, seven small sockets: Inbox (the door), Turns (the work), Waiting, Ledger (the looking), Versions
(of mappings), Graves (of the erased), Board (what replicas share), and Store which is all of them with a life cycle. Whatever a method has returned from is durable.
Every method raises StoreError when the store cannot do it; nothing of that call is kept then.
"""

from collections.abc import Sequence
from dataclasses import field
from typing import NamedTuple, Protocol

from consent_sync.domain.identity import Side, Source, Subject
from consent_sync.domain.ledger import LedgerRecord, Write
from consent_sync.domain.moments import Micros
from consent_sync.domain.state import PersonState
from consent_sync.domain.urgency import Urgency
from consent_sync.domain.values import dataclass
from consent_sync.ports.board import Board
from consent_sync.ports.graves import Graves
from consent_sync.ports.versions import Versions


class NewEvent(NamedTuple):
    """One event to accept, and the persons it concerns (none: recorded only).

    `urgency` decides when its turn comes. `repeatable` events count as duplicates only while an equal one (same digest, source and
    mapping) still waits for its turn; all others for as long as events are kept.
    """

    source: Source
    mapping: str
    type: str
    digest: bytes
    received_at: Micros
    body: bytes
    subjects: tuple[Subject, ...]
    repeatable: bool
    urgency: Urgency = Urgency.OPT_OUT


@dataclass(frozen=True, slots=True)
class RefusedRequest:
    """A request that was refused, kept so that it can be looked at and replayed.

    `problem` is the code and sentence answered; `body` has no secrets and is kept as given.
    """

    source: Side
    mapping: str
    received_at: Micros
    status: int
    problem: str
    body: bytes


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event or refused request as it was kept. `status` 0 = accepted, else the HTTP status."""

    id: int
    source: Source
    mapping: str
    type: str
    received_at: Micros
    body: bytes
    status: int = 0
    problem: str = ""
    waiting: bool = False


@dataclass(frozen=True, slots=True)
class StoredItem:
    """One waiting item of one person: a stored event on its way into a turn."""

    id: int
    event: StoredEvent


@dataclass(frozen=True, slots=True)
class Turn:
    """Everything that is waiting for one person, and what is known about them.

    `in_flight` are writes that were announced and whose end nobody knows (a crash). `attempts`
    counts failed attempts since `first_failed_at`.
    """

    subject: Subject
    state: PersonState
    items: tuple[StoredItem, ...]
    in_flight: tuple[Write, ...] = ()
    attempts: int = 0
    first_failed_at: Micros | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """What status and alerts need to find quickly about a person."""

    held: int = 0
    failed: int = 0
    optout_waiting_since: Micros | None = None


@dataclass(frozen=True, slots=True)
class Sight:
    """What a turn has learnt before it writes, and a crash after the write would lose.

    Nothing can be seen twice: once our own write has landed, it explains what is shown.
    """

    state: PersonState
    record: LedgerRecord


@dataclass(frozen=True, slots=True)
class Settlement:
    """The end of a turn, recorded all together or not at all.

    `done` are ids of items that were taken in; `moved` items that belong to another person and
    wait there from now on. With `due_at` the person's turn comes again at that moment even if
    nothing new arrives; `attempts` and `first_failed_at` are remembered with it. Announced
    writes of this person are forgotten.
    """

    subject: Subject
    state: PersonState
    record: LedgerRecord | None
    done: tuple[int, ...] = ()
    moved: tuple[tuple[int, Subject], ...] = ()
    due_at: Micros | None = None
    attempts: int = 0
    first_failed_at: Micros | None = None
    summary: Summary = field(default_factory=Summary)


@dataclass(frozen=True, slots=True)
class SideStatus:
    """One side in a sentence: when it last spoke, and what it is refused for."""

    last_event_at: Micros | None
    events: int
    refused: int


@dataclass(frozen=True, slots=True)
class StoreStatus:
    """Counts for `status`, `/readyz` and metrics; cheap to gather whatever the backlog.

    `retrying_turns` are those that failed and come again, not those that only look whether a
    write took. `persons` leaves out stand-ins for people who are still to be found.
    """

    sides: dict[Side, SideStatus]
    waiting_turns: int
    retrying_turns: int
    oldest_waiting_at: Micros | None
    oldest_waiting_optout_at: Micros | None
    held: int
    failed: int
    persons: int


class Inbox(Protocol):
    """The door."""

    async def accept(self, events: Sequence[NewEvent]) -> Sequence[bool]:
        """Store all or none of these events; per event true if new, false if a duplicate.

        Concurrent calls share one commit, without any artificial wait.
        """
        ...

    async def refuse(self, request: RefusedRequest) -> int:
        """Keep a refused request and return its number."""
        ...


class Turns(Protocol):
    """The work. A person is handed out to one turn at a time."""

    async def claim(self, limit: int, *, hurried: bool = False) -> Sequence[Turn]:
        """Return up to `limit` turns that are due; none when nothing is due.

        Opt-outs come before opt-ins before the rest, the oldest of each first; the less urgent
        gets a share of at least one in sixteen, so that nobody waits for ever. With `hurried`
        only those that may be opt-outs.
        A claimed person is not handed out again before settle or release.
        """
        ...

    async def wait(self, timeout_seconds: float) -> None:
        """Return when something may be due, at the latest after the timeout."""
        ...

    async def announce(
        self, subject: Subject, writes: Sequence[Write], sight: Sight | None = None
    ) -> None:
        """Remember writes that are about to be sent, until the turn is settled.

        With a sight its state and record are kept at once; they say how the writes ended that
        were announced before, so those are forgotten. The items wait on, for their verdict.
        """
        ...

    async def settle(self, settlement: Settlement) -> None:
        """Record the end of a turn in one transaction and make the person claimable again."""
        ...

    async def release(self, subject: Subject) -> None:
        """Give an untouched turn back, due at once."""
        ...


class Waiting(Protocol):
    """What waits for better times."""

    async def hurry(self, limit: int) -> int:
        """Let up to `limit` turns that failed or wait come at once; return how many.

        Those are the turns with a `first_failed_at`; people with a refusal that waits come first.
        """
        ...


class Ledger(Protocol):
    """The looking: never changes anything but `replay`."""

    async def person(self, subject: Subject) -> PersonState | None:
        """Return what is known about a person, None for nobody."""
        ...

    async def states(self, subjects: Sequence[Subject]) -> dict[Subject, PersonState]:
        """Return what is known about each of these persons; who is not known is left out."""
        ...

    async def people(
        self, after: int, limit: int, *, failed: bool = False
    ) -> Sequence[tuple[int, Subject, PersonState]]:
        """Return persons with a state and a number above `after`, in the order of their numbers.

        With `failed` only those of whom something was given up, without reading the others.
        Stand-ins for people who are still to be found are left out, so a page may be shorter than
        `limit`; an empty one is the end.
        """
        ...

    async def find_profile(self, mapping: str, profile_id: str) -> str | None:
        """Return the person key whose settled state names this Actito profile id, if any."""
        ...

    async def timeline(self, subject: Subject, limit: int) -> Sequence[LedgerRecord]:
        """Return the newest records of a person, newest first."""
        ...

    async def waiting(self, subject: Subject) -> Sequence[StoredItem]:
        """Return the items that still wait for this person's turn, oldest first."""
        ...

    async def events(
        self, *, refused: bool, before: int | None, limit: int, source: Side | None = None
    ) -> Sequence[StoredEvent]:
        """Return accepted or refused events, newest first, with numbers below `before`."""
        ...

    async def event(self, number: int) -> StoredEvent | None:
        """Return one event or refused request by its number, None when there is none."""
        ...

    async def recent(
        self, *, after: int, limit: int
    ) -> Sequence[tuple[int, Subject, LedgerRecord]]:
        """Return ledger records with numbers above `after`, oldest first, for following along."""
        ...

    async def replay(self, number: int, subjects: Sequence[Subject], received_at: Micros) -> None:
        """Queue a stored event again for these persons; a refused one becomes accepted."""
        ...

    async def status(self) -> StoreStatus:
        """Return the counts that operators look at."""
        ...


class Store(Inbox, Turns, Waiting, Ledger, Versions, Graves, Board, Protocol):
    """All of it, with a life cycle."""

    async def open(self) -> None:
        """Take ownership and get ready; raise StoreError saying what is wrong and what to do."""
        ...

    async def close(self) -> None:
        """Finish what was accepted and let go."""
        ...

    async def check(self) -> None:
        """Return when the store can read and commit now; raise StoreError otherwise."""
        ...
