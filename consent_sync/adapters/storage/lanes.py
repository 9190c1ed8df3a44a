"""Whose turn it is, in the memory of the one process that owns the store.

Nothing is written to claim a person. Persons that are due stand in a line of bounded length;
what does not fit stays in the database and is fetched page by page, in order of arrival, so that
memory does not follow the backlog; opt-outs have pages of their own, so that none of them waits
for the pages before it. Everything here runs on the event loop, except `taken`.

The promise that holds it together: a person with something due stands in the line, is claimed,
has an item after the cursor of pages that are `behind`, or a lane not earlier than `next_due`.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from consent_sync.adapters.storage.line import Line
from consent_sync.domain.identity import Subject
from consent_sync.domain.moments import Micros
from consent_sync.domain.urgency import Urgency


@dataclass(slots=True)
class Claim:
    """What is remembered of a claimed person until the turn ends.

    `items` were handed out, `last_item` the newest of them, `newest_item` was the newest waiting
    then. `record` to `profile` are columns of the person's row. `again` is set to how urgent it is
    when something arrives meanwhile, `ending` while the end is being written, `left` when the turn
    was given back meanwhile.
    """

    person: int
    urgency: Urgency = Urgency.OPT_OUT
    subject: Subject | None = None
    items: frozenset[int] = frozenset()
    last_item: int = 0
    newest_item: int = 0
    record: int | None = None
    held: int = 0
    failed: int = 0
    optout: Micros | None = None
    profile: bytes | None = None
    again: Urgency | None = None
    ending: bool = False
    left: bool = False


@dataclass(slots=True)
class Pages:
    """How far the waiting items have been fetched; `missed` what a page under way cannot hold."""

    behind: bool = True
    cursor: int = 0
    missed: bool = False

    def start(self) -> None:
        """A page is about to be read; what commits from now on may not be in it."""
        self.missed = False

    def read(self, cursor: int, *, last: bool) -> None:
        """A page was read up to here."""
        self.cursor = cursor
        self.behind = not last or self.missed

    def covered(self, after: int, *, by: "Pages") -> None:
        """A page of other pages held everything after an item; what comes here may be in it."""
        if not by.behind and not self.missed and after <= self.cursor:
            self.behind = False


class Lanes:
    """The line of persons that are due, and the claimed ones."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._line: Line[int] = Line()
        self._claims: dict[int, Claim] = {}
        self._subjects: dict[Subject, Claim] = {}
        self.announced: set[int] = set()
        self.pages = Pages()
        self.optouts = Pages()
        self.next_due: Micros | None = 0

    def __len__(self) -> int:
        return len(self._line)

    @property
    def hurried(self) -> int:
        """How many persons in the line may have opted out."""
        return self._line.count(Urgency.OPT_OUT)

    @property
    def busy(self) -> int:
        """How many persons stand in the line or are claimed."""
        return len(self._line) + len(self._claims)

    @property
    def full(self) -> bool:
        """Whether the line takes nobody from the back."""
        return len(self._line) >= self._limit

    def ready(self, now: Micros) -> bool:
        """Whether somebody may be due."""
        behind = self.pages.behind or self.optouts.behind
        return behind or bool(len(self._line)) or self.lane_due(now)

    def lane_due(self, now: Micros) -> bool:
        """Whether the turn of somebody outside the line comes again by now."""
        return self.next_due is not None and self.next_due <= now

    # --- what happened ---

    def arrived(self, person: int, item: int, urgency: Urgency = Urgency.OPT_OUT) -> None:
        """Something new waits for a person, who is due at once."""
        claim = self._claims.get(person)
        if claim is not None:
            claim.again = urgency if claim.again is None else min(claim.again, urgency)
            return
        if person in self._line:
            self._line.add(person, urgency)
            return
        optout = urgency is Urgency.OPT_OUT
        pages = self.optouts if optout else self.pages
        if pages.behind:
            pages.missed = True
        elif self.hurried >= self._limit if optout else self.full:
            pages.behind, pages.cursor = True, item - 1
        else:
            self._line.add(person, urgency)

    def due_again(self, person: int, due_at: Micros | None, *, now: bool) -> None:
        """A turn was recorded: it comes again at once, at a moment, or not by itself."""
        claim = self._end(person)
        if due_at is not None:
            # Also where the turn comes at once: what seemed new may have been in this very turn.
            self.next_due = due_at if self.next_due is None else min(self.next_due, due_at)
        again = None if claim is None else claim.again
        if now or again is not None:
            self._line.add(person, _urgency(claim) if again is None else again)

    def given_back(self, persons: Iterable[int]) -> None:
        """Turns end untouched: these persons are due before all others as urgent as they."""
        for person in persons:
            self._line.put_first(person, _urgency(self._end(person)))

    def dropped(self, person: int) -> None:
        """Nothing was due for a claimed person after all, unless something came meanwhile."""
        claim = self._end(person)
        if claim is not None and claim.again is not None:
            self._line.add(person, claim.again)

    # --- who is next ---

    def take(self, limit: int, *, hurried: bool = False) -> list[Claim]:
        """Claim up to `limit` persons from the front of the line, or only who may have opted out."""
        claims: list[Claim] = []
        many = self.hurried if hurried else len(self._line)
        for _ in range(min(limit, many)):
            line = self._line
            person, urgency = line.pop_from(Urgency.OPT_OUT) if hurried else line.pop()
            claim = self._claims[person] = Claim(person, urgency)
            claims.append(claim)
        return claims

    def name(self, claim: Claim, subject: Subject) -> None:
        """Make a claim known by its subject, which was read meanwhile."""
        claim.subject = subject
        self._subjects[subject] = claim

    def claim_of(self, subject: Subject) -> Claim | None:
        """Return the claim on a subject."""
        return self._subjects.get(subject)

    def taken(self, person: int, item: int) -> bool:
        """Whether a turn has this item. Safe to ask from the writer thread."""
        claim = self._claims.get(person)
        return claim is not None and item <= claim.last_item

    # --- fetching from the database ---

    def start_due(self) -> None:
        """Due lanes are about to be read."""
        self.next_due = None

    def add_due(self, persons: Iterable[tuple[int, Urgency]], next_due: Micros | None) -> None:
        """Put persons whose turn comes again at the back of the line."""
        self.add(persons)
        if next_due is not None:
            self.next_due = next_due if self.next_due is None else min(self.next_due, next_due)

    def add(self, persons: Iterable[tuple[int, Urgency]]) -> None:
        """Put persons that were found in the database at the back of the line."""
        # Claimed ones need no place: what came after they were claimed has marked them, and the
        # end of their turn looks at the rest.
        for person, urgency in persons:
            if person not in self._claims:
                self._line.add(person, urgency)

    def _end(self, person: int) -> Claim | None:
        claim = self._claims.pop(person, None)
        if claim is not None and claim.subject is not None:
            del self._subjects[claim.subject]
        return claim


def _urgency(claim: Claim | None) -> Urgency:
    return Urgency.OPT_OUT if claim is None else claim.urgency
