"""Comparing everybody: in pages, to the end, over stops and trouble, without believing too much."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from consent_sync.adapters.storage.memory import MemoryStore
from consent_sync.domain.consent import Choice
from consent_sync.domain.errors import CredentialError, TemporaryError
from consent_sync.domain.identity import Side, Subject
from consent_sync.domain.lines import with_agreed
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.rules import Rules
from consent_sync.domain.state import LineState, PersonState, Presence
from consent_sync.ports.store import NewEvent, Settlement
from consent_sync.services.comparison import Comparison, LooksEmptyError
from consent_sync.services.first_look import Eyes
from consent_sync.services.patience import PatientLists, PatientProfiles
from consent_sync.services.scan import Found, Progress
from tests.doubles.clock import NOON, SettableClock
from tests.doubles.lists import ListedWorld, MemoryNotebook
from tests.doubles.mappings import EMAIL, a_mapping
from tests.doubles.platforms import ActitoWorld, DidomiWorld

YES, NO = Choice.GRANTED, Choice.DENIED


class StoppedError(Exception):
    """Somebody stopped the comparison."""


@dataclass
class Stage:
    """Both worlds with people in them, and a comparison that can be run again and again."""

    mapping: Mapping = field(default_factory=a_mapping)
    clock: SettableClock = field(default_factory=SettableClock)
    notebook: MemoryNotebook = field(default_factory=MemoryNotebook)

    def __post_init__(self) -> None:
        self.didomi, self.actito = DidomiWorld(self.clock), ActitoWorld(self.clock)
        self.lists = ListedWorld(self.didomi)
        self.store = MemoryStore(self.clock)
        self.found: list[Found] = []

    async def person(self, name: str, didomi: Choice | None, actito: bool | None) -> None:
        if didomi is not None:
            self.didomi.click(name, {EMAIL: didomi})
        if actito is not None:
            self.actito.click(name, "Newsletter", subscribe=actito)
        self.clock.advance(3_600)

    async def known(self, name: str, **agreed: Choice) -> None:
        """Let the store know what both sides held."""
        subject = Subject(self.mapping.name, name)
        line = self.mapping.lines[0]
        known = LineState(shape=line.shape)
        for side, choice in agreed.items():
            known = with_agreed(known, Side(side), choice, NOON)
        state = PersonState(profile=Presence.PRESENT, user=Presence.PRESENT, lines={line.id: known})
        await self.wait_for(name)
        [turn] = await self.store.claim(1)
        done = tuple(item.id for item in turn.items)
        await self.store.settle(Settlement(subject, state, None, done=done))

    async def wait_for(self, name: str) -> None:
        """Let something wait for a person."""
        subject = Subject(self.mapping.name, name)
        event = NewEvent(
            Side.DIDOMI, "", "test", name.encode(), self.clock.now(), b"", (subject,), True
        )
        await self.store.accept([event])

    async def run(self, **more: Any) -> Progress:
        async def note(found: Found) -> None:
            self.found.append(found)

        profiles = PatientProfiles(self.actito, self.clock)
        eyes = Eyes(
            lists=PatientLists(self.lists, self.clock),
            profiles=profiles,
            cheap=profiles,
            ledger=self.store,
            receiver=self.lists,
            clock=self.clock,
            rules=Rules(),
        )
        comparison = Comparison(eyes, [self.mapping], self.notebook, on_found=note, **more)
        return await comparison.run()

    @property
    def names(self) -> list[str]:
        return [one.subject.person for one in self.found]


@pytest.fixture
async def stage() -> Stage:
    """Five people, of whom ben and eve differ."""
    stage = Stage()
    await stage.store.open()
    await stage.person("ann", YES, True)
    await stage.person("ben", NO, True)
    await stage.person("cem", NO, False)
    await stage.person("dan", YES, True)
    await stage.person("eve", NO, True)
    return stage


async def test_everybody_is_compared_over_all_pages(stage: Stage) -> None:
    """Those who differ are found once each, and the comparison is complete."""
    progress = await stage.run()
    counts = progress.places["brand-a"].counts

    assert stage.names == ["ben", "eve"]
    assert (counts.compared, counts.differing) == (5, 2)
    assert progress.complete


async def test_a_stopped_comparison_goes_on_from_there(stage: Stage) -> None:
    """Pages that were compared are not read again, and nobody is found twice."""

    async def stop(progress: Progress) -> None:
        if progress.places["brand-a"].cursor == "2":
            raise StoppedError

    with pytest.raises(StoppedError):
        await stage.run(on_page=stop)
    stage.lists.asked.clear()
    progress = await stage.run()

    assert stage.lists.asked == ["2", "4"]
    assert stage.names == ["ben", "eve"]
    assert progress.places["brand-a"].counts.compared == 5


async def test_pages_ahead_are_looked_at_meanwhile(stage: Stage) -> None:
    """Two pages are under way side by side, and what is not needed any more is given up."""
    seen: list[list[str | None]] = []

    async def note(progress: Progress) -> None:
        seen.append(list(stage.lists.asked))
        if len(seen) == 2:
            raise StoppedError

    with pytest.raises(StoppedError):
        await stage.run(on_page=note)

    assert seen[0][:2] == [None, "2"]


async def test_another_mapping_file_begins_anew(stage: Stage) -> None:
    """What was begun under other rules is not gone on with."""

    async def stop(progress: Progress) -> None:
        raise StoppedError

    with pytest.raises(StoppedError):
        await stage.run(on_page=stop)
    stage.mapping = a_mapping(version="another")
    stage.lists.asked.clear()
    await stage.run()

    assert stage.lists.asked[0] is None


async def test_a_refused_cursor_begins_the_list_again(stage: Stage) -> None:
    """Nobody is left out, and nobody is noted twice."""
    stage.lists.refuse = ["4"]
    progress = await stage.run()

    assert stage.lists.asked == [None, "2", "4", None, "2", "4"]
    assert len(stage.notebook.findings) == 2
    assert progress.places["brand-a"].counts.compared == 5


async def test_a_cursor_that_is_always_refused_ends_it(stage: Stage) -> None:
    """A list that cannot be read to its end is not read for ever."""
    stage.lists.refuse = ["2"] * 20

    with pytest.raises(LooksEmptyError, match="cannot be read to the end"):
        await stage.run()


async def test_short_trouble_is_waited_for(stage: Stage) -> None:
    """Two failed calls cost a pause and nothing else."""
    stage.lists.troubles = 2
    stage.actito.faults.queue.extend(["temporary", "temporary"])
    before = stage.clock.now()
    await stage.run()

    assert stage.names == ["ben", "eve"]
    assert stage.clock.now() - before > 6_000_000


async def test_long_trouble_ends_it(stage: Stage) -> None:
    """After the last attempt the trouble is told; the next run goes on."""
    stage.lists.troubles = 5

    with pytest.raises(TemporaryError, match="not now"):
        await stage.run()


async def test_refused_credentials_are_not_tried_again(stage: Stage) -> None:
    """A person has to act first."""

    def refuse(cursor: str | None) -> None:
        raise CredentialError("no")

    stage.lists.before_page = refuse
    with pytest.raises(CredentialError):
        await stage.run()

    assert stage.lists.asked == [None]


async def test_who_has_something_waiting_does_not_differ_yet(stage: Stage) -> None:
    """What is under way may be the very thing that will make both sides the same."""
    await stage.wait_for("ben")
    progress = await stage.run()

    assert stage.names == ["eve"]
    assert progress.places["brand-a"].counts.under_way == 1


async def test_what_has_become_equal_meanwhile_is_no_difference(stage: Stage) -> None:
    """Both sides are read anew before anybody is said to differ."""

    def repair(cursor: str | None) -> None:
        if cursor == "4":
            stage.didomi.click("eve", {EMAIL: YES})

    stage.lists.before_page = repair
    await stage.run()

    assert stage.names == ["ben"]


async def test_who_vanished_from_didomi_is_counted_and_changes_nothing(stage: Stage) -> None:
    """We know them with a choice in Didomi that lists them no more: that is no refusal."""
    await stage.known("zoe", didomi=YES, actito=YES)
    stage.actito.click("zoe", "Newsletter", subscribe=True)
    counts = (await stage.run()).places["brand-a"].counts

    assert (counts.no_user, counts.only_actito) == (1, 0)
    assert "zoe" not in stage.names


async def test_whom_only_actito_knows_is_counted(stage: Stage) -> None:
    """Somebody without a choice in Didomi is nothing to compare."""
    await stage.known("zoe", actito=YES)
    counts = (await stage.run()).places["brand-a"].counts

    assert (counts.no_user, counts.only_actito) == (0, 1)


async def crowd(stage: Stage, number: int, first: int = 0) -> list[str]:
    """Let so many people be known who hold the same on both sides."""
    names = [f"person-{one:03}" for one in range(first, first + number)]
    for name in names:
        await stage.known(name, didomi=YES, actito=YES)
        await stage.person(name, YES, True)
    stage.lists.page = 100
    return names


@pytest.mark.parametrize("empty", ["didomi", "didomi's choices", "actito"])
async def test_a_side_that_looks_empty_proves_nothing(stage: Stage, empty: str) -> None:
    """When much that was known is gone at once, the comparison stops before any conclusion."""
    await crowd(stage, 30)
    if empty == "didomi":
        stage.didomi.nodes.clear()
    elif empty == "actito":
        stage.actito.profiles.clear()
    else:
        for held in stage.didomi.nodes.values():
            held.clear()

    side = empty.partition("'")[0].capitalize()
    with pytest.raises(LooksEmptyError, match=f"{side} shows nothing any more"):
        await stage.run()
    assert stage.found == []


async def test_a_side_that_empties_in_the_middle_stops_it_at_once(stage: Stage) -> None:
    """Many sound pages before do not hide one on which everybody has lost everything."""
    names = await crowd(stage, 295)
    for name in names[-50:]:
        del stage.actito.profiles[name]

    with pytest.raises(LooksEmptyError, match="for 50 of 100 people"):
        await stage.run()


async def test_what_looks_empty_may_be_said_to_be_so(stage: Stage) -> None:
    """Whoever cleaned up a platform says so, and everybody is compared."""
    await crowd(stage, 30)
    stage.actito.profiles.clear()
    counts = (await stage.run(believe_empty=True)).places["brand-a"].counts

    assert (counts.compared, counts.emptied) == (35, 30)


@pytest.mark.parametrize("create", [True, False])
async def test_whom_only_actito_knows_differs_where_users_are_created(
    stage: Stage, create: bool
) -> None:
    """A refusal in Actito whose webhook was lost is written for somebody whom Didomi does not know."""
    stage.mapping = a_mapping(create_in_didomi=create)
    await stage.known("zoe", actito=YES)
    stage.actito.click("zoe", "Newsletter", subscribe=False)
    await stage.run()

    assert ("zoe" in stage.names) is create
