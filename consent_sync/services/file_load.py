"""A load from a file of choices: each row is a statement of its own, weighed against both sides now.

Rows that cannot be read are noted and passed over. Without leave only refusals are told, and an
agreement without a time is never told.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from consent_sync.domain.compare import Sides
from consent_sync.domain.consent import Choice
from consent_sync.domain.events import Item, LoadedChoices
from consent_sync.domain.identity import Subject, person_from_ouid
from consent_sync.domain.lines import Context
from consent_sync.domain.loads import Weight, tells_news, weigh_rows, without_held
from consent_sync.domain.state import PersonState
from consent_sync.ports.lists import BadRow, ChoiceFile, ChoiceRow
from consent_sync.services.backfill import Backfill, Done, Load
from consent_sync.services.drafts import didomi_ouids
from consent_sync.services.file_rows import body_of, loaded_of, names_of
from consent_sync.services.intake import real

ROWS_AT_ONCE: Final = 100


@dataclass(frozen=True, slots=True)
class FileLoad:
    """One load of one file into the mapping of a backfill."""

    backfill: Backfill
    file: ChoiceFile

    async def run(self) -> Load:
        """Load the file from where the notebook is; raises what looking raises."""
        load = await self.backfill.begin(f"file {self.file.mark}")
        while not load.ended:
            page = await self.file.rows(int(load.place or 0), ROWS_AT_ONCE)
            good = [row for row in page if isinstance(row, ChoiceRow)]
            bad = [_noted(row) for row in page if isinstance(row, BadRow)]
            people = self._by_person(good)
            states = await self.backfill.ledger.states(list(people))
            done = await asyncio.gather(
                *(self._person(one, rows, states.get(one)) for one, rows in people.items())
            )
            place = str(page[-1].number) if page else load.place
            load = replace(load, place=place, ended=not page)
            load = await self.backfill.keep(load, done, bad)
        return load

    def _by_person(self, rows: Sequence[ChoiceRow]) -> dict[Subject, list[ChoiceRow]]:
        mapping = self.backfill.mapping
        people: dict[Subject, list[ChoiceRow]] = {}
        for row in rows:
            ouid = names_of(row.person, mapping.normalise).ouid
            subject = Subject(mapping.name, person_from_ouid(ouid, mapping.normalise))
            people.setdefault(subject, []).append(row)
        return people

    async def _person(
        self, subject: Subject, rows: Sequence[ChoiceRow], known: PersonState | None
    ) -> Done:
        if not real(subject.person):
            return Done(Weight(absent=True))
        told = [one for row in rows if (one := self._told(row)).choices]
        if not told:
            return Done(Weight(), left_out=any(row.choices for row in rows))
        state = known or PersonState(names=self._loaded(told[0]).names)
        context = self.backfill.context(subject)
        if known is not None and not tells_news(known, self._items(told, context), context):
            return Done(Weight())
        sides = await self._sides(subject, state)
        news = [one for row in told if (one := self._without_held(row, sides)).choices]
        weight = weigh_rows(state, self._items(news, context), sides, context)
        if weight.raised and not self.backfill.may_raise:
            return Done(Weight(), left_out=True)
        if self.backfill.door is not None and weight.changes:
            await self.backfill.door.file(self.backfill.mapping, list(map(body_of, news)))
            return Done(weight, handed=True)
        return Done(weight)

    def _told(self, row: ChoiceRow) -> ChoiceRow:
        """Return a row with what this load may tell of it."""
        if self.backfill.may_raise and row.between is not None:
            return row
        refused = {line: one for line, one in row.choices.items() if one is Choice.DENIED}
        return replace(row, choices=refused)

    def _items(
        self, rows: Sequence[ChoiceRow], context: Context
    ) -> list[tuple[Item, LoadedChoices]]:
        return [(Item(0, context.now, row), row) for row in map(self._loaded, rows)]

    def _without_held(self, row: ChoiceRow, sides: Sides) -> ChoiceRow:
        left = without_held(self._loaded(row), sides, self.backfill.mapping)
        return replace(row, choices=left.choices)

    def _loaded(self, row: ChoiceRow) -> LoadedChoices:
        # By way of the very body that a turn would read.
        return loaded_of(body_of(row), self.backfill.mapping.normalise)

    async def _sides(self, subject: Subject, state: PersonState) -> Sides:
        context = self.backfill.context(subject)
        profile = await self.backfill.read(state, context)
        looks = [
            await self.backfill.lists.look_at_user(self.backfill.mapping, ouid)
            for ouid in didomi_ouids(state, context)
        ]
        return Sides(tuple(look.seen for look in looks), profile)


def _noted(row: BadRow) -> tuple[bytes, str]:
    where = f"line {row.number}, column {row.column}" if row.column else f"line {row.number}"
    return str(row.number).encode(), f"{where}: expected {row.expected}"
