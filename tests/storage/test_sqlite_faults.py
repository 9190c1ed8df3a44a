"""Disks that fill up and commits that fail: nothing answered is lost, nothing refused is kept."""

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest

from consent_sync.adapters.storage import transactions as transactions_module
from consent_sync.adapters.storage.connect import connect
from consent_sync.adapters.storage.desk import Desk
from consent_sync.adapters.storage.group_commit import EnvironmentStoreError
from consent_sync.adapters.storage.migrate import migrate
from consent_sync.adapters.storage.sqlite import SqliteStore
from consent_sync.adapters.storage.statements import Statements, migrations
from consent_sync.adapters.storage.transactions import SqliteTransactions
from consent_sync.domain.errors import StoreError
from tests.contracts.store_kit import HandClock, claim_one, event, people, settled, subject


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond a size, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


async def test_a_disk_that_takes_nothing_is_told_and_recovers(tmp_path: Path) -> None:
    """While nothing can be written every call says so; afterwards it works by itself."""
    store = SqliteStore(tmp_path / "store.db", HandClock())
    await store.open()
    await store.accept([event("one", "ada")])
    turn = await claim_one(store)
    with files_up_to((tmp_path / "store.db-wal").stat().st_size):
        with pytest.raises(StoreError, match="the disk reports an error"):
            await store.accept([event("two", "ben")])
        with pytest.raises(StoreError):
            await store.settle(settled(turn))
        with pytest.raises(StoreError):
            await store.check()
    kept = await store.events(refused=False, before=None, limit=9)
    await store.check()
    await store.settle(settled(turn))

    assert [e.body for e in kept] == [b"one"]
    assert await store.accept([event("two", "ben")]) == [True]
    assert (await store.status()).waiting_turns == 1
    await store.close()


async def test_a_turn_given_back_while_its_end_fails_comes_again(tmp_path: Path) -> None:
    """A worker that gives up does not leave a person claimed for ever."""
    store = SqliteStore(tmp_path / "store.db", HandClock())
    await store.open()
    await store.accept([event("one", "ada")])
    turn = await claim_one(store)
    with files_up_to((tmp_path / "store.db-wal").stat().st_size):
        with pytest.raises(StoreError):
            await store.settle(settled(turn))
        await store.release(turn.subject)

    assert (await claim_one(store)).items == turn.items
    await store.close()


class FaultyConnection(apsw.Connection):
    """Fails in `COMMIT`, before or after it took place."""

    fault = ""

    def execute(self, statements: str, *args: object, **more: object) -> apsw.Cursor:
        if statements == "COMMIT" and self.fault:
            if self.fault == "after":
                super().execute(statements)
            self.fault = ""
            raise apsw.IOError("the disk says no")
        return super().execute(statements, *args, **more)  # type: ignore[arg-type]  # passed on


class Bench:
    """A writer's parts without its thread."""

    def __init__(self, path: Path, connection: apsw.Connection) -> None:
        self.connection = connection
        migrate(connection, path, migrations())
        self.statements = Statements(connection)
        desk = Desk(connection)
        self.counting = desk.counting
        self.transactions = SqliteTransactions(connection, desk, path)

    def write(self, rows: int = 1, size: int = 100) -> None:
        self.transactions.begin()
        try:
            with self.transactions.explained():
                for _ in range(rows):
                    self.counting.event += 1
                    row = (self.counting.event, "didomi", "m", "t", 0, 0, "", bytes(size))
                    self.statements.write_rows("insert_events", [row])
            self.counting.add("events:didomi", rows)
            self.transactions.commit()
        except StoreError:
            self.transactions.rollback()
            raise

    def events(self) -> object:
        return self.connection.execute("SELECT count(*) FROM event").get


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    path = tmp_path / "store.db"
    path.touch()
    bench = Bench(path, connect(path, cache_kib=1_000))
    yield bench
    bench.transactions.leave()


def test_a_commit_that_fails_keeps_nothing(tmp_path: Path) -> None:
    """What did not take place is undone, counts included, and the next one works."""
    bench = Bench(tmp_path, FaultyConnection(str(tmp_path / "store.db")))
    bench.connection.fault = "before"  # type: ignore[attr-defined]  # of the class above
    with pytest.raises(EnvironmentStoreError, match="the disk reports an error"):
        bench.write()
    nothing = (bench.events(), bench.counting["events:didomi"])
    bench.write()

    assert nothing == (0, 0)
    assert (bench.events(), bench.counting["events:didomi"]) == (1, 1)


def test_a_commit_that_took_place_counts_in_spite_of_its_error(tmp_path: Path) -> None:
    """The answer follows what the database holds, not what the call said."""
    bench = Bench(tmp_path, FaultyConnection(str(tmp_path / "store.db")))
    bench.connection.fault = "after"  # type: ignore[attr-defined]  # of the class above
    bench.write()
    bench.write()

    assert (bench.events(), bench.counting["events:didomi"]) == (2, 2)


def test_a_full_disk_is_named_and_recovers(bench: Bench) -> None:
    """The error says that there is no room, and writing goes on once there is."""
    pages = bench.connection.execute("PRAGMA page_count").get
    bench.connection.execute(f"PRAGMA max_page_count = {pages}").fetchall()
    with pytest.raises(EnvironmentStoreError, match="the disk is full; make room"):
        bench.write(rows=10, size=10_000)
    nothing = bench.events()
    bench.connection.execute("PRAGMA max_page_count = 100000").fetchall()
    bench.write(rows=10, size=10_000)

    assert (nothing, bench.events()) == (0, 10)


def test_the_log_stays_bounded_under_load(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The WAL file is copied into the database as it grows, and starts anew."""
    monkeypatch.setattr(transactions_module, "CHECKPOINT_PAGES", 50)
    sizes = []
    for _ in range(100):
        bench.write(rows=5, size=4_000)
        bench.transactions.tend(idle=False)
        sizes.append((tmp_path / "store.db-wal").stat().st_size)

    assert (tmp_path / "store.db").stat().st_size > 100 * 5 * 4_000
    assert max(sizes) < 100 * 8_192


def test_the_log_is_copied_when_there_is_time(bench: Bench, tmp_path: Path) -> None:
    """A quiet hour leaves everything in the database file."""
    bench.write(rows=5, size=4_000)
    before = (tmp_path / "store.db").stat().st_size
    bench.transactions.tend(idle=True)

    assert (tmp_path / "store.db").stat().st_size >= before + 5 * 4_000


async def test_a_damaged_state_keeps_nobody_else_waiting(tmp_path: Path) -> None:
    """That person is set aside until the next start, and looking at them says why."""
    path = tmp_path / "store.db"
    store = SqliteStore(path, HandClock())
    await store.open()
    await store.accept([event("one", "ada"), event("two", "ben")])
    for turn in await store.claim(2):
        await store.settle(settled(turn))
    await store.close()
    connection = apsw.Connection(str(path))
    connection.execute("UPDATE person SET state = x'00' WHERE person LIKE 'ada%'")
    connection.close()
    await store.open()
    await store.accept([event("three", "ada"), event("four", "ben")])

    assert people(await store.claim(5)) == ["ben"]
    assert await store.claim(5) == []
    with pytest.raises(StoreError, match="state in the database is damaged"):
        await store.person(subject("ada"))
    await store.close()


async def test_names_that_are_no_text_are_refused(tmp_path: Path) -> None:
    """Half of a surrogate pair in a name fails its own call, not the others of the batch."""
    store = SqliteStore(tmp_path / "store.db", HandClock())
    await store.open()

    with pytest.raises(StoreError, match="cannot be stored"):
        await store.accept([event("one", "\ud800")])
    with pytest.raises(StoreError, match="cannot be looked up"):
        await store.person(subject("\ud800"))
    assert await store.accept([event("one", "ada")]) == [True]
    await store.close()
