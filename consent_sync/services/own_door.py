"""The door of this very process."""

from collections.abc import Sequence

from consent_sync.domain.mapping import Mapping
from consent_sync.services.intake import Intake


def joined(bodies: Sequence[bytes]) -> bytes:
    """Return several JSON values as one array, as both platforms may send them."""
    return b"[" + b",".join(bodies) + b"]"


class OwnDoor:
    """Takes in what was found, without any network (ports.door.Door)."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    async def didomi(self, mapping: Mapping, bodies: Sequence[bytes]) -> int:
        """Take in Didomi's events for all mappings of the same account."""
        account = self._intake.account(mapping.name)
        accounts = None if account is None else {account}
        return (await self._intake.accept_didomi(joined(bodies), accounts)).accepted

    async def actito(self, mapping: Mapping, bodies: Sequence[bytes]) -> int:
        """Take in webhooks of this mapping's profile table."""
        return (await self._intake.accept_actito(mapping.name, joined(bodies))).accepted

    async def file(self, mapping: Mapping, bodies: Sequence[bytes]) -> int:
        """Take in rows of a loaded file."""
        return (await self._intake.accept_rows(mapping.name, bodies)).accepted
