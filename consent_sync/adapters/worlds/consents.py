"""Didomi as a world in memory: users by organisation user id, merged by date."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from consent_sync.domain.consent import Choice, ConsentTree, Node, Pick
from consent_sync.domain.events import UserMissing, UserReading
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.moments import Micros
from consent_sync.ports.clock import Clock
from consent_sync.ports.platforms import ConsentDraft


@dataclass(slots=True)
class User:
    """What Didomi holds for one person and regulation."""

    nodes: dict[Node, tuple[Choice, Micros]] = field(default_factory=dict)
    picks: dict[Pick, tuple[frozenset[str], Micros]] = field(default_factory=dict)
    updated_at: Micros | None = None

    def take(self, tree: ConsentTree, dated: Micros) -> None:
        """Merge choices of that date: what is held with a later date stays."""
        for node, choice in tree.nodes.items():
            if self.nodes.get(node, (choice, dated))[1] <= dated:
                self.nodes[node] = (choice, dated)
        for pick, options in tree.picks.items():
            if self.picks.get(pick, (options, dated))[1] <= dated:
                self.picks[pick] = (options, dated)
        self.updated_at = max(dated, self.updated_at or dated)

    def holds(self, node: Node) -> Choice:
        """Return what is held; an option that a list leaves out is denied."""
        if not node.option:
            return self.nodes.get(node, (Choice.NONE, 0))[0]
        options, _ = self.picks.get(Pick(node.purpose, node.preference), (None, 0))
        if options is None:
            return Choice.NONE
        return Choice.GRANTED if node.option in options else Choice.DENIED

    def tree(self) -> ConsentTree:
        """Return everything that is held."""
        return ConsentTree(
            {node: choice for node, (choice, _) in self.nodes.items()},
            {pick: options for pick, (options, _) in self.picks.items()},
        )


class ConsentWorld:
    """Keeps the promises of `ConsentPlatform` over users in memory."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._users: dict[tuple[str, str], User] = {}

    def user(self, ouid: str, regulation: str) -> User:
        """Return what is held for this person and regulation, made where nothing is."""
        return self._users.setdefault((ouid, regulation), User())

    def find(self, ouid: str, regulation: str) -> User | None:
        """Return what is held, None for nobody."""
        return self._users.get((ouid, regulation))

    async def read_user(
        self, mapping: Mapping, ouid: str, regulation: str
    ) -> UserReading | UserMissing:
        """Read one person."""
        now, user = self._clock.now(), self._users.get((ouid, regulation))
        if user is None:
            return UserMissing(now)
        return UserReading(now, now, user.updated_at, user.tree())

    async def send_events(self, mapping: Mapping, drafts: Sequence[ConsentDraft]) -> None:
        """Create these events."""
        for draft in drafts:
            picks = {pick: frozenset(options) for pick, options in draft.picks.items()}
            tree = ConsentTree(draft.nodes, picks)
            self.user(draft.ouid, draft.regulation).take(tree, draft.created_at)

    async def delete_user(self, mapping: Mapping, ouid: str) -> None:
        """Delete a user, in all regulations."""
        self._users = {key: user for key, user in self._users.items() if key[0] != ouid}
