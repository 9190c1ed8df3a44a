"""Keeping versions of mappings inside a transaction."""

from collections.abc import Sequence

from consent_sync.adapters.storage.codec_versions import version_row
from consent_sync.adapters.storage.statements import Statements
from consent_sync.ports.versions import MappingVersion


class Versioning:
    """The statements of keeping."""

    def __init__(self, statements: Statements) -> None:
        self._statements = statements

    def keep(self, calls: Sequence[Sequence[MappingVersion]]) -> list[None]:
        """Keep versions, in the order given."""
        for versions in calls:
            for one in versions:
                self._statements.change("insert_version", *version_row(one))
        return [None] * len(calls)
