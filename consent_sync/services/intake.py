"""The door: what a platform posts is stored durably, for every person and mapping it concerns."""

import hashlib
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final, NamedTuple

from consent_sync.domain.errors import AbsentError
from consent_sync.domain.identity import (
    Desk,
    Names,
    Side,
    Subject,
    homeless,
    is_stand_in,
    person_from_actito_key,
    person_from_ouid,
    unresolved_person,
)
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.moments import MINUTE, Micros
from consent_sync.ports.clock import Clock
from consent_sync.ports.mappings import MappingSource
from consent_sync.ports.receiver import ActitoReceiver, DidomiReceiver
from consent_sync.ports.store import Inbox, NewEvent, RefusedRequest
from consent_sync.services.file_rows import TYPE, loaded_of
from consent_sync.services.profiles import ProfileIndex

KEPT_BYTES: Final = 64 * 1024
"""How much of a refused request is kept, unless its sender was known and its content was wrong."""

STRANGERS_PER_MINUTE: Final = 60
"""How many requests of unknown senders are kept per minute; strangers must not fill the disk."""


class Receipt(NamedTuple):
    """How many events of a request are new, and how many were stored before."""

    accepted: int
    duplicates: int


class Intake:
    """Accepts and refuses deliveries; whatever a method has returned from is durable.

    Every method raises StoreError when the store cannot keep it.
    """

    def __init__(
        self,
        inbox: Inbox,
        mappings: MappingSource,
        didomi: DidomiReceiver,
        actito: ActitoReceiver,
        clock: Clock,
        profiles: ProfileIndex,
        account_of: Callable[[Mapping], str] = lambda mapping: mapping.account,
    ) -> None:
        self._inbox = inbox
        self._mappings = mappings
        self._didomi = didomi
        self._actito = actito
        self._clock = clock
        self._profiles = profiles
        self._account_of = account_of
        self._minute: Micros = 0
        self._strangers = 0

    def account(self, mapping_name: str) -> str | None:
        """Return whose account a mapping in force belongs to, None when none has that name."""
        mapping = self._mappings.current().get(mapping_name)
        return None if mapping is None else self._account_of(mapping)

    async def accept_didomi(self, body: bytes, accounts: Collection[str] | None = None) -> Receipt:
        """Store a Didomi delivery for every mapping in force; raise RefusedError when it is none.

        With `accounts` only for the mappings of these, because an event does not say whose it
        is. While none of them is in force the events wait for one. Events of people without an
        organisation user id are stored and concern nobody.
        """
        arrivals = self._didomi.arrivals(body)
        mappings: Collection[Mapping] = self._mappings.current().values()
        if accounts is not None:
            mappings = [one for one in mappings if self._account_of(one) in accounts]
        now = self._clock.now()
        return await self._store(
            [
                NewEvent(
                    source=Side.DIDOMI,
                    mapping="",
                    type=arrival.type,
                    digest=arrival.digest,
                    received_at=now,
                    body=arrival.body,
                    subjects=everywhere(arrival.names.ouid, mappings)
                    if mappings
                    else waiting_for_mapping(arrival.names.ouid, accounts),
                    repeatable=False,
                    urgency=arrival.urgency,
                )
                for arrival in arrivals
            ]
        )

    async def accept_actito(self, mapping_name: str, body: bytes) -> Receipt:
        """Store an Actito delivery for one mapping; raise AbsentError or RefusedError.

        Absent is a mapping of that name; refused is a body that is no delivery.
        """
        mapping = self._mappings.current().get(mapping_name)
        if mapping is None:
            raise AbsentError("no mapping in force has this name")
        arrivals = self._actito.arrivals(body, mapping.key_attribute)
        now = self._clock.now()
        return await self._store(
            [
                NewEvent(
                    source=Side.ACTITO,
                    mapping=mapping_name,
                    type=arrival.type,
                    digest=arrival.digest,
                    received_at=now,
                    body=arrival.body,
                    subjects=self._profile_owner(mapping, arrival.names),
                    # Off, on, off: two equal bodies can be two changes.
                    repeatable=True,
                    urgency=arrival.urgency,
                )
                for arrival in arrivals
            ]
        )

    async def accept_rows(self, mapping_name: str, bodies: Sequence[bytes]) -> Receipt:
        """Store rows of a loaded file for one mapping; raise AbsentError or RefusedError.

        The same row is stored once, however often its file is loaded.
        """
        mapping = self._mappings.current().get(mapping_name)
        if mapping is None:
            raise AbsentError("no mapping in force has this name")
        now = self._clock.now()
        return await self._store(
            [
                NewEvent(
                    source=Desk.FILE,
                    mapping=mapping_name,
                    type=TYPE,
                    digest=hashlib.blake2b(body, digest_size=16).digest(),
                    received_at=now,
                    body=body,
                    subjects=owners_of_row(body, mapping),
                    repeatable=False,
                )
                for body in bodies
            ]
        )

    async def refuse(
        self, source: Side, mapping: str, status: int, problem: str, body: bytes, *, known: bool
    ) -> bool:
        """Keep a refused request and say whether it was kept.

        `known` means that the sender proved who they are. Of strangers only some are kept each
        minute; a body is cut to 64 KiB unless a known sender's content was wrong (400).
        """
        now = self._clock.now()
        if not known and not self._room_for_stranger(now):
            return False
        kept = body if known and status == 400 else body[:KEPT_BYTES]
        await self._inbox.refuse(RefusedRequest(source, mapping, now, status, problem, kept))
        return True

    async def _store(self, events: Sequence[NewEvent]) -> Receipt:
        if not events:
            return Receipt(0, 0)
        accepted = sum(await self._inbox.accept(events))
        return Receipt(accepted, len(events) - accepted)

    def _profile_owner(self, mapping: Mapping, names: Names) -> tuple[Subject, ...]:
        person = person_from_actito_key(names.actito_key, mapping.normalise)
        if not real(person) and names.profile_id:
            known = self._profiles.find(mapping.name, names.profile_id)
            return (Subject(mapping.name, known or unresolved_person(names.profile_id)),)
        return (Subject(mapping.name, person),) if real(person) else ()

    def _room_for_stranger(self, now: Micros) -> bool:
        minute = now // MINUTE
        if minute != self._minute:
            self._minute, self._strangers = minute, 0
        self._strangers += 1
        return self._strangers <= STRANGERS_PER_MINUTE


def everywhere(ouid: str, mappings: Iterable[Mapping]) -> tuple[Subject, ...]:
    """Return the person behind an organisation user id in each of these mappings."""
    if not ouid:
        return ()
    found = [Subject(one.name, person_from_ouid(ouid, one.normalise)) for one in mappings]
    return tuple([subject for subject in found if real(subject.person)])


def owners_of_row(body: bytes, mapping: Mapping) -> tuple[Subject, ...]:
    """Return whom a row of a loaded file is about, nobody where no name is left of it."""
    person = person_from_ouid(loaded_of(body, mapping.normalise).names.ouid, mapping.normalise)
    return (Subject(mapping.name, person),) if real(person) else ()


def waiting_for_mapping(ouid: str, accounts: Collection[str] | None) -> tuple[Subject, ...]:
    """Return who an event waits for while none of these accounts has a mapping in force."""
    return (homeless(accounts),) if ouid.strip() else ()


def real(person: str) -> bool:
    """Say whether a person key is one a platform may name; our own stand-ins are not."""
    return bool(person) and not is_stand_in(person)
