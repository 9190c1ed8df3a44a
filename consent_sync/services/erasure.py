"""Erasing a person: counts first, then tombstones and removal, then a search for what is left."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from consent_sync.domain.erasure import (
    BY_COMMAND,
    BY_DELETION,
    EVERYWHERE,
    DeletionPolicy,
    Marks,
)
from consent_sync.domain.errors import RefusedError, StoreError
from consent_sync.domain.events import ErasureWord
from consent_sync.domain.identity import (
    Desk,
    Side,
    Subject,
    is_stand_in,
    person_from_actito_key,
    person_from_ouid,
    unresolved_person,
)
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.moments import Micros
from consent_sync.domain.several import profiles_of
from consent_sync.domain.state import PersonState
from consent_sync.ports.clock import Clock
from consent_sync.ports.graves import Burial, Grave, GraveList, Graves, Removed
from consent_sync.ports.mappings import MappingSource
from consent_sync.ports.receiver import ActitoReceiver, Arrival, DidomiReceiver
from consent_sync.ports.store import Inbox, Ledger, StoredEvent
from consent_sync.services.intake import everywhere, owners_of_row
from consent_sync.services.words import LEAVES, person_of, word_event

_WITNESS: Final = "key"
_NAMES: Final = 2_000
_EVENTS: Final = 100
_REST_SECONDS: Final = 0.01
_RECORDS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Found:
    """What an erasure would remove, and since when the person is erased already.

    `leaving` counts mappings in which the other side is still dealt with before.
    """

    persons: int
    waiting: int
    records: int
    leaving: int
    erased_at: Micros | None
    cleared_at: Micros | None


class Known(Ledger, Protocol):
    """What is looked at before an erasure."""

    async def graves(self, marks: Sequence[bytes] | None = None) -> Sequence[Grave]:
        """Return these tombstones or all."""
        ...


class Buried(Inbox, Ledger, Graves, Protocol):
    """The store as an erasure needs it."""


@dataclass(frozen=True, slots=True)
class ErasureLook:
    """Finds out whom an erasure is about, and changes nothing."""

    ledger: Known
    mappings: MappingSource
    marks: Marks

    async def look(self, person: str) -> Found:
        """Return what an erasure of this person would remove; raise RefusedError or StoreError."""
        subjects, spellings = await self.whom(person)
        known = await self.ledger.states(subjects)
        items = [await self.ledger.waiting(one) for one in subjects]
        records = [len(await self.ledger.timeline(one, _RECORDS)) for one in subjects]
        graves = await self.ledger.graves(self.all_marks(spellings))
        buried = [one for one in graves if one.lifted_at is None]
        cleared = [one.cleared_at for one in buried]
        return Found(
            len(
                {
                    one.mapping
                    for one, here in zip(subjects, items, strict=True)
                    if one in known or here
                }
            ),
            sum(len(one) for one in items),
            sum(records),
            sum(any(item.event.type == LEAVES for item in one) for one in items),
            min((one.at for one in buried), default=None),
            max((at for at in cleared if at is not None), default=None)
            if None not in cleared
            else None,
        )

    def all_marks(self, spellings: Sequence[str]) -> tuple[bytes, ...]:
        """Return every tombstone that may keep this person out of a mapping in force."""
        scopes = (EVERYWHERE, *self.mappings.current())
        return tuple(mark for scope in scopes for mark in self.marks.of(scope, spellings))

    async def whom(self, person: str) -> tuple[tuple[Subject, ...], tuple[str, ...]]:
        """Return a person in every mapping, and every spelling known of them; raise RefusedError."""
        if not person.strip() or "\x00" in person:
            raise RefusedError(
                "expected a person's organisation user id, found no name", code="bad-parameter"
            )
        subjects: dict[Subject, None] = {}
        for mapping in self.mappings.current().values():
            subjects |= dict.fromkeys(_in_mapping(person, mapping))
        states = await self.ledger.states(tuple(subjects))
        spellings = {person: None}
        for subject, state in states.items():
            spellings |= dict.fromkeys(_spellings(subject, state))
            subjects |= dict.fromkeys(_stand_ins(subject, state))
        return tuple(subjects), tuple(spellings)


@dataclass(frozen=True, slots=True)
class Erasure:
    """Erases and lifts; `shelf` keeps the tombstones apart from the store, where there is one."""

    store: Buried
    mappings: MappingSource
    marks: Marks
    didomi: DidomiReceiver
    actito: ActitoReceiver
    clock: Clock
    shelf: GraveList | None = None

    async def begin(self) -> int:
        """Bring store and list together after a start; return how many tombstones were missing.

        Raises StoreError when the tombstones were made with another key.
        """
        kept = {one.mark: one for one in await self.store.graves()}
        listed = {one.mark: one for one in await self.shelf.read()} if self.shelf else {}
        if (kept or listed) and self.marks.witness not in kept | listed:
            raise StoreError(
                "the erased were noted with another key, so none of them would be known again; "
                "put the file of the tombstones' key back from a backup"
            )
        missing = [one for one in listed.values() if _newer(one, kept.get(one.mark))]
        await self._take_over(missing)
        if self.shelf is not None:
            await self.shelf.add(
                [one for one in kept.values() if _newer(one, listed.get(one.mark))]
            )
        return len(missing)

    async def erase(
        self, person: str, cause: str = BY_COMMAND, policy: DeletionPolicy = DeletionPolicy.KEEP
    ) -> Removed:
        """Erase a person everywhere and for good; raise RefusedError or StoreError.

        On return nobody brings them back; `clear` then searches what names them elsewhere.
        """
        subjects, spellings = await self._look().whom(person)
        marks = list(self.marks.of(EVERYWHERE, spellings))
        for subject in subjects:
            # The number of a profile means something within one table only.
            if subject.person.startswith("\x00"):
                marks += self.marks.of(subject.mapping, (subject.person,))
        now = self.clock.now()
        await self.store.bury(Burial((self.marks.witness,), (), now, _WITNESS, "-"))
        removed = await self.store.bury(Burial(tuple(marks), subjects, now, cause, policy.value))
        await self._note([self.marks.witness, *marks])
        return removed

    async def ask(self, person: str, policy: DeletionPolicy, by: str) -> int:
        """Let a person leave the sides first, in their turns, and be erased then.

        Returns in how many mappings; nobody brings them back meanwhile. Raises RefusedError or
        StoreError.
        """
        subjects, spellings = await self._look().whom(person)
        known = await self.store.states(subjects)
        # A stand-in is nobody with sides of their own.
        people = [one for one in subjects if not is_stand_in(one.person)]
        chosen = [one for one in people if one in known]
        missed = self.mappings.current().keys() - {one.mapping for one in chosen}
        # Whom a mapping has never met may be known to its sides all the same.
        chosen += [next(one for one in people if one.mapping == name) for name in sorted(missed)]
        now = self.clock.now()
        word = ErasureWord(by, policy)
        await self.store.accept([word_event(one, LEAVES, word, now) for one in chosen])
        marks = self.marks.of(EVERYWHERE, spellings)
        await self.store.bury(Burial((self.marks.witness,), (), now, _WITNESS, "-"))
        await self.store.bury(Burial(marks, (), now, BY_COMMAND, policy.value))
        await self._note([self.marks.witness, *marks])
        return len([one for one in chosen if await self._leaving(one)])

    async def _leaving(self, subject: Subject) -> bool:
        waiting = await self.store.waiting(subject)
        return any(item.event.type == LEAVES for item in waiting)

    async def forget(
        self,
        subject: Subject,
        state: PersonState,
        policy: DeletionPolicy,
        cause: str = BY_DELETION,
    ) -> None:
        """Erase a person in one mapping, once the other side is dealt with; raise StoreError."""
        subjects, spellings = [subject], list(_spellings(subject, state))
        stand_ins = _stand_ins(subject, state)
        subjects += stand_ins
        spellings += [one.person for one in stand_ins]
        marks = self.marks.of(subject.mapping, spellings)
        if cause == BY_COMMAND:
            marks += self.marks.of(EVERYWHERE, spellings)
        now = self.clock.now()
        await self.store.bury(Burial((self.marks.witness,), (), now, _WITNESS, "-"))
        await self.store.bury(Burial(marks, tuple(subjects), now, cause, policy.value))
        await self._note([self.marks.witness, *marks])

    async def lift(self, person: str) -> int:
        """Let an erased person come back; return how many tombstones that took."""
        _, spellings = await self._look().whom(person)
        marks = self._look().all_marks(spellings)
        lifted = await self.store.lift(marks, self.clock.now())
        await self._note(marks)
        return lifted

    async def clear(self) -> int:
        """Remove whatever is left of the erased, also from a restored backup; return of how many.

        Runs through all names and stored events, a little at a time; raises StoreError. What was
        refused because it cannot be read cannot be searched either.
        """
        graves = [one for one in await self.store.graves() if _open(one)]
        if not graves:
            return 0
        marks = frozenset(one.mark for one in graves)
        done = await self._clear_names(marks)
        for refused in (False, True):
            await self._clear_events(marks, refused=refused)
        if not done:
            return 0
        await self.store.cleared(sorted(marks), self.clock.now())
        return len(marks)

    async def _clear_names(self, marks: frozenset[bytes]) -> bool:
        """Return whether nobody is left who still has to leave a side."""
        left: list[Subject] = []
        after = 0
        while page := await self.store.names(after, _NAMES):
            left += [one for _, one in page if not marks.isdisjoint(self.marks.barring(one))]
            after = page[-1][0]
            await self.clock.sleep(_REST_SECONDS)
        now = self.clock.now()
        # Who leaves the sides first is erased by the turn that has seen to it.
        staying = [one for one in left if await self._leaving(one)]
        left = [one for one in left if one not in staying]
        for start in range(0, len(left), _EVENTS):
            subjects = tuple(left[start : start + _EVENTS])
            await self.store.bury(Burial((), subjects, now, BY_COMMAND, "-"))
        return not staying

    async def _clear_events(self, marks: frozenset[bytes], *, refused: bool) -> None:
        before: int | None = None
        while page := await self.store.events(refused=refused, before=before, limit=_EVENTS):
            about = [one.id for one in page if one.body and self._names_erased(one, marks)]
            if about:
                await self.store.scrub(about)
            before = page[-1].id
            await self.clock.sleep(_REST_SECONDS)

    def _names_erased(self, event: StoredEvent, marks: frozenset[bytes]) -> bool:
        mappings = self.mappings.current()
        try:
            if event.source is Side.DIDOMI:
                named = [
                    everywhere(one.names.ouid, mappings.values())
                    for one in self.didomi.arrivals(event.body)
                ]
            else:
                named = self._owners(event, mappings.get(event.mapping))
        except RefusedError:
            return False
        # In every mapping: the same event may be about somebody else's person in another one.
        return any(
            subjects
            and all(not marks.isdisjoint(self.marks.barring(subject)) for subject in subjects)
            for subjects in named
        )

    def _owners(self, event: StoredEvent, mapping: Mapping | None) -> list[tuple[Subject, ...]]:
        if event.source is Desk.OPERATOR:
            person = person_of(event.body)
            return [(Subject(event.mapping, person),)] if person else []
        if event.source is Desk.FILE and mapping is not None:
            return [owners_of_row(event.body, mapping)]
        if event.source is not Side.ACTITO or mapping is None:
            return []
        arrivals: Sequence[Arrival] = self.actito.arrivals(event.body, mapping.key_attribute)
        named: list[tuple[Subject, ...]] = []
        for one in arrivals:
            person = person_from_actito_key(one.names.actito_key, mapping.normalise)
            person = person or unresolved_person(one.names.profile_id)
            named.append((Subject(mapping.name, person),))
        return named

    async def _take_over(self, graves: Sequence[Grave]) -> None:
        for one in graves:
            if one.lifted_at is not None:
                await self.store.lift((one.mark,), one.lifted_at)
            else:
                await self.store.bury(Burial((one.mark,), (), one.at, one.cause, one.policy))

    async def _note(self, marks: Sequence[bytes]) -> None:
        if self.shelf is not None:
            await self.shelf.add(await self.store.graves(marks))

    def _look(self) -> ErasureLook:
        return ErasureLook(self.store, self.mappings, self.marks)


def _newer(one: Grave, other: Grave | None) -> bool:
    """Say whether one copy of a tombstone tells of something later than the other."""
    if other is None:
        return True
    return max(one.at, one.lifted_at or 0) > max(other.at, other.lifted_at or 0)


def _open(grave: Grave) -> bool:
    return grave.lifted_at is None and grave.cleared_at is None and grave.cause != _WITNESS


def _in_mapping(person: str, mapping: Mapping) -> Iterable[Subject]:
    """Return whom a name may mean in a mapping: as it is, in small letters, from either side."""
    for name in (person, person.strip(), person.strip().lower()):
        for read in (person_from_ouid, person_from_actito_key):
            yield Subject(mapping.name, read(name, mapping.normalise))


def _spellings(subject: Subject, state: PersonState) -> tuple[str, ...]:
    keys = [one.actito_key for one in profiles_of(state)]
    names = (subject.person, state.names.ouid, *keys, *state.spellings)
    return tuple(one for one in names if one)


def _stand_ins(subject: Subject, state: PersonState) -> list[Subject]:
    """Return under which numbers of profiles something may wait for this person."""
    numbers = [one.profile_id for one in profiles_of(state) if one.profile_id]
    return [Subject(subject.mapping, unresolved_person(one)) for one in numbers]
