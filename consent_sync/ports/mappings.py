"""The mappings in force."""

from collections.abc import Mapping as MappingView
from typing import Protocol

from consent_sync.domain.mapping import Mapping


class MappingSource(Protocol):
    """Where the mappings in force come from."""

    def current(self) -> MappingView[str, Mapping]:
        """Return the mappings in force by name; cheap, no I/O."""
        ...
