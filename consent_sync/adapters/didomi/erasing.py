"""Deletes a user in Didomi for good, as the page "Delete user" allows: events first, then the records.

Whether deleting a record deletes its events is not documented, so each is deleted by its id; proofs
that were attached to events have no way to be deleted through the API.
"""

from typing import Final

from consent_sync.adapters.didomi.calls import DidomiCalls
from consent_sync.adapters.didomi.lists import DidomiLists
from consent_sync.domain.errors import PermanentError, TemporaryError
from consent_sync.domain.mapping import Mapping

_USERS: Final = "consents/users"
_EVENTS: Final = "consents/events"

_GONE: Final = frozenset({404})
"""Deleted before: by us, by somebody else, or together with what it belonged to."""

MAX_RECORDS: Final = 20
"""Records of one person; more means that the filter did not work, and would delete strangers."""


class DidomiErasing:
    """Deletions for one account."""

    def __init__(self, calls: DidomiCalls, lists: DidomiLists) -> None:
        self._calls = calls
        self._lists = lists

    async def delete_user(self, mapping: Mapping, ouid: str) -> None:
        """Delete every record of exactly this organisation user id; return when none is left.

        Raises TemporaryError when Didomi still shows one, PermanentError when it shows too many.
        """
        records = await self._lists.record_ids(mapping, ouid)
        if len(records) > MAX_RECORDS:
            raise PermanentError(f"didomi.users: {len(records)} records for one person")
        of_person = ("organization_user_id", ouid)
        for event in await self._lists.list_events(mapping, ouid):
            if event.id:
                await self._delete(f"{_EVENTS}/{event.id}", mapping, "didomi.event", of_person)
        for record in records:
            await self._delete(f"{_USERS}/{record}", mapping, "didomi.user")
        if records and await self._lists.record_ids(mapping, ouid):
            raise TemporaryError("didomi.users: a deleted user is still shown")

    async def _delete(self, path: str, mapping: Mapping, name: str, *more: tuple[str, str]) -> None:
        query = [("organization_id", mapping.organization_id), *more]
        await self._calls.delete(path, query, name=f"{name}.delete", accept=_GONE)
