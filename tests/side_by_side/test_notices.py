"""What replicas tell each other on the board, and what we store as events of our own."""

import json
from typing import Any, Final

import pytest

from consent_sync.adapters.storage.memory import MemoryStore
from consent_sync.domain.alerts import Alert, AlertBook
from consent_sync.domain.consent import Choice
from consent_sync.domain.erasure import DeletionPolicy
from consent_sync.domain.errors import StoreError
from consent_sync.domain.events import DeadLetterWord, ErasureWord, OperatorWord
from consent_sync.domain.identity import Desk, Normalise, Side
from consent_sync.domain.state import PersonState
from consent_sync.ports.lists import ChoiceRow
from consent_sync.ports.store import StoredEvent, StoredItem
from consent_sync.services import file_rows, words
from consent_sync.services.alerting import read_book, written
from consent_sync.services.guard import Counts, Guard
from consent_sync.services.guard_book import GuardBook
from consent_sync.services.pauses import NOTICE, Pauses, pauses_in
from consent_sync.services.sweep import last_begin, last_sweep, note_begin, note_sweep
from tests.contracts.store_kit import START, HandClock
from tests.doubles.engine import Engine
from tests.doubles.mappings import a_mapping
from tests.doubles.platforms import Profile
from tests.side_by_side.values import HELD, parts_of

BOOK: Final = AlertBook("r1", 5, (Alert("drift", "brand-a", 1, 6, "2 people", {"u": 1}),))
WORDS: Final[dict[str, words.Word]] = {
    "approve": OperatorWord("eve", True, {"Newsletter": "t-1"}),
    "replay": DeadLetterWord("eve", True, ("l-1",)),
    "erase": ErasureWord("eve", DeletionPolicy.OPT_OUT),
}
ROW: Final = ChoiceRow(2, "ada@example.com", {"Newsletter": Choice.DENIED}, (10, 20))

CHANGED: Final = """
Replicas of the version before read this during an update. Leave it as it is; what says more gets a
name of its own, on the board or as a word, and a step of the layout that works with no older program
where these must not go on without it. See "What another version reads" in CONTRIBUTING.md.
"""


def held(name: str) -> Any:
    return json.loads((HELD / "notices.json").read_text(encoding="utf-8"))[name]


@pytest.fixture
async def store() -> MemoryStore:
    store = MemoryStore(HandClock())
    await store.open()
    return store


async def test_pauses_are_told_as_they_always_were(store: MemoryStore) -> None:
    """A replica that cannot read them would go on writing."""
    await Pauses(store, HandClock()).pause([Side.ACTITO], "brand-a", "eve")
    body = (await store.notice(held("pauses, name"))).body

    assert json.loads(body) == held("pauses"), CHANGED
    assert [one.mapping for one in pauses_in(json.dumps(held("pauses")).encode())] == ["brand-a"]


async def test_pauses_of_a_newer_version_are_an_error_of_the_store(store: MemoryStore) -> None:
    """They are asked for again, and nothing ends because of them."""
    await store.pin(NOTICE, 0, json.dumps([{**held("pauses")[0], "only": "opt-ins"}]).encode())

    with pytest.raises(StoreError, match="a newer version of the program wrote them"):
        await Pauses(store, HandClock()).refresh()


async def test_counts_of_guards_are_told_as_they_always_were(store: MemoryStore) -> None:
    """Replicas add up what the others let through."""
    guard = Guard()
    guard.own["brand-a"] = {START: Counts(1, 2, 3)}
    await GuardBook(guard, store, HandClock(), "r1").exchange()
    body = (await store.notice(held("guards, name"))).body

    assert json.loads(body) == held("guards"), CHANGED


async def test_a_sweep_is_told_as_it_always_was(store: MemoryStore) -> None:
    """A number, under the same name."""
    await note_sweep(store, 3)

    assert json.loads((await store.notice(held("sweep, name"))).body) == held("sweep"), CHANGED
    assert await last_sweep(store) == 3


async def test_the_beginning_of_a_sweep_is_told_as_it_always_was(store: MemoryStore) -> None:
    """A moment: whoever sweeps next counts from it."""
    await note_begin(store, START)

    assert json.loads((await store.notice(held("sweep begun, name"))).body) == START, CHANGED
    assert await last_begin(store) == START


def test_alerts_are_told_as_they_always_were() -> None:
    """Whichever replica leads next goes on with them."""
    assert {name for name, filled in parts_of(BOOK) if not filled} == set(), CHANGED
    assert json.loads(written(BOOK)) == held("alerts"), CHANGED
    assert read_book(json.dumps(held("alerts")).encode()) is not None


@pytest.mark.parametrize("word", WORDS)
def test_words_of_operators_are_stored_as_they_always_were(word: str) -> None:
    """Any replica may take the turn for which they wait."""
    body = words.body_of("ada@example.com", WORDS[word])

    assert json.loads(body) == held(f"word {word}"), CHANGED
    assert words.word_of(body) == WORDS[word]


async def test_a_word_of_a_newer_version_is_left_to_a_newer_replica() -> None:
    """An erasure that was asked for must not end here as something that nobody understood."""
    engine, person = Engine(a_mapping()), "ada@example.com"
    engine.actito.profiles[person] = Profile("1042", {"Newsletter": True})
    body = json.dumps({**held("word erase"), "word": "erase, and never again"}).encode()
    event = StoredEvent(1, Desk.OPERATOR, "", "test", engine.clock.now(), body, waiting=True)
    engine.lane(person).items.append(StoredItem(1, event))

    with pytest.raises(StoreError, match="a newer version of the program stored it"):
        await engine.take(person)
    assert [item.id for item in engine.lane(person).items] == [1]
    assert engine.lane(person).state == PersonState()


def test_rows_of_files_are_stored_as_they_always_were() -> None:
    """The same row of a file gives the same event in both versions, so that it counts once."""
    body = file_rows.body_of(ROW)

    assert body.decode() == held("row"), CHANGED
    assert file_rows.loaded_of(body, Normalise.NONE).not_after == 20
