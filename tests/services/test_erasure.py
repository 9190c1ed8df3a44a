"""Erasing a person: counts, tombstones, the search for what is left, and a restored backup."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import orjson
import pytest

from consent_sync.adapters.actito.webhook import ActitoReceiver
from consent_sync.adapters.didomi.webhook import DidomiReceiver
from consent_sync.adapters.storage.memory import MemoryStore
from consent_sync.adapters.tombstone_file import TombstoneFile
from consent_sync.domain.consent import Choice
from consent_sync.domain.erasure import BY_COMMAND, DeletionPolicy, Marks
from consent_sync.domain.errors import RefusedError, StoreError
from consent_sync.domain.events import OperatorWord
from consent_sync.domain.identity import Desk, Names, Normalise, Subject
from consent_sync.domain.state import PersonState
from consent_sync.ports.lists import ChoiceRow
from consent_sync.ports.store import NewEvent, Settlement, StoredEvent
from consent_sync.services.erasure import Erasure, ErasureLook
from consent_sync.services.file_rows import body_of as body_of_row
from consent_sync.services.intake import Intake
from consent_sync.services.profiles import ProfileIndex
from consent_sync.services.words import body_of
from tests.services.people import FixedMappings, StandingClock, didomi_event, mapping

ADA = "ada@example.com"


class Office:
    """A store with two mappings, its door, and the erasure."""

    def __init__(self, shelf: TombstoneFile | None = None, key: bytes = b"k") -> None:
        self.clock = StandingClock()
        self.marks = Marks(key)
        self.store = MemoryStore(self.clock, self.marks)
        self.mappings = FixedMappings(mapping("brand-a"), mapping("brand-b", Normalise.NONE))
        parts = (DidomiReceiver(), ActitoReceiver(), self.clock)
        self.intake = Intake(self.store, self.mappings, *parts, ProfileIndex())
        self.erasure = Erasure(self.store, self.mappings, self.marks, *parts, shelf)
        self.look = ErasureLook(self.store, self.mappings, self.marks)

    async def opened(self) -> "Office":
        await self.store.open()
        return self

    async def say(self, ouid: str, number: int = 1) -> None:
        await self.intake.accept_didomi(orjson.dumps(didomi_event(ouid, number)))

    async def events(self) -> Sequence[StoredEvent]:
        return await self.store.events(refused=False, before=None, limit=100)


async def settled(office: Office) -> None:
    """Turns that leave no record of the events they took."""
    for turn in await office.store.claim(10):
        done = tuple(item.id for item in turn.items)
        await office.store.settle(Settlement(turn.subject, turn.state, None, done))


async def test_counts_come_first_and_change_nothing() -> None:
    """How many mappings know the person and how much waits; nothing is removed."""
    office = await Office().opened()
    await office.say(ADA)

    found = await office.look.look(ADA)

    assert (found.persons, found.waiting, found.erased_at) == (2, 2, None)
    assert (await office.look.look(ADA)).waiting == 2


async def test_an_erased_person_stays_erased_with_another_letter_case() -> None:
    """Nothing they are said to choose later makes them known again, in no mapping."""
    office = await Office().opened()
    await office.say(ADA)

    removed = await office.erasure.erase(ADA)
    await office.say("ADA@Example.com ", 2)

    assert (removed.persons, removed.waiting, removed.events) == (2, 2, 1)
    assert [event.body for event in await office.events()] == [b"", b""]
    assert list(await office.store.names(0, 10)) == []


async def test_every_spelling_that_was_known_is_barred() -> None:
    """Also the profile's own key, where it is another one."""
    office = await Office().opened()
    names = Names(ouid="Ada-1", actito_key="crm-77", profile_id="9")
    office.store.know(Subject("brand-a", "ada-1"), PersonState(names=names))

    await office.erasure.erase("ada-1")
    await office.say("CRM-77")

    assert list(await office.store.names(0, 10)) == []


async def test_a_spelling_kept_apart_by_a_mapping_is_found_by_the_search() -> None:
    """Where letter case tells people apart, the erased one's other rows are removed too."""
    office = await Office().opened()
    await office.say("ADA@example.com")
    await office.say("bob@example.com", 2)

    await office.erasure.erase(ADA)
    await office.erasure.clear()

    assert {one.person for _, one in await office.store.names(0, 10)} == {"bob@example.com"}
    found = await office.look.look(ADA)
    assert found.cleared_at is not None


async def test_stored_events_that_nobody_points_to_lose_what_they_said() -> None:
    """The search reads every stored event, and leaves those of others alone."""
    office = await Office().opened()
    for number, ouid in enumerate((ADA, "bob@example.com"), 1):
        await office.say(ouid, number)
    await settled(office)

    await office.erasure.erase(ADA)
    await office.erasure.clear()

    assert [bool(event.body) for event in await office.events()] == [True, False]


async def test_an_operators_word_about_an_erased_person_loses_what_it_said() -> None:
    """It names the person, so it is found by the search like any other stored event."""
    office = await Office().opened()
    for person in (ADA, "bob@example.com"):
        body = body_of(person, OperatorWord("olga", True, {"Newsletter": "a-ticket"}))
        subjects = (Subject("brand-a", person),)
        digest = hashlib.blake2b(body, digest_size=16).digest()
        now = office.clock.now()
        word = NewEvent(
            Desk.OPERATOR, "brand-a", "held.approved", digest, now, body, subjects, True
        )
        await office.store.accept([word])
    await settled(office)

    await office.erasure.erase(ADA)
    await office.erasure.clear()

    assert [bool(event.body) for event in await office.events()] == [True, False]


async def test_a_row_of_a_file_about_an_erased_person_loses_what_it_said() -> None:
    """It names the person, in whichever letter case, and comes in empty from then on."""
    office = await Office().opened()
    for person in ("Ada@Example.com", "bob@example.com"):
        await office.intake.accept_rows("brand-a", [row_of(person)])
    await settled(office)
    await office.erasure.erase(ADA)
    await office.erasure.clear()
    await office.intake.accept_rows("brand-a", [row_of("ADA@example.com")])

    assert [bool(event.body) for event in await office.events()] == [False, True, False]


def row_of(person: str) -> bytes:
    return body_of_row(ChoiceRow(2, person, {"Newsletter": Choice.DENIED}, None))


async def test_a_deletion_in_didomi_erases_in_its_mapping_alone() -> None:
    """Another mapping may have somebody else under the same name; a lift takes it back, too."""
    office = await Office().opened()
    subject = Subject("brand-a", ADA)
    state = PersonState(names=Names(ouid="Ada@example.com", profile_id="9"))
    office.store.know(subject, state)

    await office.erasure.forget(subject, state, DeletionPolicy.KEEP)
    await office.say(ADA)

    assert [one.mapping for _, one in await office.store.names(0, 10)] == ["brand-b"]
    assert (await office.look.look(ADA)).erased_at == office.clock.now()
    assert await office.erasure.lift(ADA) > 0


async def test_a_lift_lets_the_person_come_back() -> None:
    """From then on they are somebody new."""
    office = await Office().opened()
    await office.erasure.erase(ADA)

    lifted = await office.erasure.lift("Ada@Example.com")
    await office.say(ADA)

    assert lifted > 0
    assert len(await office.store.names(0, 10)) == 2


async def test_a_name_is_wanted() -> None:
    """Nothing but space names nobody."""
    office = await Office().opened()

    with pytest.raises(RefusedError, match="found no name"):
        await office.erasure.erase("  ")


async def test_a_restored_backup_is_swept_against_the_list(tmp_path: Path) -> None:
    """A database from before the erasure gives the person up again at its start."""
    shelf = TombstoneFile(tmp_path / "tombstones")
    office = await Office(shelf).opened()
    await office.erasure.erase(ADA)
    older = await Office(shelf).opened()
    await older.say(ADA)

    missing = await older.erasure.begin()
    await older.erasure.clear()

    assert missing > 0
    assert list(await older.store.names(0, 10)) == []
    assert [event.body for event in await older.events()] == [b""]
    assert (await older.look.look(ADA)).erased_at == office.clock.now()


async def test_a_lift_after_the_backup_holds_too(tmp_path: Path) -> None:
    """The list tells what came last, not only who was erased."""
    shelf = TombstoneFile(tmp_path / "tombstones")
    office = await Office(shelf).opened()
    await office.erasure.erase(ADA)
    office.clock.moment += 1
    await office.erasure.lift(ADA)
    older = await Office(shelf).opened()

    await older.erasure.begin()
    await older.say(ADA)

    assert len(await older.store.names(0, 10)) == 2


async def test_another_key_is_noticed_at_the_start(tmp_path: Path) -> None:
    """With it nobody would be known again, so nothing starts."""
    shelf = TombstoneFile(tmp_path / "tombstones")
    await (await Office(shelf).opened()).erasure.erase(ADA)
    other = await Office(shelf, key=b"another").opened()

    with pytest.raises(StoreError, match="another key"):
        await other.erasure.begin()


async def test_a_line_cut_off_by_a_crash_is_left_out(tmp_path: Path) -> None:
    """What was being written is not there; the next line is whole."""
    path = tmp_path / "tombstones"
    office = await Office(TombstoneFile(path)).opened()
    await office.erasure.erase(ADA)
    whole = await TombstoneFile(path).read()
    with path.open("a") as file:
        file.write("0123")

    await TombstoneFile(path).add(whole[:1])

    assert await TombstoneFile(path).read() == whole
    assert ADA not in path.read_text()


async def test_a_damaged_list_is_refused(tmp_path: Path) -> None:
    """With the line, because a tombstone that is not read lets somebody back in."""
    path = tmp_path / "tombstones"
    path.write_text("nonsense\n")

    with pytest.raises(StoreError, match="line 1"):
        await TombstoneFile(path).read()


async def test_whoever_leaves_the_sides_first_is_not_erased_before() -> None:
    """The search passes over them, and nothing new comes in about them meanwhile."""
    office = await Office().opened()
    await office.say(ADA)
    await settled(office)
    asked = await office.erasure.ask(ADA, DeletionPolicy.DELETE, "olga")
    await office.say("ADA@example.com", 2)
    cleared = await office.erasure.clear()
    found = await office.look.look(ADA)

    assert (asked, cleared, found.leaving) == (2, 0, 2)
    assert (found.waiting, found.cleared_at) == (2, None)

    for name in ("brand-a", "brand-b"):
        state = PersonState(names=Names(ouid=ADA))
        await office.erasure.forget(Subject(name, ADA), state, DeletionPolicy.DELETE, BY_COMMAND)
    await office.erasure.clear()
    found = await office.look.look(ADA)

    assert (found.persons, found.leaving) == (0, 0)
    assert found.cleared_at is not None
    assert {one.policy for one in await office.store.graves()} == {"-", "delete"}


async def test_whoever_is_erased_already_has_nothing_to_leave() -> None:
    """Their erasure has to be lifted before."""
    office = await Office().opened()
    await office.erasure.erase(ADA)

    assert await office.erasure.ask(ADA, DeletionPolicy.OPT_OUT, "olga") == 0
