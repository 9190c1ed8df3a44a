"""After an outage of ours: Didomi's events that nobody could take are pulled, and taken in late.

Didomi tries a webhook for five minutes only, and has no list of what it gave up (page "Webhooks").
So its users are read page by page, and whoever changed since is asked for their events.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from consent_sync.domain.errors import RefusedError, TemporaryError
from consent_sync.domain.events import DidomiItem
from consent_sync.domain.identity import Side, Subject
from consent_sync.domain.ledger import ItemsTaken
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.moments import MINUTE, Micros
from consent_sync.domain.own_events import is_own
from consent_sync.ports.door import Door
from consent_sync.ports.lists import ConsentLists, CursorError, ListedEvent, UserList
from consent_sync.ports.receiver import DidomiReceiver
from consent_sync.ports.store import Ledger, StoredEvent
from consent_sync.services.intake import everywhere

OVERLAP: Final[Micros] = 10 * MINUTE
"""How far before the asked moment is read too: clocks differ, and webhooks were under way."""

EVENTS_AT_ONCE: Final = 100
TURNS_LOOKED_AT: Final = 200
"""How many of a person's newest turns are asked which events they took."""

MAX_RESTARTS: Final = 5


@dataclass(frozen=True, slots=True)
class Recovered:
    """What pulling came to: users listed, those changed since, their events missed, taken in."""

    users: int = 0
    changed: int = 0
    missed: int = 0
    taken: int = 0


OnPage = Callable[[Recovered], Awaitable[None]]


async def _nothing(_: Recovered) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Recovery:
    """Pulls what was missed. Without a door it only counts."""

    lists: ConsentLists
    ledger: Ledger
    receiver: DidomiReceiver
    account_of: Callable[[Mapping], str]
    door: Door | None = None
    on_page: OnPage = _nothing

    async def run(self, mappings: Sequence[Mapping], since: Micros) -> Recovered:
        """Pull everything that changed since a moment; raises what looking and the door raise.

        It may be run again at any time: what was taken in once is a duplicate the second time.
        """
        done = Recovered()
        for group in self._groups(mappings):
            regulations = tuple(dict.fromkeys(one for own in group for one in own.regulations))
            for regulation in regulations:
                others = tuple(one for one in regulations if one != regulation)
                asked = replace(group[0], regulations=(regulation, *others))
                done = await self._organisation(asked, group, since - OVERLAP, done)
        return done

    def _groups(self, mappings: Iterable[Mapping]) -> list[list[Mapping]]:
        """The mappings that read the same organisation with the same key."""
        groups: dict[tuple[str, str], list[Mapping]] = {}
        for one in mappings:
            groups.setdefault((self.account_of(one), one.organization_id), []).append(one)
        return list(groups.values())

    async def _organisation(
        self, asked: Mapping, group: Sequence[Mapping], since: Micros, done: Recovered
    ) -> Recovered:
        cursor: str | None = None
        restarts = 0
        while True:
            try:
                page: UserList = await self.lists.list_users(asked, cursor)
            except CursorError as error:
                restarts += 1
                if restarts > MAX_RESTARTS:
                    raise TemporaryError(
                        f"Didomi's list cannot be read to its end: {error}"
                    ) from error
                cursor = None
                continue
            changed = dict.fromkeys(
                user.ouid
                for user in page.users
                if user.seen.updated_at is None or user.seen.updated_at >= since
            )
            done = replace(
                done, users=done.users + len(page.users), changed=done.changed + len(changed)
            )
            for ouid in changed:
                done = await self._person(asked, group, ouid, since, done)
            await self.on_page(done)
            cursor = page.cursor
            if cursor is None:
                return done

    async def _person(
        self,
        asked: Mapping,
        group: Sequence[Mapping],
        ouid: str,
        since: Micros,
        done: Recovered,
    ) -> Recovered:
        subjects = everywhere(ouid, group)
        listed = await self.lists.list_events(asked, ouid)
        recent = [one for one in listed if one.changed_at is None or one.changed_at >= since]
        recent = [one for one in recent if not self._own(one, subjects)]
        if not recent:
            return done
        known = await self._known(subjects)
        missed = [one for one in recent if self._mark(one.arrival.body) not in known]
        # As they were made, so that one turn or many take them in the same order.
        missed.sort(key=lambda one: (one.created_at or since, one.id))
        taken = 0
        if self.door is not None:
            for start in range(0, len(missed), EVENTS_AT_ONCE):
                part = missed[start : start + EVENTS_AT_ONCE]
                taken += await self.door.didomi(asked, [one.arrival.body for one in part])
        return replace(done, missed=done.missed + len(missed), taken=done.taken + taken)

    def _own(self, one: ListedEvent, subjects: Iterable[Subject]) -> bool:
        """Say whether it is an event of ours: what we wrote is known without being told."""
        content = self.receiver.understand(one.arrival.body)
        event = content.event if isinstance(content, DidomiItem) else None
        return event is not None and any(is_own(event, subject) for subject in subjects)

    async def _known(self, subjects: Iterable[Subject]) -> set[tuple[str, str]]:
        """The events of a person that came by webhook, taken or still waiting."""
        known: set[tuple[str, str]] = set()
        numbers: dict[int, None] = {}
        for subject in subjects:
            for item in await self.ledger.waiting(subject):
                known |= self._marks(item.event)
            for record in await self.ledger.timeline(subject, TURNS_LOOKED_AT):
                for fact in record.facts:
                    if isinstance(fact, ItemsTaken):
                        numbers.update(dict.fromkeys(fact.events))
        for number in numbers:
            event = await self.ledger.event(number)
            if event is not None:
                known |= self._marks(event)
        return known

    def _marks(self, event: StoredEvent) -> set[tuple[str, str]]:
        if event.source is not Side.DIDOMI:
            return set()
        try:
            mark = self._mark(event.body)
        except RefusedError:
            # A body that no version could read yet brought no event either.
            return set()
        return set() if mark is None else {mark}

    def _mark(self, body: bytes) -> tuple[str, str] | None:
        """Name the event of a body: by its id and its status, because an approval is news."""
        content = self.receiver.understand(body)
        event = content.event if isinstance(content, DidomiItem) else None
        return None if event is None or not event.id else (event.id, event.status)
