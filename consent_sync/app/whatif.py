"""What edited mapping files would do to people: stored events taken once more, in memory, both ways.

Each person of whom an event was stored starts from what is known now, between two platforms in
memory that hold what was last seen there. Their events happen again under the version in force and,
beside it, under the edited one. What both platforms then hold is compared. Nothing is written.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import islice
from typing import Final

from consent_sync.adapters.actito.webhook import ActitoReceiver
from consent_sync.adapters.didomi.webhook import DidomiReceiver
from consent_sync.adapters.storage.keys import person_key
from consent_sync.adapters.storage.sorting import Sorting
from consent_sync.app.rerun import Rerun, World
from consent_sync.domain.consent import Choice
from consent_sync.domain.errors import RefusedError
from consent_sync.domain.events import ProfileReading
from consent_sync.domain.identity import Names, Side, Subject, person_from_actito_key
from consent_sync.domain.mapping import Line, Mapping
from consent_sync.domain.moments import Micros
from consent_sync.domain.rules import Rules
from consent_sync.domain.state import PersonState
from consent_sync.domain.translate import choice_from_subscription
from consent_sync.domain.versions import differences
from consent_sync.ports.past import Past
from consent_sync.ports.store import StoredEvent
from consent_sync.services.intake import everywhere, real

_TURN_EVENTS: Final = 200
_NEWEST_RECORDS: Final = 20
"""How many ledger records of a person are looked through for what Actito last showed."""

_REMEMBERED_PROFILES: Final = 50_000


class Effect(StrEnum):
    """What an edited file would do to a person's consent on a line.

    HELD is a raise that the rules keep waiting for a person's word; until then nothing changes.
    """

    RAISED = "raised"
    LOWERED = "lowered"
    HELD = "held"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Pair:
    """A mapping as it is in force, None for a new one, and as it was edited."""

    old: Mapping | None
    new: Mapping


@dataclass(frozen=True, slots=True)
class Row:
    """One line of one person: what both sides would hold under each version, and why."""

    mapping: str
    line: str
    line_number: int
    person: str
    effect: Effect
    didomi_before: str
    didomi_after: str
    actito_before: str
    actito_after: str
    reason: str


class WhatIf:
    """Compares the versions over stored events."""

    def __init__(
        self,
        past: Past,
        pairs: Sequence[Pair],
        rules: Rules,
        now: Micros,
        whose: Callable[[Mapping], str],
        in_force: Sequence[Mapping] = (),
    ) -> None:
        self._past = past
        self._pairs = {pair.new.name: pair for pair in pairs}
        self._narrow = {pair.new.name: _narrowed(pair) for pair in pairs}
        self._rules = rules
        self._now = now
        self._whose = whose
        self._in_force = in_force
        accounts = {whose(one) for one in (*in_force, *(pair.new for pair in pairs))}
        self._several = len(accounts) > 1
        self._didomi, self._actito = DidomiReceiver(), ActitoReceiver()
        self._profiles: dict[tuple[str, str], str] = {}
        self.events = 0

    async def rows(self, since: Micros) -> AsyncIterator[Row]:
        """Yield every line of every person heard of since then; raises StoreError."""
        sorting = Sorting()
        try:
            await self._gather(since, sorting)
            for key, numbers in sorting.groups():
                found = await self._person(key, numbers)
                for row in found:
                    yield row
        finally:
            sorting.close()

    async def _gather(self, since: Micros, sorting: Sorting) -> None:
        async for page in self._past.pages(since):
            self.events += len(page)
            named = [
                (person_key(subject), event.id)
                for event in page
                for _, subject in await self._named(event)
            ]
            sorting.add(named)

    async def _person(self, key: bytes, numbers: Iterator[int]) -> Sequence[Row]:
        first = await self._chunk(numbers)
        for pair, subject in await self._named(first[0]) if first else ():
            if person_key(subject) == key and await self._belongs(pair, subject):
                return await self._compare(pair, subject, first, numbers)
        return ()

    # --- whom an event is about ---

    async def _named(self, event: StoredEvent) -> list[tuple[Pair, Subject]]:
        """Return the persons an event names in the edited mappings; none when it is unreadable."""
        if not isinstance(event.source, Side):
            # An operator's word was about statements under the rules of then.
            return []
        try:
            if event.source is Side.DIDOMI:
                arrivals = self._didomi.arrivals(event.body)
                return [
                    (pair, subject)
                    for pair in self._pairs.values()
                    for arrival in arrivals
                    for subject in everywhere(arrival.names.ouid, [pair.new])
                ]
            pair = self._pairs.get(event.mapping)
            if pair is None:
                return []
            arrivals = self._actito.arrivals(event.body, pair.new.key_attribute)
            owners = [await self._owner(pair.new, arrival.names) for arrival in arrivals]
            return [(pair, Subject(pair.new.name, person)) for person in owners if real(person)]
        except RefusedError:
            return []

    async def _owner(self, mapping: Mapping, names: Names) -> str:
        person = person_from_actito_key(names.actito_key, mapping.normalise)
        if real(person) or not names.profile_id:
            return person
        place = (mapping.name, names.profile_id)
        if place not in self._profiles:
            if len(self._profiles) >= _REMEMBERED_PROFILES:
                self._profiles.clear()
            found = await self._past.find_profile(*place)
            self._profiles[place] = found or ""
        return self._profiles[place]

    async def _belongs(self, pair: Pair, subject: Subject) -> bool:
        """Say whether the event was this account's, where there are several.

        A Didomi event does not say whose it is; that somebody of the account is known does.
        """
        if not self._several:
            return True
        same = [one for one in self._in_force if self._whose(one) == self._whose(pair.new)]
        for one in same:
            if await self._past.person(Subject(one.name, subject.person)) is not None:
                return True
        return False

    async def _chunk(self, numbers: Iterator[int]) -> Sequence[StoredEvent]:
        chunk = list(islice(numbers, _TURN_EVENTS))
        return await self._past.events_by_numbers(chunk) if chunk else ()

    # --- what they make of it ---

    async def _compare(
        self,
        pair: Pair,
        subject: Subject,
        chunk: Sequence[StoredEvent],
        others: Iterator[int],
    ) -> list[Row]:
        state, seen = await self._known(pair, subject, chunk[0])

        def run(mapping: Mapping) -> Rerun:
            world = World.of(subject, pair.old, state, seen, self._now)
            return Rerun(mapping, subject, state, world, self._rules)

        old, new = self._narrow[pair.new.name]
        # A mapping that is new decides nothing today.
        before, after = run(old or new), run(new)
        runs = [before, after] if pair.old is not None else [after]
        while chunk:
            for one in runs:
                await one.take(chunk)
            chunk = await self._chunk(others)
        return list(_rows(pair, subject, before, after))

    async def _known(
        self, pair: Pair, subject: Subject, event: StoredEvent
    ) -> tuple[PersonState, ProfileReading | None]:
        if pair.old is None:
            return PersonState(), None
        known = subject
        if pair.old.normalise is not pair.new.normalise:
            # Under the version in force the person goes by another key.
            found = await self._under_old_key(pair.old, event)
            known = found if found is not None else subject
        state = await self._past.person(known) or PersonState()
        new_lines = {line.id for line in pair.new.lines} - {line.id for line in pair.old.lines}
        records = await self._past.timeline(known, _NEWEST_RECORDS) if new_lines else []
        readings = (
            fact
            for record in records
            for fact in reversed(record.facts)
            if isinstance(fact, ProfileReading)
        )
        return state, next(readings, None)

    async def _under_old_key(self, old: Mapping, event: StoredEvent) -> Subject | None:
        if event.source is Side.DIDOMI:
            names = self._didomi.arrivals(event.body)[0].names
            return next(iter(everywhere(names.ouid, [old])), None)
        names = self._actito.arrivals(event.body, old.key_attribute)[0].names
        person = await self._owner(old, names)
        return Subject(old.name, person) if real(person) else None


def _narrowed(pair: Pair) -> tuple[Mapping | None, Mapping]:
    """Return both versions with only those lines that an edit can change.

    Lines do not touch each other, except those that share a list of options.
    """
    found = differences(pair.old, pair.new)
    if pair.old is None or not found or not all(one.is_line for one in found):
        return pair.old, pair.new
    names = {one.name for one in found}
    lists = {
        _list_of(line)
        for line in (*pair.old.lines, *pair.new.lines)
        if line.id in names and line.node.option
    }

    def narrow(mapping: Mapping) -> Mapping:
        kept = (line for line in mapping.lines if line.id in names or _list_of(line) in lists)
        return replace(mapping, lines=tuple(kept))

    return narrow(pair.old), narrow(pair.new)


def _list_of(line: Line) -> tuple[str, str, bool]:
    return line.node.purpose, line.node.preference, bool(line.node.option)


def _rows(pair: Pair, subject: Subject, before: Rerun, after: Rerun) -> Iterator[Row]:
    old_lines = {line.id: line for line in pair.old.lines} if pair.old is not None else {}
    new_lines = {line.id: line for line in pair.new.lines}
    for name in {**new_lines, **old_lines}:
        old, new = old_lines.get(name), new_lines.get(name)
        line = new or old
        if line is None:
            continue
        senses = [one for one in (old, new) if one is not None]
        actito = before.subscription(name), after.subscription(name)
        places = [(before.holds(one), after.holds(one)) for one in senses]
        effects = [_effect(*pair_) for pair_ in places]
        effects += [_effect(*(_in_sense(one, value) for value in actito)) for one in senses]
        if after.held(name) and not before.held(name):
            effects.append(Effect.HELD)
        yield Row(
            mapping=subject.mapping,
            line=name,
            line_number=line.line_number,
            person=subject.person,
            effect=_strongest(effects),
            didomi_before=before.holds(line).value,
            didomi_after=after.holds(line).value,
            actito_before=_words(actito[0]),
            actito_after=_words(actito[1]),
            reason=after.reason(name) if new is not None else "the line is removed",
        )


def _in_sense(line: Line, subscribed: bool | None) -> Choice:
    return (
        Choice.NONE if subscribed is None else choice_from_subscription(line, subscribed=subscribed)
    )


_RANK: Final = {Choice.DENIED: 0, Choice.NONE: 1, Choice.GRANTED: 2}


def _effect(before: Choice, after: Choice) -> Effect:
    if _RANK[after] > _RANK[before]:
        return Effect.RAISED
    return Effect.LOWERED if _RANK[after] < _RANK[before] else Effect.UNCHANGED


def _strongest(effects: Sequence[Effect]) -> Effect:
    """Return the effect of all: what raises in any sense, on any side, counts as a raise."""
    return next((one for one in Effect if one in effects), Effect.UNCHANGED)


def _words(subscribed: bool | None) -> str:
    return "none" if subscribed is None else "subscribed" if subscribed else "not subscribed"
