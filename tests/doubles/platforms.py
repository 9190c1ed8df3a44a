"""Both platforms as small worlds behind the ports: they merge, echo and fail as they are told."""

from collections import deque
from collections.abc import Callable, Sequence
from collections.abc import Mapping as MappingView
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from consent_sync.domain.consent import Choice, ConsentTree, Node, Pick
from consent_sync.domain.errors import AbsentError, PermanentError, TemporaryError, UnclearError
from consent_sync.domain.events import (
    ConsentEvent,
    DidomiItem,
    EventKind,
    Origin,
    ProfileHint,
    ProfileMissing,
    ProfileReading,
    UserMissing,
    UserReading,
)
from consent_sync.domain.identity import Names
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.moments import MILLISECOND, Micros
from consent_sync.domain.profile import ProfileChange, Scalar, TableAttribute, TableStructure
from consent_sync.ports.platforms import ConsentDraft
from tests.doubles.clock import SettableClock

FAULTS = (
    "temporary",
    "unclear, landed",
    "unclear, lost",
    "unclear, lands later",
    "did nothing",
)
"""What a call can be told to do instead of working: before, with or without effect."""


class Crash(BaseException):
    """The process dies at this point of the turn."""


@dataclass
class Faults:
    """What the next calls do; empty = they work."""

    queue: deque[str] = field(default_factory=deque)

    def next(self) -> str:
        """Return what the next call does."""
        return self.queue.popleft() if self.queue else ""


class Written(NamedTuple):
    """One value that a write of ours changed: a subscription or a node, and what it became."""

    at: Micros
    place: str | Node
    value: bool


@dataclass
class Profile:
    """One Actito profile."""

    profile_id: str
    subscriptions: dict[str, bool] = field(default_factory=dict)
    attributes: dict[str, Scalar] = field(default_factory=dict)


class ActitoWorld:
    """Profiles by key; every change puts a hint into `outbox`, as the platform would post it."""

    def __init__(self, clock: SettableClock) -> None:
        self.clock = clock
        self.profiles: dict[str, Profile] = {}
        self.outbox: list[ProfileHint] = []
        self.faults = Faults()
        self.calls: list[str] = []
        self.late: list[Callable[[], None]] = []
        self.raises: list[Micros] = []
        self.written: list[Written] = []
        self.tried: list[Written] = []
        self.ignored: list[Written] = []
        self.echoes = True
        self.bad_subscriptions: set[str] = set()
        self.table = TableStructure(
            "21",
            "Customers",
            {
                name: TableAttribute(name)
                for name in ("customerId", "brand", "loyaltyTier", "lastName")
            },
        )

    def click(self, key: str, name: str, *, subscribe: bool) -> None:
        """Let a person change one subscription."""
        profile = self.profiles.setdefault(key, Profile(str(1000 + len(self.profiles))))
        profile.subscriptions[name] = subscribe
        self.outbox.append(
            ProfileHint(Names(actito_key=key, profile_id=profile.profile_id), {name: subscribe}, {})
        )

    def touch(self, key: str) -> None:
        """Post a webhook about a profile that names no subscription."""
        names = Names(actito_key=key, profile_id=self.profiles[key].profile_id)
        self.outbox.append(ProfileHint(names))

    async def read_by_key(self, mapping: Mapping, key: str) -> ProfileReading | ProfileMissing:
        """Read one profile."""
        self.calls.append("read")
        asked_at = self.clock.now()
        self._fail_before(self.faults.next())
        self.clock.advance(0.01)
        profile = self.profiles.get(key)
        if profile is None:
            return ProfileMissing(self.clock.now())
        names = Names(actito_key=key, profile_id=profile.profile_id)
        return ProfileReading(asked_at, self.clock.now(), names, dict(profile.subscriptions))

    async def read_by_id(
        self, mapping: Mapping, profile_id: str
    ) -> ProfileReading | ProfileMissing:
        """Read one profile by its number."""
        for key, profile in self.profiles.items():
            if profile.profile_id == profile_id:
                return await self.read_by_key(mapping, key)
        self.calls.append("read")
        return ProfileMissing(self.clock.now())

    async def update(
        self, mapping: Mapping, key: str, change: ProfileChange, *, after_look: bool
    ) -> str:
        """Change a profile, or do what the faults say."""
        self.calls.append("update")
        return self._write(key, change, create=False)

    async def create(self, mapping: Mapping, key: str, change: ProfileChange) -> str:
        """Create a profile, or do what the faults say."""
        self.calls.append("create")
        if key in self.profiles:
            raise PermanentError("exists", status=409)
        return self._write(key, change, create=True)

    async def delete(self, mapping: Mapping, key: str) -> None:
        """Delete a profile, or do what the faults say."""
        self.calls.append("delete")
        fault = self.faults.next()
        self._fail_before(fault)
        if fault != "unclear, lost":
            self.profiles.pop(key, None)
        if fault.startswith("unclear"):
            raise UnclearError("no answer")
        if fault == "crash":
            raise Crash

    async def structure(self, mapping: Mapping) -> TableStructure:
        """Return the table."""
        return self.table

    def _write(self, key: str, change: ProfileChange, *, create: bool) -> str:
        now = self.clock.now()
        fault = self.faults.next()
        wished = [Written(now, *one) for one in change.subscriptions.items()]
        self.tried += wished
        self.ignored += wished if fault == "did nothing" else []
        self._fail_before(fault)
        if self.bad_subscriptions & set(change.subscriptions):
            raise PermanentError("bad request", status=400, answer="unknown subscription")
        if key not in self.profiles and not create:
            raise AbsentError("no such profile")
        self.clock.advance(0.01)
        if fault == "unclear, lands later":
            self.late.append(lambda: self._apply(key, change))
        elif fault not in {"unclear, lost", "did nothing"}:
            self._apply(key, change)
        if fault.startswith("unclear"):
            raise UnclearError("no answer")
        if fault == "crash":
            raise Crash
        profile = self.profiles.get(key)
        return profile.profile_id if profile else ""

    def _fail_before(self, fault: str) -> None:
        if fault == "temporary":
            raise TemporaryError("not now")
        if fault == "refused":
            raise PermanentError("bad request", status=400)
        if fault == "crash before":
            raise Crash

    def _apply(self, key: str, change: ProfileChange) -> None:
        if any(change.subscriptions.values()):
            self.raises.append(self.clock.now())
        profile = self.profiles.setdefault(key, Profile(str(1000 + len(self.profiles))))
        self.written += [
            Written(self.clock.now(), name, value)
            for name, value in change.subscriptions.items()
            if profile.subscriptions.get(name) is not value
        ]
        profile.subscriptions.update(change.subscriptions)
        profile.attributes.update(change.attributes)
        if self.echoes:
            names = Names(actito_key=key, profile_id=profile.profile_id)
            self.outbox.append(ProfileHint(names, dict(change.subscriptions), {}))


NO_LIST: tuple[frozenset[str], Micros] = (frozenset(), 0)


@dataclass
class _Held:
    choice: Choice
    dated: Micros


FANOUTS = (
    ("event",),
    ("event", "user"),
    ("user", "event"),
    ("user",),
    ("event", "bare user"),
    ("bare user", "event"),
    ("bare user",),
)
"""Which webhooks one event can cause, in which order; a bare user names no event behind it."""


class DidomiWorld:
    """Users by organisation user id, merged by date; every event goes into `outbox`.

    `fanout` says as which webhooks. `wall_dates` dates a user by the moment of the last change
    instead of the newest event. `skew` is how far its clock is ahead of ours.
    """

    def __init__(self, clock: SettableClock) -> None:
        self.clock = clock
        self.nodes: dict[str, dict[Node, _Held]] = {}
        self.picks: dict[str, dict[Pick, tuple[frozenset[str], Micros]]] = {}
        self.options: dict[Pick, frozenset[str]] = {}
        self.updated: dict[str, Micros] = {}
        self.known: set[str] = set()
        self.outbox: list[DidomiItem] = []
        self.faults = Faults()
        self.calls: list[str] = []
        self.late: list[Callable[[], None]] = []
        self.raises: list[Micros] = []
        self.written: list[Written] = []
        self.echoes = True
        self.skew: Micros = 0
        self.ignored = False
        self.fanout: tuple[str, ...] = ("event",)
        self.wall_dates = False
        self._numbers = 0

    def click(
        self,
        ouid: str,
        nodes: MappingView[Node, Choice],
        picks: MappingView[Pick, frozenset[str]] | None = None,
        *,
        metadata: MappingView[str, Scalar] | None = None,
        regulation: str = "gdpr",
        status: str = "confirmed",
    ) -> DidomiItem:
        """Let a person choose; returns the webhook that is put into the outbox."""
        self._numbers += 1
        made = (self.clock.now() + self.skew) // MILLISECOND * MILLISECOND
        tree = ConsentTree(dict(nodes), dict(picks or {}))
        event = ConsentEvent(f"click-{self._numbers}", made, status, tree)
        if status == "confirmed" and regulation == "gdpr":
            self._merge(ouid, tree, made)
        item = DidomiItem(
            EventKind.CONSENT_EVENT,
            "event.created",
            ouid,
            regulation,
            event=event,
            metadata=dict(metadata or {}),
        )
        self._post(item)
        return item

    def approve(self, item: DidomiItem) -> DidomiItem:
        """Let a pending choice count from now on; returns the webhook that tells of it."""
        assert item.event is not None
        assert item.event.created_at is not None
        self._merge(item.ouid, item.event.tree, item.event.created_at)
        approved = replace(item.event, status="confirmed")
        return replace(item, type="event.updated", event=approved)

    def _post(self, item: DidomiItem) -> None:
        if item.event is None or item.event.status != "confirmed" or item.regulation != "gdpr":
            self.outbox.append(item)
            return
        for kind in self.fanout:
            if kind == "event":
                self.outbox.append(item)
            else:
                source = item.event if kind == "user" else None
                shown = replace(self.shown(item.ouid), event=source, metadata=item.metadata)
                self.outbox.append(shown)

    def shown(self, ouid: str) -> DidomiItem:
        """Return the whole user as a `user.updated` webhook without a source would show it."""
        return DidomiItem(
            EventKind.CONSENT_USER,
            "user.updated",
            ouid,
            "gdpr",
            shown=self._tree(ouid),
            updated_at=self.updated[ouid],
        )

    def holds(self, ouid: str, node: Node) -> Choice:
        """Return what Didomi holds for a node; an option that is not in its list is none."""
        if node.option:
            options, _ = self.picks.get(ouid, {}).get(Pick(node.purpose, node.preference), NO_LIST)
            return Choice.GRANTED if node.option in options else Choice.NONE
        held = self.nodes.get(ouid, {}).get(node)
        return held.choice if held else Choice.NONE

    async def read_user(
        self, mapping: Mapping, ouid: str, regulation: str
    ) -> UserReading | UserMissing:
        """Read one user."""
        self.calls.append("read")
        asked_at = self.clock.now()
        self._fail_before(self.faults.next())
        self.clock.advance(0.01)
        if ouid not in self.nodes:
            return UserMissing(self.clock.now())
        return UserReading(asked_at, self.clock.now(), self.updated[ouid], self._tree(ouid))

    async def delete_user(self, mapping: Mapping, ouid: str) -> None:
        """Delete a user, or do what the faults say."""
        self.calls.append("delete")
        fault = self.faults.next()
        self._fail_before(fault)
        if fault == "refused":
            raise PermanentError("not allowed", status=403)
        self.delete(ouid)

    def delete(self, ouid: str) -> None:
        """Let a user vanish, and post the webhook of it."""
        if self.nodes.pop(ouid, None) is not None:
            self.picks.pop(ouid, None)
            kind = EventKind.CONSENT_USER_DELETED
            self.outbox.append(DidomiItem(kind, "user.deleted", ouid, "gdpr"))

    async def send_events(self, mapping: Mapping, drafts: Sequence[ConsentDraft]) -> None:
        """Create events, or do what the faults say."""
        self.calls.append("send")
        fault = self.faults.next()
        self._fail_before(fault)
        self.ignored = self.ignored or fault == "did nothing"
        self.clock.advance(0.01)
        if fault == "unclear, lands later":
            self.late.append(lambda: self._create(drafts))
        elif fault not in {"unclear, lost", "did nothing"}:
            self._create(drafts)
        if fault.startswith("unclear"):
            raise UnclearError("no answer")
        if fault == "crash":
            raise Crash

    def _tree(self, ouid: str) -> ConsentTree:
        return ConsentTree(
            {node: held.choice for node, held in self.nodes[ouid].items()},
            {pick: options for pick, (options, _) in self.picks.get(ouid, {}).items()},
        )

    def _create(self, drafts: Sequence[ConsentDraft]) -> None:
        for draft in drafts:
            if draft.id in self.known:
                continue
            self.known.add(draft.id)
            if Choice.GRANTED in draft.nodes.values() or any(draft.picks.values()):
                self.raises.append(self.clock.now())
            tree = ConsentTree(
                dict(draft.nodes),
                {pick: frozenset(options) for pick, options in draft.picks.items()},
            )
            before = self._held(draft.ouid)
            self._merge(draft.ouid, tree, draft.created_at)
            self.written += [
                Written(self.clock.now(), node, value)
                for node, value in self._held(draft.ouid).items()
                if before.get(node) is not value
            ]
            event = ConsentEvent(
                draft.id,
                draft.created_at,
                "confirmed",
                tree,
                Origin(
                    draft.origin.mapping,
                    draft.origin.person,
                    draft.origin.basis,
                    draft.origin.not_before,
                    draft.origin.not_after,
                ),
            )
            if self.echoes:
                self._post(
                    DidomiItem(
                        EventKind.CONSENT_EVENT, "event.created", draft.ouid, "gdpr", event=event
                    )
                )

    def _held(self, ouid: str) -> dict[Node, bool]:
        """Everything a user holds; an option that left its list is false from then on."""
        found = {
            node: held.choice is Choice.GRANTED for node, held in self.nodes.get(ouid, {}).items()
        }
        for pick, (options, _) in self.picks.get(ouid, {}).items():
            for option in self.options.get(pick, frozenset()) | options:
                found[Node(pick.purpose, pick.preference, option)] = option in options
        return found

    def _fail_before(self, fault: str) -> None:
        if fault == "temporary":
            raise TemporaryError("not now")
        if fault == "crash before":
            raise Crash

    def _merge(self, ouid: str, tree: ConsentTree, dated: Micros) -> None:
        nodes = self.nodes.setdefault(ouid, {})
        for node, choice in tree.nodes.items():
            if node not in nodes or nodes[node].dated <= dated:
                nodes[node] = _Held(choice, dated)
        picks = self.picks.setdefault(ouid, {})
        for pick, options in tree.picks.items():
            if pick not in picks or picks[pick][1] <= dated:
                picks[pick] = (options, dated)
            self.options[pick] = self.options.get(pick, frozenset()) | options
        at = (self.clock.now() + self.skew) // MILLISECOND * MILLISECOND
        self.updated[ouid] = max(self.updated.get(ouid, 0), at if self.wall_dates else dated)
