"""Loading in pages: over stops and refused cursors, and never more than was asked for."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from consent_sync.adapters.storage.memory import MemoryStore
from consent_sync.domain.consent import Choice
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.rules import Rules
from consent_sync.ports.lists import BadRow, ChoiceRow
from consent_sync.services.backfill import Backfill, Load, MoreThanAllowedError
from consent_sync.services.file_load import FileLoad
from tests.doubles.clock import SettableClock
from tests.doubles.lists import ListedWorld, MemoryNotebook
from tests.doubles.mappings import EMAIL, a_mapping
from tests.doubles.platforms import ActitoWorld, DidomiWorld
from tests.services.people import NOON

YES, NO = Choice.GRANTED, Choice.DENIED


class StoppedError(Exception):
    """Somebody stopped the load."""


class Doorstep:
    """Remembers whom was handed over."""

    def __init__(self) -> None:
        self.didomis: list[bytes] = []
        self.actitos: list[bytes] = []
        self.rows: list[bytes] = []

    async def didomi(self, mapping: Mapping, bodies: Sequence[bytes]) -> int:
        self.didomis += bodies
        return len(bodies)

    async def actito(self, mapping: Mapping, bodies: Sequence[bytes]) -> int:
        self.actitos += bodies
        return len(bodies)

    async def file(self, mapping: Mapping, bodies: Sequence[bytes]) -> int:
        self.rows += bodies
        return len(bodies)


@dataclass
class Keys:
    """The keys of an export."""

    names: list[str]

    async def keys(self, after: str, limit: int) -> Sequence[str]:
        return [name for name in sorted(self.names) if name > after][:limit]


@dataclass
class Stage:
    """Both worlds, and a load over them."""

    mapping: Mapping = field(default_factory=a_mapping)
    clock: SettableClock = field(default_factory=SettableClock)
    notebook: MemoryNotebook = field(default_factory=MemoryNotebook)
    door: Doorstep = field(default_factory=Doorstep)

    def __post_init__(self) -> None:
        self.didomi, self.actito = DidomiWorld(self.clock), ActitoWorld(self.clock)
        self.lists = ListedWorld(self.didomi)
        self.store = MemoryStore(self.clock)

    def person(self, name: str, didomi: Choice | None, actito: bool | None) -> None:
        if didomi is not None:
            self.didomi.click(name, {EMAIL: didomi})
        if actito is not None:
            self.actito.click(name, "Newsletter", subscribe=actito)
        self.clock.advance(3_600)

    def load(self, *, yes: bool = True, **more: Any) -> Backfill:
        return Backfill(
            mapping=self.mapping,
            lists=self.lists,
            profiles=self.actito,
            ledger=self.store,
            receiver=self.lists,
            clock=self.clock,
            rules=Rules(),
            notebook=self.notebook,
            door=self.door if yes else None,
            **more,
        )

    def told(self) -> list[str]:
        return [self.lists.bodies[body].ouid for body in self.door.didomis]


@pytest.fixture
async def stage() -> Stage:
    """Five people: two refused in Didomi what Actito still sends, two agreed, one is unknown."""
    stage = Stage()
    await stage.store.open()
    stage.person("ann", YES, None)
    stage.actito.click("ann", "Other", subscribe=True)
    stage.person("ben", NO, True)
    stage.person("cem", NO, None)
    stage.person("dan", YES, True)
    stage.person("eve", NO, True)
    return stage


async def test_refusals_alone_are_handed_over(stage: Stage) -> None:
    """Without leave nobody's agreement is even told."""
    load = await stage.load().from_didomi()

    assert stage.told() == ["ben", "eve"]
    assert (load.people, load.lowered, load.raised, load.unknown) == (5, 2, 0, 1)
    assert all(
        choice is NO
        for body in stage.door.didomis
        for choice in stage.lists.bodies[body].shown.nodes.values()  # type: ignore[union-attr]  # users are shown here
    )


async def test_with_leave_agreements_are_handed_over_too(stage: Stage) -> None:
    """Only of whom Actito does not hold the same already."""
    load = await stage.load(may_raise=True).from_didomi()

    assert stage.told() == ["ann", "ben", "eve"]
    assert (load.raised, load.lowered, load.unchanged) == (1, 2, 1)


async def test_an_agreement_without_a_date_is_never_loaded(stage: Stage) -> None:
    """A missing time can only lower, whatever leave was given."""
    stage.didomi.updated = dict.fromkeys(stage.didomi.updated)  # type: ignore[assignment]  # a platform without dates
    load = await stage.load(may_raise=True).from_didomi()

    assert stage.told() == ["ben", "eve"]
    assert load.raised == 0


async def test_a_stopped_load_goes_on_from_there(stage: Stage) -> None:
    """Nobody is handed over twice, and everybody is counted once."""

    async def stop(load: Load) -> None:
        if load.place == "2":
            raise StoppedError

    with pytest.raises(StoppedError):
        await stage.load(on_page=stop).from_didomi()
    load = await stage.load().from_didomi()

    assert stage.told() == ["ben", "eve"]
    assert load.people == 5


async def test_a_counted_load_does_not_pass_for_a_done_one(stage: Stage) -> None:
    """What was only counted, even in part, is handed over when that is asked."""

    async def stop(load: Load) -> None:
        if load.place == "4":
            raise StoppedError

    with pytest.raises(StoppedError):
        await stage.load(yes=False, on_page=stop).from_didomi()
    await stage.load().from_didomi()

    assert stage.told() == ["ben", "eve"]


async def test_a_refused_cursor_begins_the_list_again(stage: Stage) -> None:
    """The counts begin anew too."""
    stage.lists.refuse = ["4"]
    load = await stage.load(yes=False).from_didomi()

    assert (load.people, load.lowered) == (5, 2)


async def test_a_cursor_that_is_always_refused_ends_it(stage: Stage) -> None:
    """A list that cannot be read to its end is not read for ever."""
    stage.lists.refuse = ["2"] * 20

    with pytest.raises(MoreThanAllowedError):
        await stage.load(yes=False).from_didomi()


async def test_from_actito_what_it_holds_now_decides(stage: Stage) -> None:
    """Only a live refusal of somebody Didomi knows is handed over, and never an agreement."""
    stage.person("fay", YES, False)
    stage.person("gus", None, False)
    load = await stage.load().from_actito(Keys(["ann", "ben", "fay", "gus", "zoe"]))

    assert stage.door.actitos == [b'{"customerId": "fay", "Newsletter": false}']
    assert (load.people, load.lowered, load.raised) == (5, 1, 0)
    assert load.unknown == 2


@dataclass
class Rows:
    """A file of choices, a row per entry; None for one that cannot be read."""

    entries: list[ChoiceRow | BadRow]
    mark: str = "a-file"

    async def rows(self, after: int, limit: int) -> Sequence[ChoiceRow | BadRow]:
        return [row for row in self.entries if row.number > after][:limit]


def row(number: int, name: str, choice: Choice, *, dated: bool = True) -> ChoiceRow:
    return ChoiceRow(number, name, {"Newsletter": choice}, (NOON, NOON) if dated else None)


def a_file() -> Rows:
    """Ann and Dan agreed, Ben refused without a date, one row is no good, one names nobody."""
    return Rows(
        [
            row(2, "ann", YES),
            row(3, "ben", NO, dated=False),
            row(4, "cem", NO),
            BadRow(5, "Newsletter", "a word for yes or no, or nothing"),
            row(6, "dan", YES),
            row(7, "\x00profile:1", NO),
            row(8, "ann", YES),
        ]
    )


async def test_of_a_file_only_refusals_are_handed_over(stage: Stage) -> None:
    """Without leave no agreement is told; what cannot be read is noted and passed over."""
    load = await FileLoad(stage.load(), a_file()).run()

    assert [json.loads(body)["person"] for body in stage.door.rows] == ["ben"]
    assert (load.people, load.lowered, load.raised, load.not_raised, load.bad) == (5, 2, 0, 2, 1)
    assert load.unknown == 2
    assert await stage.notebook.found(0, 10) == [
        (1, "line 5, column Newsletter: expected a word for yes or no, or nothing")
    ]


async def test_of_a_file_agreements_are_handed_over_with_leave(stage: Stage) -> None:
    """Only where both sides do not hold the same, and never one without a time."""
    rows = [row(2, "ann", YES), row(3, "dan", YES), row(4, "eve", YES, dated=False)]
    load = await FileLoad(stage.load(may_raise=True), Rows([*rows])).run()

    assert [json.loads(body)["person"] for body in stage.door.rows] == ["ann"]
    assert (load.raised, load.unchanged, load.not_raised) == (1, 1, 1)


async def test_a_file_that_was_counted_is_handed_over_from_its_beginning(stage: Stage) -> None:
    """And one that was stopped goes on."""

    async def stop(load: Load) -> None:
        raise StoppedError

    await FileLoad(stage.load(yes=False), a_file()).run()
    assert stage.door.rows == []
    with pytest.raises(StoppedError):
        await FileLoad(stage.load(on_page=stop), a_file()).run()
    load = await FileLoad(stage.load(), a_file()).run()

    assert len(stage.door.rows) == 1
    assert load.bad == 1
