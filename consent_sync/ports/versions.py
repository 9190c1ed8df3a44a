"""The versions of mappings: what was in force, since when, whole and for ever."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from consent_sync.domain.mapping import Mapping
from consent_sync.domain.moments import Micros
from consent_sync.domain.versions import Difference


@dataclass(frozen=True, slots=True)
class MappingVersion:
    """What one mapping was from a moment on.

    `text` is the file as it stood, left empty in lists. `content` None means that the mapping
    ended. `number` is the store's own, 0 before it is kept.
    """

    mapping: str
    at: Micros
    file: str
    content: Mapping | None
    difference: tuple[Difference, ...]
    text: bytes = b""
    number: int = 0

    @property
    def version(self) -> str:
        """Return the hash that decisions name; empty where the mapping ended."""
        return self.content.version if self.content is not None else ""


class VersionHistory(Protocol):
    """Looking at versions; every method raises StoreError when it cannot."""

    async def versions_in_force(self) -> Sequence[MappingVersion]:
        """Return the newest version of every mapping that has not ended, by name."""
        ...

    async def versions(
        self, mapping: str | None, *, before: int | None, limit: int
    ) -> Sequence[MappingVersion]:
        """Return the versions of one mapping or of all, newest first, numbers below `before`."""
        ...

    async def version(self, mapping: str, version: str) -> MappingVersion | None:
        """Return a version by its hash, the newest where it came back; None when there is none."""
        ...

    async def version_by_number(self, number: int) -> MappingVersion | None:
        """Return a version by its number, None when there is none."""
        ...


class Versions(VersionHistory, Protocol):
    """Keeping them, too."""

    async def keep_versions(self, versions: Sequence[MappingVersion]) -> None:
        """Keep all or none of these; durable on return; raise StoreError when that cannot be."""
        ...
