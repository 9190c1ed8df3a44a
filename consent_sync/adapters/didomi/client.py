"""Didomi as a platform we read from and write to: users are read and deleted, events are created."""

from collections.abc import Sequence

import orjson
from pydantic import ValidationError

from consent_sync.adapters.didomi.calls import DidomiCalls
from consent_sync.adapters.didomi.catalogue import (
    Catalogue,
    WebhookRegistration,
    objects_in,
    read_catalogue,
    read_webhooks,
)
from consent_sync.adapters.didomi.erasing import DidomiErasing
from consent_sync.adapters.didomi.lists import DidomiLists
from consent_sync.adapters.didomi.models import Entity, UserPage
from consent_sync.adapters.didomi.session import DidomiSettings
from consent_sync.adapters.didomi.wire import event_json, of_person, read_users
from consent_sync.adapters.http import Answer, HttpWall, json_value
from consent_sync.domain.errors import PermanentError, TemporaryError
from consent_sync.domain.events import UserMissing, UserReading
from consent_sync.domain.mapping import Mapping
from consent_sync.ports.clock import Clock
from consent_sync.ports.platforms import ConsentDraft

MAX_BATCH = 100
"""Page "Batch import": events per array."""

MAX_PAGES = 20
"""Pages of 100 records that one person may have; more means that the filter did not work."""

_NOT_ABOUT_THE_EVENT = frozenset({404, 405, 409})
"""No such address or method, and a conflict with an event that is not there: all of these can pass."""

_USERS = "consents/users"
_EVENTS = "consents/events"


class DidomiClient:
    """The Didomi side of one account."""

    def __init__(self, wall: HttpWall, settings: DidomiSettings, clock: Clock) -> None:
        self._calls = DidomiCalls(wall, settings, clock)
        self._clock = clock
        self.lists = DidomiLists(self._calls, clock)
        self._erasing = DidomiErasing(self._calls, self.lists)

    async def check(self) -> None:
        """Return when Didomi accepts our key; raise CredentialError or TemporaryError otherwise."""
        await self._calls.check()

    async def catalogue(self, mapping: Mapping) -> Catalogue:
        """Return the ids that the mapping's organisation knows, as far as Didomi says."""
        return await read_catalogue(self._calls, mapping.organization_id)

    async def webhooks(self, mapping: Mapping) -> tuple[WebhookRegistration, ...] | None:
        """Return the HTTP webhooks of the organisation, None when Didomi does not list them."""
        return await read_webhooks(self._calls, mapping.organization_id)

    async def read_user(
        self, mapping: Mapping, ouid: str, regulation: str
    ) -> UserReading | UserMissing:
        """Read the state of one organisation user id, merged over all records it has."""
        asked_at = self._clock.now()
        records = await self._records(mapping.organization_id, ouid, regulation)
        matching = of_person(records, ouid, regulation)
        return read_users(matching, asked_at=asked_at, read_at=self._clock.now())

    async def delete_user(self, mapping: Mapping, ouid: str) -> None:
        """Delete every record of this organisation user id, with its events."""
        await self._erasing.delete_user(mapping, ouid)

    async def send_events(self, mapping: Mapping, drafts: Sequence[ConsentDraft]) -> None:
        """Create these events; one that exists already with our id counts as created."""
        for start in range(0, len(drafts), MAX_BATCH):
            batch = drafts[start : start + MAX_BATCH]
            if len(batch) > 1:
                await self._send_batch(mapping.organization_id, batch)
            else:
                await self._send_one(mapping.organization_id, batch[0])

    async def _records(self, organization_id: str, ouid: str, regulation: str) -> list[Entity]:
        """Return all pages of records (page "Query user")."""
        query = [
            ("organization_id", organization_id),
            ("organization_user_id", ouid),
            ("regulation", regulation),
        ]
        records: list[Entity] = []
        cursor: str | None = None
        for _ in range(MAX_PAGES):
            here = [*query, ("$cursor", cursor)] if cursor else query
            page = await self._page(here, further=cursor is not None)
            records += page.data
            cursor = page.cursor
            if not cursor:
                return records
        raise PermanentError(f"didomi.users: more than {MAX_PAGES} pages for one person")

    async def _page(self, query: list[tuple[str, str]], *, further: bool) -> UserPage:
        try:
            answer = await self._calls.get(_USERS, query, name="didomi.users")
        except PermanentError:
            if further:
                # How long a cursor lives is not documented; the next attempt starts a new one.
                raise TemporaryError("didomi.users: the cursor was refused") from None
            raise
        value = json_value(answer, write=False)
        try:
            return UserPage.model_validate({"data": value} if isinstance(value, list) else value)
        except ValidationError:
            raise TemporaryError("didomi.users: the answer is not a list of users") from None

    async def _post(self, organization_id: str, body: object) -> Answer:
        query = [("organization_id", organization_id), ("$disable_integrations", "true")]
        return await self._calls.post(_EVENTS, query, orjson.dumps(body), name="didomi.events")

    async def _send_one(self, organization_id: str, draft: ConsentDraft) -> None:
        """Create one event (page "Create consent event")."""
        try:
            answer = await self._post(organization_id, event_json(draft, organization_id))
        except PermanentError as error:
            # What a second event of the same id is answered with is not documented: look.
            if await self._exists(organization_id, draft):
                return
            if error.status in _NOT_ABOUT_THE_EVENT:
                raise TemporaryError(
                    f"didomi.events: refused ({error.status}), which no event is refused with; "
                    "check the address and the organisation"
                ) from None
            raise
        if answer.body:
            json_value(answer, write=True)

    async def _send_batch(self, organization_id: str, drafts: Sequence[ConsentDraft]) -> None:
        """Create many events (page "Batch import"); if any is refused, find out which ones."""
        try:
            bodies = [event_json(draft, organization_id) for draft in drafts]
            answer = await self._post(organization_id, bodies)
        except PermanentError:
            left = list(drafts)
        else:
            left = _not_created(answer, drafts)
        refused: list[PermanentError] = []
        for draft in left:
            try:
                await self._send_one(organization_id, draft)
            except PermanentError as error:
                refused.append(error)
        if refused:
            raise PermanentError(
                f"{len(refused)} of {len(drafts)} consent events were refused; first: {refused[0]}",
                status=refused[0].status,
                answer=refused[0].answer,
            )

    async def _exists(self, organization_id: str, draft: ConsentDraft) -> bool:
        """Say whether Didomi has an event of this id (page "Query consent events")."""
        query = [
            ("organization_id", organization_id),
            ("organization_user_id", draft.ouid),
            ("status[$in]", "confirmed"),
            ("status[$in]", "pending_approval"),
            ("regulation", draft.regulation),
        ]
        answer = await self._calls.get(
            f"{_EVENTS}/{draft.id}", query, name="didomi.event", accept=frozenset({400, 404})
        )
        if answer.status in (400, 404):
            return False
        return any(one.get("id") == draft.id for one in objects_in(json_value(answer, write=False)))


def _not_created(answer: Answer, drafts: Sequence[ConsentDraft]) -> list[ConsentDraft]:
    """Return the drafts that a good answer to a batch leaves out or shows as refused.

    Whether a batch may succeed in part is not documented. An answer that lists nothing is taken by
    its status; one too many in this list does no harm, because an event that exists is found.
    """
    value = json_value(answer, write=True) if answer.body else None
    listed = value.get("data") if isinstance(value, dict) else value
    if not isinstance(listed, list):
        return []
    created = {one.get("id") for one in objects_in(listed) if "code" not in one}
    return [draft for draft in drafts if draft.id not in created]
