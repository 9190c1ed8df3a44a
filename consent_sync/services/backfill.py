"""A first load from either side, page by page: counted first, handed to turns only when asked.

From Didomi its list of users is read; from Actito, which has no list, the keys come from an export
and each profile is read live. What the side holds now decides, never what a file once said.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Final, Protocol

from consent_sync.domain.compare import Sides
from consent_sync.domain.errors import ConsentSyncError
from consent_sync.domain.events import DidomiItem, Item, ProfileMissing, ProfileReading
from consent_sync.domain.identity import (
    Names,
    Normalise,
    Subject,
    person_from_actito_key,
    person_from_ouid,
)
from consent_sync.domain.lines import Context
from consent_sync.domain.loads import (
    Weight,
    a_hint,
    loadable,
    refused_subscriptions,
    weigh_profile,
    weigh_user,
)
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.moments import Micros
from consent_sync.domain.rules import Rules
from consent_sync.domain.state import PersonState
from consent_sync.ports.clock import Clock
from consent_sync.ports.door import Door
from consent_sync.ports.lists import ConsentLists, CursorError, ListedUser, ProfileSource
from consent_sync.ports.notebook import Notebook
from consent_sync.ports.receiver import DidomiReceiver
from consent_sync.ports.store import Ledger
from consent_sync.services.intake import real
from consent_sync.services.looking import read_profiles

KEYS_AT_ONCE: Final = 100
MAX_RESTARTS: Final = 5


class KeySource(Protocol):
    """The keys of a table's profiles, in a fixed order."""

    async def keys(self, after: str, limit: int) -> Sequence[str]:
        """Return keys behind one, at most so many; none is the end."""
        ...


@dataclass(frozen=True, slots=True)
class Load:
    """What a load comes to so far: people, and the lines it raises and lowers.

    `unknown` are people whom the other side does not know, `unchanged` those for whom nothing
    would be written, `not_raised` those left alone because something would be raised without
    leave. `what` says which load it is, `place` how far it is. `created` counts profiles, `handed`
    people handed to their turns, `bad` rows of a file that could not be taken.
    """

    started_at: Micros
    what: str
    place: str = ""
    ended: bool = False
    people: int = 0
    raised: int = 0
    lowered: int = 0
    created: int = 0
    held: int = 0
    unchanged: int = 0
    unknown: int = 0
    not_raised: int = 0
    handed: int = 0
    bad: int = 0


class MoreThanAllowedError(ConsentSyncError):
    """The list changed its mind about where it is too often to be read to its end."""


OnPage = Callable[[Load], Awaitable[None]]


async def _nothing(_: Load) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Backfill:
    """One load of one mapping; without a door it only counts. `may_raise` gives leave to raise."""

    mapping: Mapping
    lists: ConsentLists
    profiles: ProfileSource
    ledger: Ledger
    receiver: DidomiReceiver
    clock: Clock
    rules: Rules
    notebook: Notebook
    door: Door | None = None
    may_raise: bool = False
    on_page: OnPage = _nothing

    async def from_didomi(self) -> Load:
        """Load what Didomi holds, from where the notebook is; raises what looking raises."""
        load = await self.begin("didomi")
        restarts = 0
        while not load.ended:
            try:
                page = await self.lists.list_users(self.mapping, load.place or None)
            except CursorError:
                restarts += 1
                if restarts > MAX_RESTARTS:
                    raise MoreThanAllowedError("Didomi's list cannot be read to its end") from None
                # Whoever was handed over before has nothing new to be told.
                load = Load(load.started_at, load.what)
                continue
            pairs = [
                (Subject(self.mapping.name, person_from_ouid(user.ouid, self._how)), user)
                for user in page.users
            ]
            pairs = [pair for pair in pairs if real(pair[0].person)]
            states = await self.ledger.states([subject for subject, _ in pairs])
            weights = await asyncio.gather(
                *(self._user(subject, user, states.get(subject)) for subject, user in pairs)
            )
            load = replace(load, place=page.cursor or "", ended=page.cursor is None)
            load = await self.keep(load, weights)
        return load

    async def from_actito(self, keys: KeySource) -> Load:
        """Load what Actito refuses, for the profiles of these keys; raises what looking raises."""
        load = await self.begin("actito")
        while not load.ended:
            page = await keys.keys(load.place, KEYS_AT_ONCE)
            weights = await asyncio.gather(*(self._profile(key) for key in page))
            place = page[-1] if page else load.place
            load = replace(load, place=place, ended=not page)
            load = await self.keep(load, weights)
        return load

    @property
    def _how(self) -> Normalise:
        return self.mapping.normalise

    async def begin(self, source: str) -> Load:
        """Return how far the same load came before, else a new one."""
        # A load that only counts must not pass for one that did it, nor one with other leave.
        leave = f"may_raise={self.may_raise} yes={self.door is not None}"
        what = f"{self.mapping.name} {self.mapping.version} {source} {leave}"
        text = await self.notebook.read()
        if text is not None:
            load = Load(**json.loads(text))
            if load.what == what and not load.ended:
                return load
            await self.notebook.clear()
        return Load(self.clock.now(), what)

    async def keep(
        self, load: Load, weights: Sequence["Done"], bad: Sequence[tuple[bytes, str]] = ()
    ) -> Load:
        """Count these people in, and note how far it is, with the rows that were no good."""
        for one in weights:
            weight = one.weight
            nothing = not weight.changes and not weight.absent and not one.left_out
            load = replace(
                load,
                people=load.people + 1,
                raised=load.raised + weight.raised,
                lowered=load.lowered + weight.lowered,
                created=load.created + weight.creates,
                held=load.held + weight.held,
                unknown=load.unknown + (weight.absent and not weight.changes),
                unchanged=load.unchanged + nothing,
                not_raised=load.not_raised + one.left_out,
                handed=load.handed + one.handed,
            )
        load = replace(load, bad=load.bad + len(bad))
        await self.notebook.note(json.dumps(asdict(load)), found=bad)
        await self.on_page(load)
        return load

    async def _user(self, subject: Subject, user: ListedUser, known: PersonState | None) -> "Done":
        state = known or PersonState(names=Names(ouid=user.ouid))
        tree = loadable(user.seen, may_raise=self.may_raise)
        if not tree.nodes and not tree.picks:
            return Done(Weight())
        if self._how is Normalise.SHA256 and not state.names.actito_key:
            return Done(Weight(absent=True))
        body = self.lists.user_webhook(self.mapping, user, tree)
        content = self.receiver.understand(body)
        context = self.context(subject)
        seen = await self.read(state, context)
        if not isinstance(content, DidomiItem):
            return Done(Weight())
        item = Item(0, context.now, content)
        weight = weigh_user(state, item, content, Sides((user.seen,), seen), context)
        if weight.raised and not self.may_raise:
            return Done(Weight(), left_out=True)
        if self.door is not None and weight.changes:
            await self.door.didomi(self.mapping, (body,))
            return Done(weight, handed=True)
        return Done(weight)

    async def _profile(self, key: str) -> "Done":
        subject = Subject(self.mapping.name, person_from_actito_key(key, self._how))
        if not real(subject.person):
            return Done(Weight(absent=True))
        state = await self.ledger.person(subject) or PersonState(names=Names(actito_key=key))
        context = self.context(subject)
        seen = await self.profiles.read_by_key(self.mapping, key)
        refused = (
            refused_subscriptions(state, seen, self.mapping)
            if isinstance(seen, ProfileReading)
            else {}
        )
        if not refused:
            return Done(Weight(absent=isinstance(seen, ProfileMissing)))
        look = await self.lists.look_at_user(self.mapping, self._ouid(state, subject, key))
        hint = a_hint(state, refused, context)
        weight = weigh_profile(state, hint, Sides((look.seen,), seen), context)
        if weight.raised:
            # A load from Actito never raises: there is no time in it.
            return Done(Weight(), left_out=True)
        if self.door is not None and weight.changes:
            body = json.dumps({self.mapping.key_attribute: key, **refused}).encode()
            await self.door.actito(self.mapping, (body,))
            return Done(weight, handed=True)
        return Done(weight)

    def _ouid(self, state: PersonState, subject: Subject, key: str) -> str:
        hashed = self._how is Normalise.SHA256
        return state.names.ouid or (subject.person if hashed else key)

    async def read(self, state: PersonState, context: Context) -> ProfileReading | ProfileMissing:
        """Return the profile of a person under any of its spellings, or all where there are more."""
        return await read_profiles(self.profiles, self.mapping, state, context)

    def context(self, subject: Subject) -> Context:
        """Return whose rows are weighed, under which rules, now."""
        return Context(subject, self.mapping, self.rules, self.clock.now())


@dataclass(frozen=True, slots=True)
class Done:
    """What came of one person: left alone, handed to a turn, or only counted."""

    weight: Weight
    left_out: bool = False
    handed: bool = False
