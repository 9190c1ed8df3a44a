"""The memory of accepted events: nothing is forgotten, and little stays in memory."""

import hashlib
from pathlib import Path

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent_sync.adapters.storage.hashes import Digests
from consent_sync.adapters.storage.migrate import migrate
from consent_sync.adapters.storage.statements import Statements, migrations


def key(number: int) -> bytes:
    return hashlib.blake2b(str(number).encode(), digest_size=16).digest()


class Database:
    """A database in memory and the digests over it; `restart` forgets all but the database."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._connection = apsw.Connection(":memory:")
        migrate(self._connection, Path("memory"), migrations())
        self.digests = self._new()

    def add(self, keys: list[bytes], *, commit: bool = True) -> None:
        self._connection.execute("BEGIN")
        self.digests.add(keys)
        if commit:
            self._connection.execute("COMMIT")
            self.digests.committed()
        else:
            self._connection.execute("ROLLBACK")
            self.digests.rolled_back()

    def restart(self) -> None:
        self.digests = self._new()

    def in_log(self) -> int:
        return int(self._connection.execute("SELECT count(*) FROM seen_log").get)

    def in_table(self) -> int:
        return int(self._connection.execute("SELECT count(*) FROM seen").get)

    def _new(self) -> Digests:
        return Digests(Statements(self._connection), self._limit)


@pytest.fixture
def database() -> Database:
    return Database(limit=500)


def test_what_was_added_is_known(database: Database) -> None:
    """Added ones are known, others are not."""
    database.add([key(1), key(2)])

    assert database.digests.known([key(1), key(2), key(3)]) == {key(1), key(2)}


def test_an_undone_transaction_adds_nothing(database: Database) -> None:
    """What was rolled back can be added again."""
    database.add([key(1)], commit=False)

    assert database.digests.known([key(1)]) == set()


def test_memory_and_log_stay_bounded(database: Database) -> None:
    """Most of many digests stand in the table alone, and all are known."""
    for start in range(0, 20_000, 50):
        database.add([key(n) for n in range(start, start + 50)])

    assert database.in_log() < 4 * 500
    assert database.in_table() > 20_000 - 2 * 500
    assert len(database.digests.known([key(n) for n in range(20_000)])) == 20_000


def test_the_log_stays_bounded_under_large_batches(database: Database) -> None:
    """However much comes at once, the log does not grow with all that ever came."""
    for start in range(0, 200_000, 5_000):
        database.add([key(n) for n in range(start, start + 5_000)])

    assert database.in_log() < 6 * 5_000


def test_memory_shrinks_after_a_large_batch(database: Database) -> None:
    """One call with far more than the limit does not stay in memory for long."""
    database.add([key(n) for n in range(5_000)])
    for n in range(5_000, 10_000):
        database.add([key(n)])

    assert database.in_table() > 8_000


def test_after_a_restart_nobody_pays_for_all_that_stands_in_the_log(database: Database) -> None:
    """The log may hold more than memory should; it moves as fast as something comes, not at once."""
    database.add([key(n) for n in range(5_000)])
    database.restart()
    before = database.in_table()
    for n in range(5_000, 5_100):
        database.add([key(n)])

    assert database.in_table() - before <= 2 * 100


steps = st.one_of(
    st.tuples(st.just("add"), st.integers(1, 30)),
    st.tuples(st.just("undo"), st.integers(1, 30)),
    st.tuples(st.just("restart"), st.just(0)),
)


@settings(max_examples=30, deadline=None)
@given(st.lists(steps, min_size=30, max_size=150))
def test_no_history_forgets_anything(history: list[tuple[str, int]]) -> None:
    """Added and committed is known for ever, whatever is undone or restarted in between."""
    database = Database(limit=20)
    added: list[bytes] = []
    undone: list[bytes] = []
    number = 0
    for name, count in history:
        if name == "restart":
            database.restart()
            continue
        keys = [key(n) for n in range(number, number + count)]
        number += count
        database.add(keys, commit=name == "add")
        (added if name == "add" else undone).extend(keys)
    database.restart()

    assert database.digests.known(added + undone) == set(added)
