"""Erasing persons for good: what is removed, what is kept as proof, and who cannot come back."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from consent_sync.domain.identity import Subject
from consent_sync.domain.moments import Micros


class Burial(NamedTuple):
    """One erasure: the tombstones to keep, and the persons whose data goes now.

    `cause` says what asked for it and `policy` what it meant for the other side, as words.
    """

    marks: tuple[bytes, ...]
    subjects: tuple[Subject, ...]
    at: Micros
    cause: str
    policy: str


class Removed(NamedTuple):
    """How much an erasure removed: persons, what waited for them, records, contents of events."""

    persons: int = 0
    waiting: int = 0
    records: int = 0
    events: int = 0


class Grave(NamedTuple):
    """The proof of one tombstone. `cleared_at` is when nothing of the person was left anywhere."""

    mark: bytes
    at: Micros
    cause: str
    policy: str
    lifted_at: Micros | None = None
    cleared_at: Micros | None = None


class Forgotten(NamedTuple):
    """How far a step of forgetting came: the last number looked at, and how many people faded."""

    last: int
    people: int


class Graves(Protocol):
    """Tombstones and what they keep out; every method raises StoreError.

    Whoever has a tombstone that was not lifted cannot come back by `accept`, `replay` or the
    moved items of `settle`: the event is kept without its content, and nobody waits for a turn.
    """

    async def bury(self, burial: Burial) -> Removed:
        """Keep tombstones and remove these persons, all together; their turns under way fail."""
        ...

    async def lift(self, marks: Sequence[bytes], at: Micros) -> int:
        """Let whoever has these tombstones come back; return how many were in force."""
        ...

    async def graves(self, marks: Sequence[bytes] | None = None) -> Sequence[Grave]:
        """Return these tombstones or all, lifted ones too, oldest first."""
        ...

    async def cleared(self, marks: Sequence[bytes], at: Micros) -> None:
        """Note that nothing is left of whoever has these tombstones."""
        ...

    async def names(self, after: int, limit: int) -> Sequence[tuple[int, Subject]]:
        """Return everybody ever named with a number above `after`, an empty page at the end."""
        ...

    async def scrub(self, numbers: Sequence[int]) -> int:
        """Remove the content of these events where no turn waits for it; return of how many."""
        ...

    async def fade(self, after: int, received_before: Micros, limit: int) -> int | None:
        """Remove the content of the next `limit` events with numbers above `after`, where it is due.

        Returns the last number that was looked at; None when there is none, or none is due. What
        a turn waits for stays, refused requests fade too, and duplicates are known all the same.
        """
        ...

    async def compact(self, subject: Subject, before: Micros) -> int:
        """Remove a person's records older than a moment; return how many went.

        A checkpoint of what is known takes their place as the newest record, so that the state is
        still the fold of the ledger. Nothing is done while there is something to do about them.
        """
        ...

    async def forget(self, after: int, before: Micros, limit: int) -> Forgotten | None:
        """Forget who the quiet among the next `limit` people are; None when there are no more.

        Quiet is whoever has nothing recorded since `before` and nothing to do, held or failed.
        The row stays and is found by the hash of mapping and person; one checkpoint stands for all
        that was known, without a name. Who comes in again by that name has it back at once.
        """
        ...


class GraveList(Protocol):
    """The tombstones once more, apart from the store, for the day when an old backup is restored.

    Every method raises StoreError.
    """

    async def read(self) -> Sequence[Grave]:
        """Return every tombstone as it stood last; `cleared_at` is not kept here."""
        ...

    async def add(self, graves: Sequence[Grave]) -> None:
        """Keep these; durable on return."""
        ...
