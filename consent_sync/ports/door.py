"""The door as somebody inside uses it: what was found is taken in as the webhook would have been."""

from collections.abc import Sequence
from typing import Protocol

from consent_sync.domain.mapping import Mapping


class Door(Protocol):
    """Hands bodies to the same intake as the webhooks; what it has returned from is durable.

    Every method raises StoreError, RefusedError or AbsentError when it could not be taken in.
    """

    async def didomi(self, mapping: Mapping, bodies: Sequence[bytes]) -> int:
        """Take in Didomi's events, in this order, for all mappings of the same account.

        Returns how many of them were new.
        """
        ...

    async def actito(self, mapping: Mapping, bodies: Sequence[bytes]) -> int:
        """Take in webhooks of this mapping's profile table; returns how many of them were new."""
        ...

    async def file(self, mapping: Mapping, bodies: Sequence[bytes]) -> int:
        """Take in rows of a loaded file (services.file_rows); returns how many were new."""
        ...
