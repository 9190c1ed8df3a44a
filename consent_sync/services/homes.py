"""Events of Didomi that came while no mapping was in force, and how they find their persons."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from consent_sync.domain.errors import RefusedError
from consent_sync.domain.identity import Side, Subject, accounts_of_homeless
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.moments import SECOND
from consent_sync.domain.verdicts import Entry, Kind, Verdict
from consent_sync.ports.clock import Clock
from consent_sync.ports.mappings import MappingSource
from consent_sync.ports.receiver import DidomiReceiver
from consent_sync.ports.store import Settlement, Store, StoredItem, Turn
from consent_sync.services.intake import everywhere
from consent_sync.services.records import record_of

_LOOK_AGAIN: Final = 2 * SECOND
"""How long the events wait before it is asked again whether a mapping is in force."""


@dataclass(frozen=True, slots=True)
class Homes:
    """Lets events that wait for a mapping wait for their persons, as soon as there is one."""

    mappings: MappingSource
    store: Store
    didomi: DidomiReceiver
    clock: Clock
    account_of: Callable[[Mapping], str]

    async def take(self, turn: Turn) -> str:
        """Place what this turn holds, or let it wait on; return how it ended, in one word.

        Raises StoreError. Repeated after a crash, nothing is lost and nobody waits twice.
        """
        accounts = accounts_of_homeless(turn.subject)
        mappings = [
            one
            for one in self.mappings.current().values()
            if accounts is None or self.account_of(one) in accounts
        ]
        if not mappings:
            due_at = self.clock.now() + _LOOK_AGAIN
            await self.store.settle(Settlement(turn.subject, turn.state, None, due_at=due_at))
            return "mapping_away"
        await self._place(turn, mappings)
        return "found_person"

    async def _place(self, turn: Turn, mappings: Sequence[Mapping]) -> None:
        moved: list[tuple[int, Subject]] = []
        done: list[int] = []
        entries: list[Entry] = []
        for item in turn.items:
            try:
                subjects = self._persons(item, mappings)
            except RefusedError as error:
                entries.append(self._unreadable(item, error))
                subjects = ()
            if not subjects:
                done.append(item.id)
                continue
            first, *others = subjects
            if others:
                await self.store.replay(item.event.id, others, item.event.received_at)
            moved.append((item.id, first))
        record = record_of(mappings[0], self.clock.now(), (), entries) if entries else None
        await self.store.settle(
            Settlement(turn.subject, turn.state, record, tuple(done), tuple(moved))
        )

    def _persons(self, item: StoredItem, mappings: Sequence[Mapping]) -> tuple[Subject, ...]:
        found = [
            subject
            for arrival in self.didomi.arrivals(item.event.body)
            for subject in everywhere(arrival.names.ouid, mappings)
        ]
        return tuple(dict.fromkeys(found))

    def _unreadable(self, item: StoredItem, error: RefusedError) -> Entry:
        return Entry(
            at=self.clock.now(),
            kind=Kind.RECEIVED,
            verdict=Verdict.FAILED,
            reason=f"it could not be read: {error}",
            side=Side.DIDOMI,
            event=item.event.id,
        )
