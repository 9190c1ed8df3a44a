"""The numbers of persons: always found again, one number each, and little stays in memory."""

import hashlib
from pathlib import Path

import apsw
from hypothesis import given, settings
from hypothesis import strategies as st

from consent_sync.adapters.storage.hashes import PersonKeys
from consent_sync.adapters.storage.migrate import migrate
from consent_sync.adapters.storage.statements import Statements, migrations, queries


def key(number: int) -> bytes:
    return hashlib.blake2b(str(number).encode(), digest_size=16).digest()


class Register:
    """A database in memory and the keys over it; `restart` forgets all but the database."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.connection = apsw.Connection(":memory:")
        migrate(self.connection, Path("memory"), migrations())
        self.keys = PersonKeys(Statements(self.connection), limit)

    def add(self, numbers: list[int], *, commit: bool = True) -> dict[bytes, int]:
        """Add persons and return what is found of them within the same transaction."""
        self.connection.execute("BEGIN")
        self.keys.append([(number, key(number)) for number in numbers])
        found = self.keys.find([key(number) for number in numbers])
        if commit:
            self.connection.execute("COMMIT")
            self.keys.committed()
        else:
            self.connection.execute("ROLLBACK")
            self.keys.rolled_back()
        return found

    def restart(self) -> None:
        self.keys = PersonKeys(Statements(self.connection), self._limit)

    def looked_up(self, number: int) -> object:
        """Return what somebody who only has the database finds."""
        return self.connection.execute(queries()["person_id"], (key(number),)).get

    def in_log(self) -> int:
        return int(self.connection.execute("SELECT count(*) FROM person_log").get)

    def in_table(self) -> int:
        return int(self.connection.execute("SELECT count(*) FROM person_key").get)


def test_a_person_is_found_before_the_commit() -> None:
    """Two kinds of work in one transaction name the same new person once."""
    register = Register(limit=500)

    assert register.add([1, 2]) == {key(1): 1, key(2): 2}


def test_an_undone_person_is_nobody() -> None:
    """What was rolled back is not found, neither in memory nor in the database."""
    register = Register(limit=500)
    register.add([1], commit=False)

    assert register.keys.find([key(1)]) == {}
    assert register.looked_up(1) is None


def test_memory_and_log_stay_bounded() -> None:
    """Most of many persons stand in the table alone, and all have their numbers."""
    register = Register(limit=500)
    for start in range(1, 20_001, 50):
        register.add(list(range(start, start + 50)))

    assert register.in_log() < 4 * 500
    assert register.in_table() > 20_000 - 2 * 500
    assert register.keys.find([key(n) for n in range(1, 20_001)]) == {
        key(n): n for n in range(1, 20_001)
    }


steps = st.one_of(
    st.tuples(st.just("add"), st.integers(1, 30)),
    st.tuples(st.just("undo"), st.integers(1, 30)),
    st.tuples(st.just("restart"), st.just(0)),
)


@settings(max_examples=30, deadline=None)
@given(st.lists(steps, min_size=30, max_size=100))
def test_no_history_forgets_anybody(history: list[tuple[str, int]]) -> None:
    """Whoever was committed keeps the number, in memory and from outside, whatever happens."""
    register = Register(limit=20)
    added: list[int] = []
    undone: list[int] = []
    number = 1
    for name, count in history:
        if name == "restart":
            register.restart()
            continue
        numbers = list(range(number, number + count))
        number += count
        register.add(numbers, commit=name == "add")
        (added if name == "add" else undone).extend(numbers)
    found = register.keys.find([key(n) for n in added + undone])

    assert found == {key(n): n for n in added}
    assert [register.looked_up(n) for n in added] == added
    assert [register.looked_up(n) for n in undone] == [None] * len(undone)
