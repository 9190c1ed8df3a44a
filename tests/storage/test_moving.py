"""Moving up: everything goes from a file to PostgreSQL, once, whole, and goes on after a stop."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from consent_sync.adapters.storage import moving
from consent_sync.adapters.storage.moving import move
from consent_sync.adapters.storage.postgres.migrate import keep_key
from consent_sync.adapters.storage.postgres.store import PostgresStore
from consent_sync.adapters.storage.sqlite import SqliteStore
from consent_sync.domain.errors import StoreError
from consent_sync.domain.identity import Subject, unresolved_person
from consent_sync.domain.moments import HOUR
from consent_sync.domain.state import PersonState
from consent_sync.ports.graves import Burial
from consent_sync.ports.store import Store, Summary
from tests.contracts.store_kit import (
    START,
    HandClock,
    event,
    hint,
    refused,
    settled,
    subject,
    write,
)
from tests.postgres import PostgresServer

PEOPLE = [f"p{n}" for n in range(12)]
KEYS = {"tombstone": bytes(32)}


def unwatched(_part: str, _rows: int) -> None:
    """Nobody looks at the progress."""


class StopError(Exception):
    """Stands for somebody who stops the move."""


@pytest.fixture
def url(postgres: PostgresServer) -> Iterator[str]:
    url = postgres.new_database()
    yield url
    postgres.drop(url)


async def filled(path: Path) -> None:
    """Make a file in which something of everything is kept."""
    stand_in = Subject("main", unresolved_person("77"))
    store = SqliteStore(path, HandClock())
    await store.open()
    await store.accept([event(f"first {name}", name) for name in PEOPLE])
    for number, turn in enumerate(await store.claim(8)):
        due = START + HOUR if number % 2 else None
        await store.settle(settled(turn, due_at=due, attempts=number % 2, summary=Summary(1, 2)))
    await store.announce((await store.claim(1))[0].subject, [write()])
    await store.accept([hint("look", "p0"), hint("who")._replace(subjects=(stand_in,))])
    await store.refuse(refused("{broken \x00"))
    await store.pin("alerts", 0, b"one")
    await store.pin("alerts", 1, b"two")
    await store.close()


async def seen(store: Store) -> object:
    persons = [subject(name) for name in PEOPLE]
    return (
        await store.status(),
        await store.states(persons),
        [list(await store.timeline(one, 9)) for one in persons],
        [[item.event for item in await store.waiting(one)] for one in persons],
        list(await store.events(refused=False, before=None, limit=99)),
        list(await store.events(refused=True, before=None, limit=99)),
        list(await store.recent(after=0, limit=99)),
        [(one, known) for _, one, known in await store.people(0, 99)],
        await store.notice("alerts"),
    )


async def looked_into(store: Store) -> object:
    await store.open()
    try:
        return await seen(store)
    finally:
        await store.close()


async def test_everything_arrives(tmp_path: Path, url: str) -> None:
    """Whatever can be looked at is the same in both databases."""
    file = tmp_path / "store.db"
    await filled(file)
    moved = await asyncio.to_thread(move, file, url, unwatched, KEYS)

    assert (moved["events"], moved["persons"], moved["items"]) == (15, 13, 6)
    assert await looked_into(PostgresStore(url, HandClock())) == await looked_into(
        SqliteStore(file, HandClock())
    )


async def test_the_work_goes_on_in_the_new_database(tmp_path: Path, url: str) -> None:
    """Who waited is due, duplicates are known, announced writes come back, numbers go on."""
    file = tmp_path / "store.db"
    await filled(file)
    await asyncio.to_thread(move, file, url, unwatched, KEYS)
    store = PostgresStore(url, HandClock())
    await store.open()
    again = await store.accept([event("first p3", "p3"), hint("look", "p0"), event("new", "p3")])
    turns = {turn.subject: turn for turn in await store.claim(50)}
    numbers = [item.event.id for item in turns[subject("p3")].items]
    await store.close()

    assert again == [False, False, True]
    assert turns[subject("p8")].in_flight == (write(),)
    assert numbers == [16]
    assert turns[subject("p3")].attempts == 1


@pytest.mark.parametrize("pages", range(1, 9))
async def test_a_stopped_move_goes_on(
    tmp_path: Path, url: str, pages: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped behind any page, the same command brings the rest; meanwhile nobody may serve."""
    monkeypatch.setattr(moving, "_PAGE", 5)
    file = tmp_path / "store.db"
    await filled(file)
    left = pages

    def stop(_part: str, _rows: int) -> None:
        nonlocal left
        left -= 1
        if not left:
            raise StopError

    with pytest.raises(StopError):
        await asyncio.to_thread(move, file, url, stop, KEYS)
    store = PostgresStore(url, HandClock())
    with pytest.raises(StoreError, match="has not come to its end"):
        await store.open()
    moved = await asyncio.to_thread(move, file, url, unwatched, KEYS)

    assert moved["events"] == 15
    assert await looked_into(PostgresStore(url, HandClock())) == await looked_into(
        SqliteStore(file, HandClock())
    )


async def test_a_second_move_does_nothing(tmp_path: Path, url: str) -> None:
    """Everything has arrived already, and what came in since is left alone."""
    file = tmp_path / "store.db"
    await filled(file)
    first = await asyncio.to_thread(move, file, url, unwatched, KEYS)
    store = PostgresStore(url, HandClock())
    await store.open()
    await store.accept([event("later", "p1")])
    await store.close()

    assert await asyncio.to_thread(move, file, url, unwatched, KEYS) == first


async def test_a_file_that_was_used_meanwhile_is_refused(tmp_path: Path, url: str) -> None:
    """Half of the old and half of the new would be neither."""
    file = tmp_path / "store.db"
    await filled(file)

    def stop(_part: str, _rows: int) -> None:
        raise StopError

    with pytest.raises(StopError):
        await asyncio.to_thread(move, file, url, stop, KEYS)
    store = SqliteStore(file, HandClock())
    await store.open()
    await store.accept([event("later", "p1")])
    await store.close()

    with pytest.raises(StoreError, match="has been used since"):
        await asyncio.to_thread(move, file, url, unwatched, KEYS)


async def test_a_database_in_use_is_refused(tmp_path: Path, url: str) -> None:
    """Nothing is mixed with what is there."""
    file = tmp_path / "store.db"
    await filled(file)
    store = PostgresStore(url, HandClock())
    await store.open()
    await store.accept([event("mine", "p1")])
    await store.close()

    with pytest.raises(StoreError, match="is not empty"):
        await asyncio.to_thread(move, file, url, unwatched, KEYS)


async def test_what_a_short_start_leaves_behind_is_in_use(tmp_path: Path, url: str) -> None:
    """A service that was started there once has written little, and it is told before anything moves."""
    file = tmp_path / "store.db"
    await filled(file)
    store = PostgresStore(url, HandClock())
    await store.open()
    await store.pin("alerts", 0, b"another")
    await store.close()

    with pytest.raises(StoreError, match="its table notice is used"):
        await asyncio.to_thread(move, file, url, unwatched, KEYS)


async def test_the_keys_of_the_file_win(tmp_path: Path, url: str) -> None:
    """Whoever was erased is known afterwards, although a refused start made keys of its own."""
    file = tmp_path / "store.db"
    await filled(file)

    def stop(_part: str, _rows: int) -> None:
        raise StopError

    with pytest.raises(StopError):
        await asyncio.to_thread(move, file, url, stop, KEYS)
    made = await keep_key(url, "tombstone")
    await asyncio.to_thread(move, file, url, unwatched, KEYS)

    assert made != KEYS["tombstone"]
    assert await keep_key(url, "tombstone") == KEYS["tombstone"]


async def test_the_erased_do_not_move_without_their_key(tmp_path: Path, url: str) -> None:
    """A file that was carried elsewhere alone would forget who was erased."""
    file = tmp_path / "store.db"
    store = SqliteStore(file, HandClock())
    await store.open()
    await store.bury(Burial((b"mark",), (), START, "command", "keep"))
    await store.close()

    with pytest.raises(StoreError, match=r"ends in \.tombstone-key"):
        await asyncio.to_thread(move, file, url, unwatched, {})


async def test_what_changed_on_the_way_is_found(
    tmp_path: Path, url: str, postgres: PostgresServer
) -> None:
    """A row that is not as it was sent ends the move with an error that names its table."""
    file = tmp_path / "store.db"
    await filled(file)

    def change(part: str, _rows: int) -> None:
        if part == "ledger":
            name = url.partition("?")[0].rpartition("/")[2]
            postgres.run("UPDATE consent_sync.event SET body = 'other' WHERE id = 3", name)

    with pytest.raises(StoreError, match="in the table event"):
        await asyncio.to_thread(move, file, url, change, KEYS)


async def test_a_missing_file_is_told(tmp_path: Path, url: str) -> None:
    """Nothing is made by moving nothing."""
    with pytest.raises(StoreError, match="there is no database"):
        await asyncio.to_thread(move, tmp_path / "none.db", url, unwatched, KEYS)


async def test_people_without_a_name_are_known_again_after_the_move(
    tmp_path: Path, url: str
) -> None:
    """Who comes in by the name that was forgotten before goes on from what was known."""
    file = tmp_path / "store.db"
    source = SqliteStore(file, HandClock())
    await source.open()
    for name in ("ada", "bob"):
        await source.accept([event(f"of {name}", name)])
        await source.settle(settled((await source.claim(1))[0], state=PersonState()))
    await source.forget(0, START + 1, 9)
    await source.close()
    moved = await asyncio.to_thread(move, file, url, unwatched, KEYS)
    store = PostgresStore(url, HandClock())
    await store.open()
    await store.accept([event("new", "ada")])
    names = [one for _, one in await store.names(0, 9)]
    status = await store.status()
    records = len(await store.timeline(subject("bob"), 9))
    await store.close()

    assert moved["people without a name"] == 2
    assert names[0] == subject("ada")
    assert names[1].person.startswith("\x00")
    assert (status.persons, records) == (1, 1)
