"""What a deletion on one side means for the other: nothing, a refusal of everything, a deletion."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from consent_sync.domain.consent import Choice, Statement
from consent_sync.domain.erasure import DeletionPolicy
from consent_sync.domain.errors import TemporaryError
from consent_sync.domain.events import DidomiItem, EventKind
from consent_sync.domain.identity import Desk, Side, Source
from consent_sync.domain.lines import Added, Context, add_statement, line_state, with_line
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.moments import HOUR, MINUTE, SECOND, Micros
from consent_sync.domain.state import PersonState, Presence

AGAIN: Final[Micros] = MINUTE
"""How long after its turn an erasure is tried again that a crash has kept from being done."""


def says_deleted(content: object, context: Context) -> bool:
    """Say whether a webhook tells that a user of an accepted regulation was deleted."""
    return (
        isinstance(content, DidomiItem)
        and content.kind is EventKind.CONSENT_USER_DELETED
        and content.regulation in context.mapping.regulations
    )


def refused_everywhere(
    state: PersonState, at: Micros, context: Context
) -> tuple[PersonState, frozenset[str]]:
    """Return the state with a refusal on every line, and the lines it is new on.

    Only where a side knows the person: nobody is created to be refused. The refusal is told in the
    name of the side that lacks them, so that it goes out to the other one; to both in our own.
    """
    profile, user = state.profile is Presence.PRESENT, state.user is not Presence.MISSING
    if not profile and not user:
        return state, frozenset()
    side: Source = Desk.OPERATOR
    if profile != user:
        side = Side.DIDOMI if profile else Side.ACTITO
    touched: set[str] = set()
    for line in context.mapping.lines:
        known = line_state(state, line)
        said = Statement(f"deleted-{at}", side, Choice.DENIED, at, at, at, delay=0, evidence="")
        known, how = add_statement(line, known, said)
        state = with_line(state, line, known)
        if how is Added.NEW:
            touched.add(line.id)
    return state, frozenset(touched)


@dataclass(slots=True)
class DeletionPace:
    """At most so many deletions on a side an hour that no person asked for; 0 = any number.

    A platform that loses its people, or loses sight of them, must not empty the other one.
    """

    an_hour: int = 0
    _done: deque[Micros] = field(default_factory=deque)

    def take(self, now: Micros) -> None:
        """Count one more; raise TemporaryError when there were too many in the last hour."""
        while self._done and self._done[0] <= now - HOUR:
            self._done.popleft()
        if self.an_hour and len(self._done) >= self.an_hour:
            raise TemporaryError(
                f"{self.an_hour} deletions in the last hour, and no more are let through",
                retry_after=(self._done[0] + HOUR - now) / SECOND,
            )
        self._done.append(now)


@dataclass(frozen=True, slots=True)
class Departures:
    """What deletions mean: of a user in Didomi, of a profile in Actito.

    `shared` says that the people of a mapping are known to another mapping as well, on one side
    only; then deleting them there would take them from the other mapping, too.
    """

    user: DeletionPolicy = DeletionPolicy.KEEP
    profile: DeletionPolicy = DeletionPolicy.KEEP
    pace: DeletionPace = field(default_factory=DeletionPace)
    shared: Callable[[Mapping], bool] = lambda mapping: False
