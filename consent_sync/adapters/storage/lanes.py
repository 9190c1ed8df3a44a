"""Whose turn it is, in the memory of the one process that owns the store.

Nothing is written to claim a person. Persons that are due stand in a line of bounded length;
what does not fit stays in the database and is fetched page by page, in order of arrival, so that
memory does not follow the backlog. Everything here runs on the event loop, except `taken`.

The promise that holds it together: a person with something due stands in the line, is claimed,
has an item after the cursor while `behind`, or a lane not earlier than `next_due`.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from consent_sync.domain.identity import Subject
from consent_sync.domain.moments import Micros


@dataclass(slots=True)
class Claim:
    """What is remembered of a claimed person until the turn ends.

    `items` were handed out, `last_item` the newest of them, `newest_item` was the newest waiting
    then. `record` to `profile` are columns of the person's row. `again` is set when something
    arrives meanwhile, `ending` while the end is being written, `left` when the turn was given
    back meanwhile.
    """

    person: int
    subject: Subject | None = None
    items: frozenset[int] = frozenset()
    last_item: int = 0
    newest_item: int = 0
    record: int | None = None
    held: int = 0
    failed: int = 0
    optout: Micros | None = None
    profile: bytes | None = None
    again: bool = False
    ending: bool = False
    left: bool = False


class Lanes:
    """The line of persons that are due, and the claimed ones."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._line: OrderedDict[int, None] = OrderedDict()
        self._claims: dict[int, Claim] = {}
        self._subjects: dict[Subject, Claim] = {}
        self._missed = False
        self.announced: set[int] = set()
        self.behind = True
        self.cursor = 0
        self.next_due: Micros | None = 0

    def __len__(self) -> int:
        return len(self._line)

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
        return bool(self._line) or self.behind or self.lane_due(now)

    def lane_due(self, now: Micros) -> bool:
        """Whether the turn of somebody outside the line comes again by now."""
        return self.next_due is not None and self.next_due <= now

    # --- what happened ---

    def arrived(self, person: int, item: int) -> None:
        """Something new waits for a person, who is due at once."""
        claim = self._claims.get(person)
        if claim is not None:
            claim.again = True
        elif self.behind:
            self._missed = True
        elif person not in self._line:
            if self.full:
                self.behind, self.cursor = True, item - 1
            else:
                self._line[person] = None

    def due_again(self, person: int, due_at: Micros | None, *, now: bool) -> None:
        """A turn was recorded: it comes again at once, at a moment, or not by itself."""
        claim = self._end(person)
        if due_at is not None:
            # Also where the turn comes at once: what seemed new may have been in this very turn.
            self.next_due = due_at if self.next_due is None else min(self.next_due, due_at)
        if now or (claim is not None and claim.again):
            self._line[person] = None

    def given_back(self, persons: Iterable[int]) -> None:
        """Turns end untouched: these persons are due before all others."""
        for person in persons:
            self._end(person)
            self._line[person] = None
            self._line.move_to_end(person, last=False)

    def dropped(self, person: int) -> None:
        """Nothing was due for a claimed person after all, unless something came meanwhile."""
        claim = self._end(person)
        if claim is not None and claim.again:
            self._line[person] = None

    # --- who is next ---

    def take(self, limit: int) -> list[Claim]:
        """Claim up to `limit` persons from the front of the line."""
        claims: list[Claim] = []
        while self._line and len(claims) < limit:
            person, _ = self._line.popitem(last=False)
            claim = self._claims[person] = Claim(person)
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

    def start_page(self) -> None:
        """A page is about to be read; what commits from now on may not be in it."""
        self._missed = False

    def add_page(self, persons: Iterable[int], cursor: int, *, last: bool) -> None:
        """Put the persons of a page of items at the back of the line."""
        self._add(persons)
        self.cursor = cursor
        self.behind = not last or self._missed

    def start_due(self) -> None:
        """Due lanes are about to be read."""
        self.next_due = None

    def add_due(self, persons: Iterable[int], next_due: Micros | None) -> None:
        """Put persons whose turn comes again at the back of the line."""
        self._add(persons)
        if next_due is not None:
            self.next_due = next_due if self.next_due is None else min(self.next_due, next_due)

    def _add(self, persons: Iterable[int]) -> None:
        # Claimed ones need no place: what came after they were claimed has marked them, and the
        # end of their turn looks at the rest.
        for person in persons:
            if person not in self._claims:
                self._line.setdefault(person)

    def _end(self, person: int) -> Claim | None:
        claim = self._claims.pop(person, None)
        if claim is not None and claim.subject is not None:
            del self._subjects[claim.subject]
        return claim
