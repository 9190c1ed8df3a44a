"""Sessions, the metadata catalogue and the marketplace: every route outside `/consents/*`."""

from aiohttp import web
from pydantic import BaseModel, ConfigDict, JsonValue

from consent_sync.simulators.didomi.connections import OAuth
from consent_sync.simulators.didomi.errors import RefusalError
from consent_sync.simulators.didomi.notices import EVENT_TYPES
from consent_sync.simulators.didomi.organisation import Organisation, Preference, Purpose
from consent_sync.simulators.didomi.requests import (
    answer,
    check_organisation,
    json_body,
    page,
    parse,
)
from consent_sync.simulators.didomi.sessions import Sessions
from consent_sync.simulators.didomi.webhooks import WebhookSender
from consent_sync.simulators.didomi.wire import JsonObject
from consent_sync.simulators.didomi.world import World


class _Properties(BaseModel):
    url: str
    headers: dict[str, str] = {}
    event_types: list[str] = []


class _Integration(BaseModel):
    """Page "Configure a HTTP webhook"; the names inside `authentication` are not published."""

    model_config = ConfigDict(extra="ignore")

    type_id: str
    authentication: JsonObject = {}
    properties: JsonObject = {}


class CatalogueApi:
    """Handlers for the routes that the general rate limit covers."""

    def __init__(self, world: World, sessions: Sessions, sender: WebhookSender) -> None:
        self._world = world
        self._sessions = sessions
        self._sender = sender

    @property
    def _organisation(self) -> Organisation:
        return self._world.organisation

    async def open_session(self, request: web.Request) -> web.Response:
        """Answer `POST /sessions`."""
        content = await json_body(request)
        if not isinstance(content, dict) or content.get("type") != "api-key":
            raise RefusalError(400, "Invalid data", {"type": "expected api-key"})
        token = self._sessions.open(content.get("key"), content.get("secret"))
        return answer({"type": "api-key", "key": content.get("key"), "access_token": token})

    async def purposes(self, request: web.Request) -> web.Response:
        """Answer `GET /metadata/purposes`."""
        check_organisation(request, self._organisation.id, needed=False)
        purposes = self._organisation.purposes
        return page(request, [self._purpose(item) for item in purposes if not item.retired])

    async def preferences(self, request: web.Request) -> web.Response:
        """Answer `GET /preferences`, the library."""
        check_organisation(request, self._organisation.id, needed=False)
        return page(request, [self._preference(item) for item in self._organisation.preferences])

    async def regulations(self, request: web.Request) -> web.Response:
        """Answer `GET /compliance/v1/regulations`."""
        return page(
            request, [{"id": key, "name": key.upper()} for key in self._organisation.regulations]
        )

    async def integrations(self, request: web.Request) -> web.Response:
        """Answer `GET /marketplace/integrations`, without secrets."""
        check_organisation(request, self._organisation.id)
        return page(request, [item.describe() for item in self._sender.connections.values()])

    async def create_integration(self, request: web.Request) -> web.Response:
        """Answer `POST /marketplace/integrations`, which registers a webhook."""
        check_organisation(request, self._organisation.id)
        body = parse(_Integration, await json_body(request))
        if body.type_id != "webhook-http":
            raise RefusalError(
                400, "Invalid data", {"type_id": f"{body.type_id!r} is not simulated"}
            )
        properties = parse(_Properties, body.properties)
        unknown = sorted(set(properties.event_types) - set(EVENT_TYPES))
        if unknown:
            raise RefusalError(
                400, "Invalid data", {"event_types": f"unknown: {', '.join(unknown)}"}
            )
        connection = self._sender.connect(
            self._world.new_id(),
            properties.url,
            headers=properties.headers,
            oauth=parse(OAuth, body.authentication) if body.authentication else None,
            event_types=properties.event_types,
        )
        return answer(connection.describe())

    async def delete_integration(self, request: web.Request) -> web.Response:
        """Answer `DELETE /marketplace/integrations/{id}` with the removed registration."""
        check_organisation(request, self._organisation.id)
        connection = self._sender.connections.pop(request.match_info["id"], None)
        if connection is None:
            raise RefusalError(404, "Integration not found")
        return answer(connection.describe())

    def _purpose(self, purpose: Purpose) -> JsonObject:
        regulations: list[JsonValue] = [*(purpose.regulations or self._organisation.regulations)]
        return {
            "id": purpose.id,
            "name": {"en": purpose.name or purpose.id.capitalize()},
            "description": {"en": ""},
            "organization_id": self._organisation.id,
            "regulations_id": regulations,
            "preferences": [*purpose.preferences],
            "namespaces": {},
            "type": "custom",
            "metadata": {},
        }

    def _preference(self, preference: Preference) -> JsonObject:
        values: list[JsonValue] = [
            {"id": key, "name": {"en": key.capitalize()}} for key in preference.values
        ]
        return {
            "id": preference.id,
            "name": {"en": preference.id.capitalize()},
            "organization_id": self._organisation.id,
            "type": preference.type,
            "values": values,
            "metadata": {},
        }
