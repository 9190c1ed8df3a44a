"""The routes of `/consents/events`, as the pages "Create consent event", "Query consent events" and "Delete consent event" say."""

from aiohttp import web
from pydantic import JsonValue

from consent_sync.simulators.didomi.errors import RefusalError
from consent_sync.simulators.didomi.records import CONFIRMED, DEFAULT_REGULATION, Event
from consent_sync.simulators.didomi.requests import (
    answer,
    check_organisation,
    flag,
    json_body,
    many,
    matches,
    page,
    parse,
    property_filters,
)
from consent_sync.simulators.didomi.wire import EventBody, EventPatch
from consent_sync.simulators.didomi.world import World

MAX_BATCH = 100


class EventsApi:
    """Handlers for consent events."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def create(self, request: web.Request) -> web.Response:
        """Answer `POST /consents/events`: one event, or an array of up to 100."""
        content = await json_body(request)
        silent = flag(request, "$disable_integrations")
        if not isinstance(content, list):
            body = self._body(request, content)
            return self._show(request, self._world.post_event(body, silent=silent))
        if len(content) > MAX_BATCH:
            raise RefusalError(400, f"At most {MAX_BATCH} events, but {len(content)} were sent")
        items = [self._body_or_refusal(request, item) for item in content]
        results = self._world.post_batch(items, silent=silent)
        display = self._world.display()
        return answer(
            [
                item.body() if isinstance(item, RefusalError) else display.event(item)
                for item in results
            ]
        )

    async def query(self, request: web.Request) -> web.Response:
        """Answer `GET /consents/events`: one person's confirmed GDPR events unless asked otherwise."""
        statuses = many(request, "status", CONFIRMED)
        regulations = many(request, "regulation", DEFAULT_REGULATION)
        display = self._world.display(full_tree=flag(request, "$include_full_tree"))
        found: list[JsonValue] = [
            display.event(event)
            for event in self._of_person(request)
            if event.status in statuses and event.regulation in regulations
        ]
        return page(request, found)

    async def get(self, request: web.Request) -> web.Response:
        """Answer `GET /consents/events/{id}`."""
        return self._show(request, self._named(request))

    async def patch(self, request: web.Request) -> web.Response:
        """Answer `PATCH /consents/events/{id}`; `status: confirmed` approves."""
        event = self._named(request)
        patch = parse(EventPatch, await json_body(request))
        silent = not self._world.switches.patch_event_webhooks
        self._world.patch_event(event, patch, silent=silent)
        return self._show(request, event)

    async def delete(self, request: web.Request) -> web.Response:
        """Answer `DELETE /consents/events/{id}`."""
        self._world.delete_events([self._named(request)])
        return web.Response(status=204)

    async def delete_matching(self, request: web.Request) -> web.Response:
        """Answer `DELETE /consents/events`, which needs a person and at least one filter."""
        events = self._of_person(request)
        filters = property_filters(request)
        if not filters:
            raise RefusalError(400, "At least one filter is required")
        display = self._world.display()
        chosen = [
            event
            for event in events
            if all(matches(display.event(event), path, ids) for path, ids in filters.items())
        ]
        self._world.delete_events(chosen)
        return web.Response(status=204)

    def _of_person(self, request: web.Request) -> list[Event]:
        check_organisation(request, self._world.organisation.id)
        user_id = request.query.get("user_id")
        ouid = request.query.get("organization_user_id")
        if not user_id and not ouid:
            raise RefusalError(400, "Either user_id or organization_user_id is required")
        return self._world.events_of(user_id=user_id, ouid=ouid)

    def _named(self, request: web.Request) -> Event:
        wanted = request.match_info["id"]
        for event in self._of_person(request):
            if event.id == wanted:
                return event
        raise RefusalError(404, "Event not found")

    def _show(self, request: web.Request, event: Event) -> web.Response:
        display = self._world.display(full_tree=flag(request, "$include_full_tree"))
        return answer(display.event(event))

    def _body(self, request: web.Request, content: JsonValue) -> EventBody:
        organisation_id = self._world.organisation.id
        body = parse(EventBody, content)
        check_organisation(request, organisation_id)
        if body.organization_id not in (None, organisation_id):
            raise RefusalError(400, "Invalid data", {"organization_id": "differs from the query"})
        if flag(request, "$generate_tcfcs") and body.consents.tcfcs is None:
            body.consents.tcfcs = "fake-tcf-string"
        return body

    def _body_or_refusal(
        self, request: web.Request, content: JsonValue
    ) -> EventBody | RefusalError:
        try:
            return self._body(request, content)
        except RefusalError as error:
            return error
