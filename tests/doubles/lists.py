"""Didomi's lists over the small world of the doubles, and a notebook that lives in memory."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from consent_sync.domain.consent import ConsentTree
from consent_sync.domain.errors import TemporaryError
from consent_sync.domain.events import DidomiItem, EventKind, UnknownItem, UserMissing, UserReading
from consent_sync.domain.identity import Names
from consent_sync.domain.mapping import Mapping
from consent_sync.ports.lists import CursorError, ListedEvent, ListedUser, UserList, UserLook
from consent_sync.ports.receiver import Arrival
from tests.doubles.platforms import DidomiWorld


class ListedWorld:
    """Pages of the users of a world, in the order of their names; cursors are their places.

    `bodies` maps the bodies that were handed out to what they say. `refuse` names cursors that are
    refused once; `before_page` is called with every cursor.
    """

    def __init__(self, world: DidomiWorld, *, page: int = 2) -> None:
        self.world = world
        self.page = page
        self.bodies: dict[bytes, DidomiItem] = {}
        self.refuse: list[str] = []
        self.troubles = 0
        self.asked: list[str | None] = []
        self.before_page: Callable[[str | None], None] = lambda cursor: None

    async def list_users(self, mapping: Mapping, cursor: str | None) -> UserList:
        """Return a page."""
        self.asked.append(cursor)
        self.before_page(cursor)
        if self.troubles:
            self.troubles -= 1
            raise TemporaryError("not now")
        if cursor in self.refuse:
            self.refuse.remove(cursor or "")
            raise CursorError("too old")
        names = sorted(self.world.nodes)
        start = int(cursor or 0)
        users = [await self._user(mapping, name) for name in names[start : start + self.page]]
        more = start + self.page < len(names)
        return UserList(tuple(users), 0, str(start + self.page) if more else None)

    async def look_at_user(self, mapping: Mapping, ouid: str) -> UserLook:
        """Return one user."""
        seen = await self.world.read_user(mapping, ouid, "gdpr")
        if isinstance(seen, UserMissing):
            return UserLook(seen, ())
        return UserLook(seen, (self._arrival(self.world.shown(ouid)),))

    def user_webhook(self, mapping: Mapping, user: ListedUser, told: ConsentTree) -> bytes:
        """Return a body that stands for the user with these choices."""
        item = DidomiItem(
            EventKind.CONSENT_USER,
            "user.updated",
            user.ouid,
            mapping.regulations[0],
            shown=told,
            updated_at=user.seen.updated_at,
        )
        return self._arrival(item).body

    async def list_events(self, mapping: Mapping, ouid: str) -> tuple[ListedEvent, ...]:
        """Return no event: this world keeps none."""
        return ()

    def understand(self, body: bytes) -> DidomiItem | UnknownItem:
        """Return what a body says that was handed out here."""
        return self.bodies[body]

    def arrivals(self, body: bytes) -> Sequence[Arrival]:
        """Return the one event of a body that was handed out here."""
        return (Arrival("user.updated", body, body, Names(self.bodies[body].ouid)),)

    async def _user(self, mapping: Mapping, ouid: str) -> ListedUser:
        seen = await self.world.read_user(mapping, ouid, "gdpr")
        assert isinstance(seen, UserReading)
        return ListedUser(ouid, seen)

    def _arrival(self, item: DidomiItem) -> Arrival:
        body = f"user-{len(self.bodies)}".encode()
        self.bodies[body] = item
        return self.arrivals(body)[0]


@dataclass
class MemoryNotebook:
    """Keeps the promises of ports.notebook.Notebook as long as it lives."""

    text: str | None = None
    seen: set[bytes] = field(default_factory=set)
    findings: dict[bytes, str] = field(default_factory=dict)

    async def read(self) -> str | None:
        """Return what was noted last."""
        return self.text

    async def note(
        self,
        progress: str,
        *,
        seen: Sequence[bytes] = (),
        found: Sequence[tuple[bytes, str]] = (),
    ) -> None:
        """Keep how far it is, whom it has seen, and what it has found."""
        self.text = progress
        self.seen |= set(seen)
        for key, text in found:
            self.findings.setdefault(key, text)

    async def unseen(self, keys: Sequence[bytes]) -> frozenset[bytes]:
        """Return those that were not noted as seen."""
        return frozenset(keys) - self.seen

    async def found(self, after: int, limit: int) -> Sequence[tuple[int, str]]:
        """Return findings in their order."""
        numbered = list(enumerate(self.findings.values(), 1))
        return [one for one in numbered if one[0] > after][:limit]

    async def clear(self) -> None:
        """Forget everything."""
        self.text, self.seen, self.findings = None, set(), {}
