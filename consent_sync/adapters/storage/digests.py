"""Which events were accepted: a table for all of them, a log and a memory for the newest.

Hashes fall anywhere, so a table sorted by them changes a page for nearly every event, and writing
pages is most of what an event costs. New hashes therefore go to the end of a log, which the memory
repeats, and move into the table by ranges of their first byte: then many land on one page.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from consent_sync.adapters.storage.statements import Statements

_RANGES: Final = 256
_FORGOTTEN_AT_ONCE: Final = 1_024


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


class Digests:
    """Knows hashes of 16 bytes; about `limit` of them stand in memory."""

    def __init__(self, statements: Statements, limit: int = 65_536) -> None:
        self._statements = statements
        self._limit = limit
        self._recent: list[set[bytes]] = [set() for _ in range(_RANGES)]
        self._end = 0
        for number, key in statements.rows("digest_log"):
            self._recent[key[0]].add(key)
            self._end = number
        self._size = sum(len(keys) for keys in self._recent)
        self._committed_end = self._end
        self._round = self._round_before = _Round(0, self._end, 0)
        self._added: list[bytes] = []
        self._moved: list[int] = []

    def known(self, keys: Sequence[bytes]) -> set[bytes]:
        """Return those of these hashes that were added before."""
        known = {key for key in keys if key in self._recent[key[0]]}
        others = [key.hex() for key in keys if key not in known]
        if others:
            found = self._statements.of_list("known_digests", others)
            known.update([bytes.fromhex(text) for text in found])
        return known

    def add(self, keys: Sequence[bytes]) -> None:
        """Remember hashes that are not known yet."""
        self._added += keys
        rows = [(number, key) for number, key in enumerate(keys, self._end + 1)]
        self._end += len(rows)
        self._statements.write_rows("log_digests", rows)
        if self._size >= self._limit:
            # Twice of what came, so that memory shrinks again after a large batch or a restart.
            self._move(2 * len(keys))

    def committed(self) -> None:
        """The transaction holds."""
        self._committed_end, self._round_before = self._end, self._round
        for first_byte in self._moved:
            self._size -= len(self._recent[first_byte])
            self._recent[first_byte].clear()
        for key in self._added:
            self._recent[key[0]].add(key)
        self._size += len(self._added)
        self._added, self._moved = [], []

    def rolled_back(self) -> None:
        """The transaction never was."""
        self._round = self._round_before
        self._added, self._moved = [], []

    def _move(self, enough: int) -> None:
        moved = 0
        while moved < enough and len(self._moved) < _RANGES:
            keys = sorted(self._recent[self._round.next_range])
            self._statements.write_rows("keep_digests", [(key,) for key in keys])
            self._moved.append(self._round.next_range)
            moved += len(keys)
            self._round = self._round.after_a_range(self._committed_end)
        self._statements.change("forget_log", self._round.moved_up_to, _FORGOTTEN_AT_ONCE)
