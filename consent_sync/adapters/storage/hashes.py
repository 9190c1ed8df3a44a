"""Hashes with numbers: a table for all of them, a log and a memory for the newest.

Hashes fall anywhere, so a table sorted by them changes a page for nearly every one, and writing
pages is most of what an event costs. New hashes therefore go to the end of a log, which the memory
repeats, and move into the table by ranges of their first byte: then many land on one page.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from consent_sync.adapters.storage.statements import SqlValue, Statements

_RANGES: Final = 256
_FORGOTTEN_AT_ONCE: Final = 1_024


class HashQueries(NamedTuple):
    """The names of the queries: read the log, append to it, look into the table, move, forget."""

    log: str
    append: str
    find: str
    keep: str
    forget: str


class _Round(NamedTuple):
    """One round moves every range once; what was in memory when it began has moved when it ends.

    `began_at` and `moved_up_to` are numbers in the log: the end of the log when this round began,
    and up to where everything has moved and may leave the log.
    """

    next_range: int
    began_at: int
    moved_up_to: int

    def after_a_range(self, committed_end: int) -> "_Round":
        if self.next_range + 1 < _RANGES:
            return self._replace(next_range=self.next_range + 1)
        # What this transaction adds is not in memory yet, so the next round does not promise it.
        return _Round(0, committed_end, self.began_at)


class Hashes:
    """Knows hashes of 16 bytes and a number of each; about `limit` of them stand in memory."""

    def __init__(self, statements: Statements, queries: HashQueries, limit: int) -> None:
        self._statements = statements
        self._queries = queries
        self._limit = limit
        self._recent: list[dict[bytes, int]] = [{} for _ in range(_RANGES)]
        self._end = 0
        for number, key in statements.rows(queries.log):
            self._recent[key[0]][key] = number
            self._end = number
        self._size = sum(len(keys) for keys in self._recent)
        self._committed_end = self._end
        self._round = self._round_before = _Round(0, self._end, 0)
        self._added: dict[bytes, int] = {}
        self._removed: set[bytes] = set()
        self._moved: list[int] = []
        self._due = 0

    def find(self, keys: Sequence[bytes]) -> dict[bytes, int]:
        """Return those of these hashes that were added before, with their numbers."""
        found: dict[bytes, int] = {}
        others: list[str] = []
        for key in keys:
            number = self._added.get(key) or self._recent[key[0]].get(key)
            if number is not None and self._removed and self._is_removed(key):
                continue
            if number is not None:
                found[key] = number
            else:
                others.append(key.hex())
        if others:
            kept: dict[str, int] = self._statements.of_list(self._queries.find, others)
            found.update({bytes.fromhex(text): number for text, number in kept.items()})
        return found

    def append(self, rows: Sequence[tuple[int, bytes]]) -> None:
        """Remember hashes that are not known yet; their numbers rise from call to call."""
        if not rows:
            return
        self._added.update({key: number for number, key in rows})
        self._end = rows[-1][0]
        self._statements.write_rows(self._queries.append, rows)
        if self._size >= self._limit:
            # Twice of what came, so that memory shrinks again after a large batch or a restart; but
            # no more, because a restart finds twice the limit and must not slow down what comes.
            self._due += 2 * len(rows)
            self._move()
            self._shorten_log(len(rows))

    def _forget(self, keys: Sequence[bytes], queries: Sequence[str]) -> None:
        """Remove hashes from everywhere."""
        for key in keys:
            self._added.pop(key, None)
            for query in queries:
                self._statements.change(query, key)
        self._removed.update(keys)

    def _is_removed(self, key: bytes) -> bool:
        return key in self._removed and key not in self._added

    def committed(self) -> None:
        """The transaction holds."""
        self._committed_end, self._round_before = self._end, self._round
        for key in self._removed:
            self._size -= self._recent[key[0]].pop(key, None) is not None
        self._removed = set()
        for first_byte in self._moved:
            self._size -= len(self._recent[first_byte])
            self._recent[first_byte].clear()
        for key, number in self._added.items():
            self._recent[key[0]][key] = number
        self._size += len(self._added)
        self._added, self._moved = {}, []

    def rolled_back(self) -> None:
        """The transaction never was."""
        self._round = self._round_before
        self._added, self._moved = {}, []
        self._removed = set()

    def _move(self) -> None:
        """Move whole ranges, as many as are due by now."""
        while len(self._moved) < _RANGES:
            recent = self._recent[self._round.next_range]
            if len(recent) > self._due:
                break
            keys = sorted([one for one in recent.items() if one[0] not in self._removed])
            self._statements.write_rows(self._queries.keep, [self._row(*each) for each in keys])
            self._moved.append(self._round.next_range)
            self._due -= len(recent)
            self._round = self._round.after_a_range(self._committed_end)

    def _shorten_log(self, added: int) -> None:
        """Forget what has moved, faster than the log grows: the next start reads all of it."""
        at_once = max(_FORGOTTEN_AT_ONCE, 2 * added)
        self._statements.change(self._queries.forget, self._round.moved_up_to, at_once)

    def _row(self, key: bytes, number: int) -> Sequence[SqlValue]:
        """Return what the table keeps of a hash."""
        return key, number


class Digests(Hashes):
    """Which events were accepted; their numbers are those of the log and end with it."""

    def __init__(self, statements: Statements, limit: int = 65_536) -> None:
        names = ("digest_log", "log_digests", "known_digests", "keep_digests", "forget_digests")
        super().__init__(statements, HashQueries(*names), limit)

    def known(self, keys: Sequence[bytes]) -> set[bytes]:
        """Return those of these hashes that were added before."""
        return set(self.find(keys))

    def add(self, keys: Sequence[bytes]) -> None:
        """Remember hashes that are not known yet."""
        self.append(list(enumerate(keys, self._end + 1)))

    def _row(self, key: bytes, number: int) -> Sequence[SqlValue]:
        return (key,)


class PersonKeys(Hashes):
    """The numbers of persons, by the hash of mapping and person.

    Fewer stand in the log than of digests, because whoever looks a person up reads through it.
    """

    def __init__(self, statements: Statements, limit: int = 32_768) -> None:
        names = ("person_log", "log_persons", "find_persons", "keep_persons", "forget_persons")
        super().__init__(statements, HashQueries(*names), limit)

    def remove(self, keys: Sequence[bytes]) -> None:
        """Forget persons; who is named again gets a new number."""
        self._forget(keys, ("remove_logged_person", "remove_kept_person"))
