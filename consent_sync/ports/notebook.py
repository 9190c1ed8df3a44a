"""Where long work notes how far it is, so that it can be stopped and goes on from there."""

from collections.abc import Sequence
from typing import Protocol


class Notebook(Protocol):
    """One piece of long work, kept over a stop of the process. Every method raises StoreError."""

    async def read(self) -> str | None:
        """Return what was noted last, None when nothing was."""
        ...

    async def note(
        self,
        progress: str,
        *,
        seen: Sequence[bytes] = (),
        found: Sequence[tuple[bytes, str]] = (),
    ) -> None:
        """Keep how far it is, whom it has seen, and what it has found; one finding per key."""
        ...

    async def unseen(self, keys: Sequence[bytes]) -> frozenset[bytes]:
        """Return those of these keys that were not noted as seen."""
        ...

    async def found(self, after: int, limit: int) -> Sequence[tuple[int, str]]:
        """Return findings with numbers above `after`, in the order they were found."""
        ...

    async def clear(self) -> None:
        """Forget everything."""
        ...
