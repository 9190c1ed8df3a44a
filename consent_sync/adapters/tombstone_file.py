"""The list of tombstones in a small file beside the database; it names nobody."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from consent_sync.domain.errors import StoreError
from consent_sync.ports.graves import Grave

_PRIVATE: Final = 0o600
_NEVER: Final = "-"


class TombstoneFile:
    """Keeps the promises of ports.graves.GraveList: a line per change, the last one counts."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def read(self) -> Sequence[Grave]:
        """Return every tombstone as it stood last; raise StoreError with the line that is wrong."""
        return await asyncio.to_thread(self._read)

    async def add(self, graves: Sequence[Grave]) -> None:
        """Keep these; durable on return."""
        if graves:
            await asyncio.to_thread(self._add, graves)

    def _read(self) -> list[Grave]:
        try:
            text = self._path.read_text(encoding="ascii")
        except FileNotFoundError:
            return []
        except (OSError, UnicodeDecodeError) as error:
            raise StoreError(f"{self._path} cannot be read: {type(error).__name__}") from None
        # What a crash cut off was never promised: each line ends with its end.
        lines = text.split("\n")[:-1]
        found = [self._grave(number, line) for number, line in enumerate(lines, 1)]
        return list({one.mark: one for one in found}.values())

    def _grave(self, number: int, line: str) -> Grave:
        try:
            mark, at, cause, policy, lifted = line.split(" ")
            return Grave(
                bytes.fromhex(mark),
                int(at),
                cause,
                policy,
                None if lifted == _NEVER else int(lifted),
            )
        except ValueError:
            raise StoreError(
                f"{self._path}, line {number}: expected five words with a tombstone, "
                "found something else; put a copy of the file back"
            ) from None

    def _add(self, graves: Sequence[Grave]) -> None:
        try:
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _PRIVATE)
            with os.fdopen(handle, "r+b") as file:
                # What a crash cut off goes, or it would spoil the first new line.
                file.seek(file.read().rfind(b"\n") + 1)
                file.truncate()
                file.write("".join([_line(one) for one in graves]).encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StoreError(f"{self._path} cannot be written: {error.strerror}") from None


def _line(grave: Grave) -> str:
    lifted = _NEVER if grave.lifted_at is None else str(grave.lifted_at)
    return f"{grave.mark.hex()} {grave.at} {grave.cause} {grave.policy} {lifted}\n"
