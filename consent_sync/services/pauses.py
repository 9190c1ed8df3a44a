"""What an operator has paused: writing to one side, for all mappings or for one.

It stands on the board of the store, so that it outlives a restart and all replicas share it. What
comes in is taken and decided as always; only the writing waits.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Final

from consent_sync.domain.errors import StoreError
from consent_sync.domain.identity import Side
from consent_sync.domain.moments import Micros
from consent_sync.ports.board import Board
from consent_sync.ports.clock import Clock

NOTICE: Final = "pauses"
"""The name under which the board keeps them."""

_ATTEMPTS: Final = 10
_NOBODY: Final[frozenset[Side]] = frozenset()


@dataclass(frozen=True, slots=True)
class Pause:
    """Writing to a side is paused, since when and by whom; an empty mapping stands for all."""

    side: Side
    mapping: str
    since: Micros
    by: str


class Pauses:
    """The pauses as this process knows them; `refresh` learns what others have changed."""

    def __init__(self, board: Board, clock: Clock) -> None:
        self._board = board
        self._clock = clock
        self.current: tuple[Pause, ...] = ()

    def of(self, mapping: str) -> frozenset[Side]:
        """Return the sides to which nothing of a mapping is written now; cheap."""
        if not self.current:
            return _NOBODY
        return frozenset(one.side for one in self.current if one.mapping in {"", mapping})

    async def refresh(self) -> bool:
        """Read the board; say whether a pause has ended. Raises StoreError."""
        return self._put(pauses_in((await self._board.notice(NOTICE)).body))

    async def pause(self, sides: Iterable[Side], mapping: str, by: str) -> None:
        """Pause writing to these sides; durable on return. Raises StoreError."""
        now, wanted = self._clock.now(), [*sides]

        def more(known: tuple[Pause, ...]) -> tuple[Pause, ...]:
            there = {(one.side, one.mapping) for one in known}
            new = [Pause(one, mapping, now, by) for one in wanted if (one, mapping) not in there]
            return (*known, *new)

        await self._change(more)

    async def resume(self, sides: Iterable[Side], mapping: str) -> int:
        """End these pauses, without a mapping those of single mappings too; return how many.

        Durable on return; raises StoreError.
        """
        wanted = frozenset(sides)
        ended = 0

        def less(known: tuple[Pause, ...]) -> tuple[Pause, ...]:
            nonlocal ended
            left = tuple(
                one for one in known if one.side not in wanted or mapping not in {"", one.mapping}
            )
            ended = len(known) - len(left)
            return left

        await self._change(less)
        return ended

    async def _change(self, change: Callable[[tuple[Pause, ...]], tuple[Pause, ...]]) -> None:
        for _ in range(_ATTEMPTS):
            notice = await self._board.notice(NOTICE)
            known = pauses_in(notice.body)
            wanted = change(known)
            body = json.dumps([asdict(one) for one in wanted]).encode()
            if wanted == known or await self._board.pin(NOTICE, notice.version, body):
                self._put(wanted)
                return
        raise StoreError("the pauses were changed by others again and again; nothing was changed")

    def _put(self, pauses: tuple[Pause, ...]) -> bool:
        before, self.current = self.current, pauses
        return not set(before) <= set(pauses)


def pauses_in(body: bytes) -> tuple[Pause, ...]:
    """Return the pauses that a notice tells; raise StoreError where it holds anything else."""
    try:
        found = json.loads(body) if body else []
        return tuple(Pause(**{**one, "side": Side(one["side"])}) for one in found)
    except (ValueError, TypeError, KeyError) as error:
        raise StoreError(
            f"the pauses in the database cannot be read ({type(error).__name__}): "
            "a newer version of the program wrote them"
        ) from error
