"""The board that all replicas share: short notices by name, and who does a piece of work for all."""

from typing import NamedTuple, Protocol


class Notice(NamedTuple):
    """What was written last under a name; version 0 and no body where nothing was."""

    version: int
    body: bytes


class Notices(Protocol):
    """The reading half."""

    async def notice(self, name: str) -> Notice:
        """Return what is written under this name; raise StoreError."""
        ...


class Board(Notices, Protocol):
    """Every method raises StoreError."""

    async def pin(self, name: str, version: int, body: bytes) -> bool:
        """Write where it still has this version; say whether it had. Durable on return."""
        ...

    async def lead(self, name: str, holder: str, seconds: float) -> bool:
        """Take or keep the work of this name for so long; false while another holder has it."""
        ...

    async def resign(self, name: str, holder: str) -> None:
        """Leave the work of this name to whoever takes it next; does nothing where it is not ours."""
        ...
