"""What is known about one person, in every mapping, as plain data for people and programs."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from consent_sync.domain.consent import Choice, Statement
from consent_sync.domain.desired import desired_choice
from consent_sync.domain.identity import (
    Side,
    Source,
    Subject,
    is_stand_in,
    person_from_actito_key,
    person_from_ouid,
    unresolved_person,
)
from consent_sync.domain.ledger import LedgerRecord
from consent_sync.domain.lines import line_state
from consent_sync.domain.mapping import Line, Mapping
from consent_sync.domain.moments import SECOND, Micros
from consent_sync.domain.rules import Rules
from consent_sync.domain.several import profiles_of
from consent_sync.domain.state import LineState, PersonState
from consent_sync.domain.verdicts import Kind
from consent_sync.ports.mappings import MappingSource
from consent_sync.ports.store import Ledger, StoredItem
from consent_sync.services.records import side_of

WAITS: Final = "stored; waits for its turn"


@dataclass(frozen=True, slots=True)
class StatementView:
    """A side's newest statement on a line; moments as ISO 8601, null = not known."""

    choice: Choice
    not_before: str | None
    not_after: str | None
    dated: str | None
    evidence: str


@dataclass(frozen=True, slots=True)
class SideView:
    """What a side is known to hold on a line, since when, and whether it was seen there."""

    choice: Choice
    as_of: str | None
    confirmed: bool
    latest: StatementView | None
    failed: str | None


@dataclass(frozen=True, slots=True)
class LineView:
    """One line of one person: both sides, and what both ought to hold."""

    line: str
    line_number: int
    sync: str
    didomi: SideView
    actito: SideView
    desired: Choice
    reason: str
    as_of: str | None
    held: str | None
    word: str | None


@dataclass(frozen=True, slots=True)
class WaitingView:
    """One stored event that waits for the person's turn."""

    event: int
    side: Source
    type: str
    received_at: str


@dataclass(frozen=True, slots=True)
class ProfileView:
    """One of several Actito profiles of one person; null = not known."""

    actito_key: str | None
    profile_id: str | None


@dataclass(frozen=True, slots=True)
class MappingView:
    """One person within one mapping; `known` is false while nothing was ever settled.

    `ouids` and `profiles` are all Didomi users and Actito profiles known of them.
    """

    mapping: str
    file: str
    mapping_version: str
    known: bool
    ouid: str | None
    actito_key: str | None
    profile_id: str | None
    profile: str
    user: str
    ouids: tuple[str, ...]
    profiles: tuple[ProfileView, ...]
    lines: tuple[LineView, ...]
    waiting: tuple[WaitingView, ...]


@dataclass(frozen=True, slots=True)
class PersonView:
    """One person, as asked for, in every mapping in force."""

    person: str
    known: bool
    mappings: tuple[MappingView, ...]


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One thing that happened to one person, with the file and line that decided."""

    at: str
    kind: Kind
    side: Side | None
    mapping: str
    line: str | None
    verdict: str | None
    reason: str
    choice: Choice | None
    file: str
    mapping_version: str
    line_number: int | None
    event: int | None


@dataclass(frozen=True, slots=True)
class _Found:
    mapping: Mapping
    subject: Subject
    state: PersonState | None
    waiting: tuple[StoredItem, ...]


class Lookup:
    """Answers questions about one person; every method raises StoreError when it cannot look."""

    def __init__(self, ledger: Ledger, mappings: MappingSource, rules: Rules) -> None:
        self._ledger = ledger
        self._mappings = mappings
        self._rules = rules

    async def person(self, name: str) -> PersonView:
        """Return the state of a person named by organisation user id or unique key."""
        found = await self._find(name)
        return PersonView(
            person=name,
            known=any(one.state is not None for one in found),
            mappings=tuple(self._mapping_view(one) for one in found),
        )

    async def timeline(self, name: str, limit: int) -> Sequence[TimelineEntry]:
        """Return what happened to a person, newest first, at most `limit` entries.

        Events that still wait for their turn are among them, as received.
        """
        dated: list[tuple[Micros, TimelineEntry]] = []
        for one in await self._find(name):
            records = await self._ledger.timeline(one.subject, limit)
            for record in records:
                dated += _entries(one.mapping.name, record)
            dated += [(item.event.received_at, _waiting(one.mapping, item)) for item in one.waiting]
        # Within one record the later entry is the newer one; sorting keeps equals as they stand.
        dated.sort(key=lambda pair: pair[0], reverse=True)
        return [entry for _, entry in dated[:limit]]

    async def _find(self, name: str) -> list[_Found]:
        mappings = self._mappings.current().values()
        return list(await asyncio.gather(*(self._find_in(mapping, name) for mapping in mappings)))

    async def _find_in(self, mapping: Mapping, name: str) -> _Found:
        how = mapping.normalise
        keys = (person_from_ouid(name, how), person_from_actito_key(name, how))
        subjects = [Subject(mapping.name, key) for key in dict.fromkeys(keys) if _real(key)]
        for subject in subjects:
            state = await self._ledger.person(subject)
            waiting = list(await self._ledger.waiting(subject))
            if state is not None and state.names.profile_id:
                # Deliveries that named only the profile wait under its number.
                stand_in = Subject(mapping.name, unresolved_person(state.names.profile_id))
                waiting += await self._ledger.waiting(stand_in)
            if state is not None or waiting:
                return _Found(mapping, subject, state, tuple(waiting))
        nobody = subjects[0] if subjects else Subject(mapping.name, "")
        return _Found(mapping, nobody, None, ())

    def _mapping_view(self, found: _Found) -> MappingView:
        mapping, state = found.mapping, found.state or PersonState()
        return MappingView(
            mapping=mapping.name,
            file=mapping.file,
            mapping_version=mapping.version,
            known=found.state is not None,
            ouid=state.names.ouid or None,
            actito_key=state.names.actito_key or None,
            profile_id=state.names.profile_id or None,
            profile=state.profile,
            user=state.user,
            ouids=state.spellings,
            profiles=tuple(
                ProfileView(one.actito_key or None, one.profile_id or None)
                for one in profiles_of(state)
            ),
            lines=tuple(self._line_view(line, line_state(state, line)) for line in mapping.lines),
            waiting=tuple(
                WaitingView(
                    item.event.id, item.event.source, item.event.type, iso(item.event.received_at)
                )
                for item in found.waiting
            ),
        )

    def _line_view(self, line: Line, known: LineState) -> LineView:
        desired = desired_choice(line, known, self._rules)
        return LineView(
            line=line.id,
            line_number=line.line_number,
            sync=line.sync,
            didomi=_side_view(known, Side.DIDOMI),
            actito=_side_view(known, Side.ACTITO),
            desired=desired.choice,
            reason=desired.reason,
            as_of=_newest(known),
            held=known.held or None,
            word=_word(known),
        )


def iso(moment: Micros) -> str:
    """Return a moment as ISO 8601 in UTC, with milliseconds."""
    whole, rest = divmod(moment, SECOND)
    text = datetime.fromtimestamp(whole, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{rest // 1000:03d}Z"


def iso_or_none(moment: Micros) -> str | None:
    """Return a moment as `iso` does, None for an open end."""
    # Open ends of intervals lie outside of any calendar.
    return iso(moment) if 0 <= moment < 253_402_300_800 * SECOND else None


def _side_view(known: LineState, side: Side) -> SideView:
    agreed, said = known.agreed.get(side), known.latest.get(side)
    return SideView(
        choice=agreed.choice if agreed else Choice.NONE,
        as_of=iso_or_none(agreed.as_of) if agreed else None,
        confirmed=agreed.confirmed if agreed else False,
        latest=_statement_view(said) if said else None,
        failed=known.failed.get(side),
    )


def _statement_view(said: Statement) -> StatementView:
    return StatementView(
        choice=said.choice,
        not_before=iso_or_none(said.not_before),
        not_after=iso_or_none(said.not_after),
        dated=iso_or_none(said.dated),
        evidence=said.evidence,
    )


def _word(known: LineState) -> str | None:
    word = known.word
    if word is None:
        return None
    return f"{'approved' if word.lifts else 'rejected'} by {word.by}, {iso(word.at)}"


def _newest(known: LineState) -> str | None:
    moments = [said.not_after for said in known.latest.values()]
    moments = moments or [agreed.as_of for agreed in known.agreed.values()]
    return iso_or_none(max(moments)) if moments else None


def _entries(mapping: str, record: LedgerRecord) -> Iterable[tuple[Micros, TimelineEntry]]:
    for entry in reversed(record.entries):
        yield (
            entry.at,
            TimelineEntry(
                at=iso(entry.at),
                kind=entry.kind,
                side=entry.side,
                mapping=mapping,
                line=entry.line or None,
                verdict=entry.verdict,
                reason=entry.reason,
                choice=None if entry.choice is Choice.NONE else entry.choice,
                file=record.mapping_file,
                mapping_version=record.mapping_version,
                line_number=entry.line_number or None,
                event=entry.event or None,
            ),
        )


def _waiting(mapping: Mapping, item: StoredItem) -> TimelineEntry:
    return TimelineEntry(
        at=iso(item.event.received_at),
        kind=Kind.RECEIVED,
        side=side_of(item.event.source),
        mapping=mapping.name,
        line=None,
        verdict=None,
        reason=WAITS,
        choice=None,
        file=mapping.file,
        mapping_version=mapping.version,
        line_number=None,
        event=item.event.id,
    )


def _real(person: str) -> bool:
    return bool(person) and not is_stand_in(person)
