"""How many imports each table took in 24 hours (page "Limitations"), noted where replicas see it."""

import json
from collections import Counter
from typing import Final, NamedTuple

from consent_sync.domain.errors import StoreError
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.moments import HOUR, Micros
from consent_sync.ports.board import Board
from consent_sync.ports.clock import Clock

NOTICE: Final = "actito imports"

_DAY: Final[Micros] = 24 * HOUR
_TRIES: Final = 5


class _Import(NamedTuple):
    """One import; a table is told by its address, because a new key makes no new table."""

    api_url: str
    entity: str
    table: str
    at: Micros


class ImportCount:
    """Counts the imports of one account, at most `per_day` for each table; without a board none.

    An import counts from just before it is sent, so that one whose end nobody learnt counts, too.
    """

    def __init__(self, board: Board | None, api_url: str, per_day: int, clock: Clock) -> None:
        self._board = board
        self._api_url = api_url
        self._per_day = per_day if board is not None else 0
        self._clock = clock
        self._seen: list[_Import] = []

    def left(self, mapping: Mapping) -> bool:
        """Say whether the mapping's table takes one more, by what was seen last."""
        where = (self._api_url, mapping.entity, mapping.table)
        return sum(one[:3] == where for one in self._recent(self._seen)) < self._per_day

    @property
    def used_up(self) -> bool:
        """Whether a table of this account takes no more, by what was seen last."""
        tables = Counter(one[:3] for one in self._recent(self._seen) if one[0] == self._api_url)
        return max(tables.values(), default=0) >= self._per_day

    async def look(self) -> None:
        """See what all replicas have noted; raises StoreError."""
        if self._board is not None:
            self._seen = _read((await self._board.notice(NOTICE)).body)

    async def take(self, mapping: Mapping) -> bool:
        """Note one more where the table takes it; say whether it does. Raises StoreError."""
        for _ in range(_TRIES):
            if self._board is None:
                return False
            notice = await self._board.notice(NOTICE)
            self._seen = _read(notice.body)
            if not self.left(mapping):
                return False
            mine = _Import(self._api_url, mapping.entity, mapping.table, self._clock.now())
            noted = [*self._recent(self._seen), mine]
            if await self._board.pin(NOTICE, notice.version, json.dumps(noted).encode()):
                self._seen = noted
                return True
        raise StoreError("the imports were noted by others again and again; none was begun")

    def _recent(self, imports: list[_Import]) -> list[_Import]:
        # One from a clock that was far ahead must not count for ever.
        now = self._clock.now()
        return [one for one in imports if abs(now - one.at) < _DAY]


def _read(body: bytes) -> list[_Import]:
    return [_Import(*one) for one in json.loads(body)] if body else []
