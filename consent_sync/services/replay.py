"""Taking a stored event once more: an accepted one is queued again, a refused one is read again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from consent_sync.domain.errors import AbsentError, RefusedError
from consent_sync.domain.identity import (
    Desk,
    Names,
    Side,
    Source,
    Subject,
    person_from_actito_key,
    unresolved_person,
)
from consent_sync.domain.mapping import Mapping
from consent_sync.ports.clock import Clock
from consent_sync.ports.mappings import MappingSource
from consent_sync.ports.receiver import ActitoReceiver, Arrival, DidomiReceiver
from consent_sync.ports.store import Ledger, StoredEvent
from consent_sync.services.intake import Intake, everywhere, real


@dataclass(frozen=True, slots=True)
class Preview:
    """What a replay of one event would do: how many events, for how many persons."""

    number: int
    source: Source
    refused: bool
    events: int
    persons: int


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay did; `duplicates` are events that had been accepted or still wait."""

    number: int
    source: Source
    refused: bool
    persons: int
    accepted: int
    duplicates: int


@dataclass(frozen=True, slots=True)
class ReplayLook:
    """Finds out what a replay would do, and changes nothing."""

    ledger: Ledger
    mappings: MappingSource
    didomi: DidomiReceiver
    actito: ActitoReceiver
    account_of: Callable[[Mapping], str]

    async def preview(self, number: int, mapping: str | None = None) -> Preview:
        """Return what would happen; raise AbsentError, RefusedError or StoreError.

        `mapping` says whose event it is where the mappings belong to several accounts.
        """
        event, subjects, arrivals = await self.look(number, mapping)
        persons = len(set(subjects))
        return Preview(number, event.source, bool(event.status), len(arrivals), persons)

    async def look(
        self, number: int, mapping: str | None
    ) -> tuple[StoredEvent, tuple[Subject, ...], Sequence[Arrival]]:
        """Return the event, whom it concerns, and what is in it; raise as `preview` does."""
        event = await self.ledger.event(number)
        if event is None:
            raise AbsentError(f"there is no event number {number}")
        if event.source is Desk.FILE:
            raise RefusedError(
                "a row of a loaded file is not taken again; load the file with `backfill --fresh`",
                code="replay-of-a-row",
            )
        if not isinstance(event.source, Side):
            raise RefusedError(
                "an operator's word was about one moment and is not taken again; "
                "`held approve` and `held reject` give a new one",
                code="replay-of-a-word",
            )
        if event.source is Side.DIDOMI:
            arrivals = self.didomi.arrivals(event.body)
            concerned = self.concerned(mapping)
            subjects = [
                subject
                for arrival in arrivals
                for subject in everywhere(arrival.names.ouid, concerned)
            ]
        else:
            there = self._named(event.mapping)
            arrivals = self.actito.arrivals(event.body, there.key_attribute)
            subjects = [
                subject
                for arrival in arrivals
                for subject in await self._owner(there, arrival.names)
            ]
        return event, tuple(dict.fromkeys(subjects)), arrivals

    def concerned(self, mapping: str | None) -> tuple[Mapping, ...]:
        """Return the mappings of the account that a Didomi event belongs to; raise RefusedError.

        An event does not say whose it is. Where there are several accounts somebody must, or a
        choice could reach people of another organisation.
        """
        current = self.mappings.current()
        accounts = {self.account_of(one) for one in current.values()}
        if mapping is not None:
            accounts = {self.account_of(self._named(mapping))}
        if len(accounts) > 1:
            raise RefusedError(
                "the mappings belong to several accounts, and the event does not say to which",
                code="replay-needs-mapping",
                found=f"mappings of {len(accounts)} accounts",
                expected="the name of a mapping of the account that sent it",
            )
        return tuple(one for one in current.values() if self.account_of(one) in accounts)

    def _named(self, name: str) -> Mapping:
        mapping = self.mappings.current().get(name)
        if mapping is None:
            raise AbsentError("the mapping it was sent for, or that was named, is not in force")
        return mapping

    async def _owner(self, mapping: Mapping, names: Names) -> tuple[Subject, ...]:
        person = person_from_actito_key(names.actito_key, mapping.normalise)
        if not real(person) and names.profile_id:
            known = await self.ledger.find_profile(mapping.name, names.profile_id)
            person = known or unresolved_person(names.profile_id)
            return (Subject(mapping.name, person),)
        return (Subject(mapping.name, person),) if real(person) else ()


@dataclass(frozen=True, slots=True)
class Replay:
    """Replays stored events; nothing is called on a platform, their turns come afterwards."""

    looking: ReplayLook
    intake: Intake
    clock: Clock

    async def replay(self, number: int, mapping: str | None = None) -> Replayed:
        """Take one event once more; raise AbsentError, RefusedError or StoreError.

        A refused request that is understood by now is accepted as new events; it stays in the
        list of the refused ones, and a second replay of it only finds duplicates.
        """
        look = self.looking
        event, subjects, _ = await look.look(number, mapping)
        persons = len(set(subjects))
        if not event.status:
            await look.ledger.replay(number, subjects, self.clock.now())
            return Replayed(number, event.source, False, persons, 1, 0)
        if event.source is Side.DIDOMI:
            accounts = {look.account_of(one) for one in look.concerned(mapping)}
            receipt = await self.intake.accept_didomi(event.body, accounts)
        else:
            receipt = await self.intake.accept_actito(event.mapping, event.body)
        return Replayed(number, event.source, True, persons, receipt.accepted, receipt.duplicates)
