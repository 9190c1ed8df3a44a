"""The routes of `/consents/users`, as the pages "Users" and "Query user" say."""

from aiohttp import web
from pydantic import JsonValue

from consent_sync.simulators.didomi.errors import RefusalError
from consent_sync.simulators.didomi.records import DEFAULT_REGULATION, User
from consent_sync.simulators.didomi.requests import (
    answer,
    check_organisation,
    flag,
    json_body,
    many,
    parse,
)
from consent_sync.simulators.didomi.wire import JsonObject, UserBody, UserPatch
from consent_sync.simulators.didomi.world import World


class UsersApi:
    """Handlers for consent users."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def query(self, request: web.Request) -> web.Response:
        """Answer `GET /consents/users`: a person's records, or a page of all users."""
        world = self._world
        check_organisation(request, world.organisation.id)
        regulations = many(request, "regulation", DEFAULT_REGULATION)
        ouid = request.query.get("organization_user_id")
        cursor: str | None = None
        if ouid:
            users = [] if world.switches.records_per_ouid == "zero" else world.users.of(ouid)
        else:
            found = world.scan.page(world.now(), request.query.get("$cursor"), regulations)
            users, cursor = found.users, found.cursor
        data = [item for user in users for item in self._shown(request, user, regulations)]
        return answer({"data": data, "limit": world.switches.page_size, "cursor": cursor})

    async def get(self, request: web.Request) -> web.Response:
        """Answer `GET /consents/users/{id}`; a user unknown under the regulation is not found."""
        regulations = many(request, "regulation", DEFAULT_REGULATION)
        shown = self._shown(request, self._named(request), regulations)
        if not shown:
            raise RefusalError(404, "User not found")
        return answer(shown[0])

    async def create(self, request: web.Request) -> web.Response:
        """Answer `POST /consents/users`."""
        check_organisation(request, self._world.organisation.id)
        body = parse(UserBody, await json_body(request))
        user = self._world.post_user(body, silent=flag(request, "$disable_integrations"))
        return answer(self._whole(user))

    async def patch(self, request: web.Request) -> web.Response:
        """Answer `PATCH /consents/users/{id}`; a stale `version` is refused."""
        user = self._named(request)
        patch = parse(UserPatch, await json_body(request))
        self._world.patch_user(user, patch, silent=flag(request, "$disable_integrations"))
        return answer(self._whole(user))

    async def delete(self, request: web.Request) -> web.Response:
        """Answer `DELETE /consents/users/{id}` with the deleted user."""
        user = self._named(request)
        shown = self._whole(user)
        self._world.delete_user(user)
        return answer(shown)

    def _named(self, request: web.Request) -> User:
        check_organisation(request, self._world.organisation.id)
        by_ouid = flag(request, "$by_organization_user_id")
        return self._world.user(request.match_info["id"], by_ouid=by_ouid)

    def _whole(self, user: User) -> JsonObject:
        return self._world.display().user(user, DEFAULT_REGULATION)

    def _shown(self, request: web.Request, user: User, regulations: list[str]) -> list[JsonValue]:
        display = self._world.display(full_tree=flag(request, "$include_full_tree"))
        several = len(regulations) > 1
        return [
            display.user(user, regulation, name_regulation=several)
            for regulation in regulations
            if regulation in user.statuses
        ]
