"""The turns this replica has, and for how long each may still write to a platform.

A lease is counted twice: on the database's clock, where it decides who may record something, and
here, from before the question was asked, where it decides whether a call may still begin.
"""

from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final

from consent_sync.adapters.clock import elapsed_seconds
from consent_sync.domain.errors import NotNowError, StoreError
from consent_sync.domain.identity import Subject


@dataclass(slots=True, eq=False)
class Claim:
    """One turn of ours; it expires at that many seconds of `elapsed_seconds`.

    `intent` is the newest announcement it was handed; `writes` were announced by itself; `ending`
    while its end is being recorded, `left` when it was given back meanwhile.
    """

    subject: Subject
    person: bytes
    fence: int
    expires: float
    lease_seconds: float
    items: frozenset[int] = frozenset()
    intent: int = 0
    writes: list[bytes] = field(default_factory=list)
    ending: bool = False
    left: bool = False

    @property
    def lost(self) -> bool:
        """Whether another replica has the person, as far as we know."""
        return self.expires == float("-inf")


_TURN: Final[ContextVar[Claim | None]] = ContextVar("consent_sync_turn", default=None)


def may_write(seconds: float) -> None:
    """Return when the turn that runs here may begin a write that takes so long at most.

    Raises NotNowError when its lease may end before: another replica may have the person then.
    Asked right before a request goes out; where no turn announced anything there is no limit.
    """
    claim = _TURN.get()
    if claim is None:
        return
    # A lease shorter than two calls would allow none at all: then half of it has to be enough.
    needed = min(seconds, claim.lease_seconds / 2)
    if elapsed_seconds() + needed > claim.expires:
        raise NotNowError("not sent: the lease of this turn has ended or is about to")


class Claims:
    """All turns of this replica by their persons."""

    def __init__(self) -> None:
        self._claims: dict[Subject, Claim] = {}

    def __len__(self) -> int:
        return len(self._claims)

    def add(self, claim: Claim) -> None:
        """Remember a turn that was claimed."""
        self._claims[claim.subject] = claim

    def of(self, subject: Subject) -> Claim:
        """Return the claim on a subject; raise StoreError when it is not ours."""
        claim = self._claims.get(subject)
        if claim is None:
            raise StoreError("the turn of this person is not claimed, so it cannot be recorded")
        return claim

    def has(self, claim: Claim) -> bool:
        """Whether this turn is still under way."""
        return self._claims.get(claim.subject) is claim and not claim.ending

    def end(self, claim: Claim) -> None:
        """Forget a turn that is over or lost; no write of it may begin any more."""
        claim.expires = float("-inf")
        if self._claims.get(claim.subject) is claim:
            del self._claims[claim.subject]

    def all(self) -> list[Claim]:
        """Return all of them."""
        return list(self._claims.values())


def begin_writing(claim: Claim) -> None:
    """From here on the running task writes on behalf of this turn."""
    _TURN.set(claim)


def extended(claims: Iterable[Claim], asked_at: float, lease_seconds: float) -> None:
    """The database has counted these leases anew, at the earliest when it was asked."""
    for claim in claims:
        claim.expires = asked_at + lease_seconds
