"""Didomi's lists: all users by cursor, one user's records, one user's events.

Pages: "Query user", "Query consent events". What is listed is handed on as the webhook that would
have brought it (page "Webhooks"), so that there is one way in for everything.
"""

from collections.abc import Sequence

import orjson
from pydantic import ValidationError

from consent_sync.adapters.didomi.calls import DidomiCalls, Query
from consent_sync.adapters.didomi.entries import consents_json
from consent_sync.adapters.didomi.models import UserPage
from consent_sync.adapters.didomi.moments import exact_date, read_moment
from consent_sync.adapters.didomi.tree import consent_tree
from consent_sync.adapters.didomi.webhook import DidomiReceiver
from consent_sync.adapters.didomi.wire import of_person, read_users
from consent_sync.adapters.http import Json, json_value
from consent_sync.domain.consent import ConsentTree
from consent_sync.domain.errors import PermanentError, TemporaryError
from consent_sync.domain.events import UserReading
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.moments import Micros
from consent_sync.ports.clock import Clock
from consent_sync.ports.lists import CursorError, ListedEvent, ListedUser, UserList, UserLook
from consent_sync.ports.receiver import Arrival

MAX_PAGES = 200
"""Pages of events that one person may have; more means that the paging did not work."""

_USERS = "consents/users"
_EVENTS = "consents/events"


class DidomiLists:
    """Reads lists for one account (ports.lists.ConsentLists)."""

    def __init__(self, calls: DidomiCalls, clock: Clock) -> None:
        self._calls = calls
        self._clock = clock
        self._receiver = DidomiReceiver()

    async def list_users(self, mapping: Mapping, cursor: str | None) -> UserList:
        """Return a page of all users; raises CursorError when the cursor is refused."""
        asked_at = self._clock.now()
        query = [*_of_organisation(mapping), *([("$cursor", cursor)] if cursor else [])]
        try:
            value = await self._get(_USERS, query, "didomi.users.list")
        except PermanentError as error:
            if cursor and error.status in (400, 404, 410, 422):
                # How long a cursor lives is not documented.
                raise CursorError("didomi.users.list: the cursor was refused") from None
            raise
        page = _page(value, "didomi.users.list")
        return self._listed(page, mapping, asked_at)

    async def look_at_user(self, mapping: Mapping, ouid: str) -> UserLook:
        """Return one organisation user id with all its records."""
        asked_at = self._clock.now()
        query = [*_of_organisation(mapping), ("organization_user_id", ouid)]
        raw = await self._all(_USERS, query, "didomi.users")
        regulation = mapping.regulations[0]
        pairs = [(one, _page({"data": [one]}, "didomi.users").data[0]) for one in raw]
        kept = of_person([entity for _, entity in pairs], ouid, regulation)
        seen = read_users(kept, asked_at=asked_at, read_at=self._clock.now())
        bodies = [_user_webhook(one, regulation) for one, entity in pairs if entity in kept]
        return UserLook(seen, tuple(self._arrival(body) for body in bodies))

    def user_webhook(self, mapping: Mapping, user: ListedUser, told: ConsentTree) -> bytes:
        """Return the webhook that would show this user with these choices and no others."""
        picks = {pick: tuple(sorted(options)) for pick, options in told.picks.items()}
        record: dict[str, Json] = {
            "organization_user_id": user.ouid,
            "updated_at": None
            if user.seen.updated_at is None
            else exact_date(user.seen.updated_at),
        }
        entity: dict[str, object] = {**record, "consents": consents_json(told.nodes, picks)}
        return _webhook("user.updated", entity, mapping.regulations[0], field="new_entity")

    async def list_events(self, mapping: Mapping, ouid: str) -> tuple[ListedEvent, ...]:
        """Return the events of one organisation user id, in every regulation of the mapping."""
        query = [
            ("organization_id", mapping.organization_id),
            ("organization_user_id", ouid),
            # Only confirmed GDPR events are listed unless others are asked for.
            ("status[$in]", "confirmed"),
            ("status[$in]", "pending_approval"),
            *(("regulation[$in]", one) for one in mapping.regulations),
        ]
        return tuple(
            self._event(one, ouid, mapping)
            for one in await self._all(_EVENTS, query, "didomi.events.list")
        )

    async def record_ids(self, mapping: Mapping, ouid: str) -> tuple[str, ...]:
        """Return the ids of the records of exactly this organisation user id, in all regulations."""
        query = [
            ("organization_id", mapping.organization_id),
            ("organization_user_id", ouid),
            *(("regulation[$in]", one) for one in mapping.regulations),
        ]
        raw = await self._all(_USERS, query, "didomi.users")
        found = _page({"data": raw}, "didomi.users").data
        ids = [one.id for one in found if one.id and one.ouid() == ouid]
        return tuple(dict.fromkeys(ids))

    def _listed(self, page: UserPage, mapping: Mapping, asked_at: Micros) -> UserList:
        read_at, regulation = self._clock.now(), mapping.regulations[0]
        users: list[ListedUser] = []
        guests = 0
        for record in page.data:
            if (record.regulation or regulation) != regulation:
                continue
            ouid = record.organization_user_id or ""
            if not ouid.strip() or "\x00" in ouid:
                guests += 1
                continue
            dated, tree = read_moment(record.updated_at), consent_tree(record.consents)
            users.append(ListedUser(ouid, UserReading(asked_at, read_at, dated, tree)))
        return UserList(tuple(users), guests, page.cursor)

    def _event(self, value: Json, ouid: str, mapping: Mapping) -> ListedEvent:
        entity = _page({"data": [value]}, "didomi.events.list").data[0]
        regulation = entity.regulation or mapping.regulations[0]
        if isinstance(value, dict) and not entity.ouid():
            user = value.get("user")
            known = user if isinstance(user, dict) else {}
            value = {**value, "user": {**known, "organization_user_id": ouid}}
        body = _webhook("event.created", value, regulation)
        created, updated = read_moment(entity.created_at), read_moment(entity.updated_at)
        dates = [one for one in (created, updated) if one is not None]
        return ListedEvent(entity.id or "", created, max(dates, default=None), self._arrival(body))

    def _arrival(self, body: bytes) -> Arrival:
        return self._receiver.arrivals(body)[0]

    async def _all(self, path: str, query: Query, name: str) -> list[Json]:
        """Return all pages; the paging of events is not documented, so every usual form is read."""
        found: list[Json] = []
        further: list[tuple[str, str]] = []
        for _ in range(MAX_PAGES):
            value = await self._get(path, [*query, *further], name)
            data = value if isinstance(value, list) else _field(value, "data")
            if not isinstance(data, list):
                raise TemporaryError(f"{name}: the answer is not a list")
            found += data
            further = _next(value, len(found), len(data))
            if not further:
                return found
        raise PermanentError(f"{name}: more than {MAX_PAGES} pages for one person")

    async def _get(self, path: str, query: Query, name: str) -> Json:
        return json_value(await self._calls.get(path, query, name=name), write=False)


def _of_organisation(mapping: Mapping) -> Sequence[tuple[str, str]]:
    return [("organization_id", mapping.organization_id), ("regulation", mapping.regulations[0])]


def _next(value: Json, so_far: int, here: int) -> list[tuple[str, str]]:
    cursor, total = _field(value, "cursor"), _field(value, "total")
    if isinstance(cursor, str) and cursor:
        return [("$cursor", cursor)]
    if isinstance(total, int) and here and so_far < total:
        return [("$skip", str(so_far))]
    return []


def _field(value: Json, name: str) -> Json:
    return value.get(name) if isinstance(value, dict) else None


def _page(value: Json, name: str) -> UserPage:
    try:
        return UserPage.model_validate({"data": value} if isinstance(value, list) else value)
    except ValidationError:
        raise TemporaryError(f"{name}: the answer is not a list as Didomi describes it") from None


def _user_webhook(record: Json, regulation: str) -> bytes:
    return _webhook("user.updated", record, regulation, field="new_entity")


def _webhook(kind: str, entity: object, regulation: str, field: str = "entity") -> bytes:
    envelope = {
        "type": kind,
        "regulation": regulation,
        "parameters": {field: entity},
    }
    return orjson.dumps(envelope)
