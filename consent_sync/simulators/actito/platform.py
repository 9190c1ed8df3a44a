"""The platform API as a function from a call to an answer: rights, operations and status codes, without I/O.

Operations and answers follow the pages "Protocol" and "HTTP response codes"; what they leave open follows the switches.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

import orjson
from pydantic import JsonValue

from consent_sync.simulators.actito import wire
from consent_sync.simulators.actito.imports import Imports
from consent_sync.simulators.actito.profiles import Origin, Profile, Write
from consent_sync.simulators.actito.refusal import RefusalError
from consent_sync.simulators.actito.registry import Registry, page_of
from consent_sync.simulators.actito.routes import TOKEN, Route
from consent_sync.simulators.actito.switches import Switches
from consent_sync.simulators.actito.table import Table
from consent_sync.simulators.actito.tokens import Tokens
from consent_sync.simulators.actito.world import World


@dataclass(frozen=True, slots=True)
class Call:
    """What a client sent; `path` is raw and without the query."""

    method: str
    path: str
    query: Mapping[str, str]
    authorization: str
    accept: str
    body: bytes
    content_type: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the platform says; `note` is for the call log."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    note: str = ""


class Platform:
    """Answers calls on the world, the tokens and the webhooks it is given."""

    def __init__(
        self,
        world: World,
        tokens: Tokens,
        registry: Registry,
        imports: Imports,
        switches: Switches,
    ) -> None:
        self._world = world
        self._tokens = tokens
        self._registry = registry
        self._imports = imports
        self._switches = switches
        self._operations: dict[str, Callable[[Route, Call], Answer]] = {
            "entities.list": self._entities,
            "entities.v4.list": self._entities,
            "structure.list": self._tables,
            "structure.v4.list": self._tables,
            "structure.get": self._one_table,
            "profiles.post": self._post_profile,
            "profiles.get": self._get_profile,
            "profiles.put": self._put_profile,
            "profiles.delete": self._delete_profile,
            "profiles.subscriptions.list": self._list_subscriptions,
            "profiles.subscriptions.add": self._subscribe,
            "profiles.subscriptions.remove": self._unsubscribe,
            "profiles.v5.list": self._list_profiles,
            "profiles.v5.put": self._upsert_profile,
            "webhooks.list": self._list_webhooks,
            "webhooks.create": self._create_webhook,
            "webhooks.get": self._get_webhook,
            "webhooks.update": self._update_webhook,
            "webhooks.delete": self._delete_webhook,
            "webhooks.errors": self._webhook_errors,
            "imports.start": self._start_import,
            "imports.get": self._show_import,
            "imports.result": self._import_result,
        }

    def handle(self, route: Route, call: Call) -> Answer:
        """Do what a call asks; a refusal becomes an answer too."""
        try:
            if route is TOKEN:
                return _json(self._tokens.issue(call.authorization, self._world.now()))
            self._admit(route, call)
            return self._operations[route.name](route, call)
        except RefusalError as refusal:
            return self.refuse(refusal)

    def refuse(self, refusal: RefusalError) -> Answer:
        """Show a refusal with the switched body."""
        after = refusal.retry_after
        headers = {} if after is None else {"Retry-After": str(after)}
        body, content_type = b"", "application/json"
        if self._switches.error_body == "json":
            errors = [{"code": f"E{refusal.status}", "message": refusal.reason}]
            body = orjson.dumps({"status": refusal.status, "errors": errors})
        elif self._switches.error_body == "html":
            body = f"<html><body><h1>Error {refusal.status}</h1></body></html>".encode()
            content_type = "text/html"
        return Answer(refusal.status, body, content_type, headers, refusal.reason)

    def _admit(self, route: Route, call: Call) -> None:
        try:
            self._tokens.check(call.authorization, self._world.now())
        except RefusalError as refusal:
            if self._switches.hide_401_as_404:
                raise RefusalError(404, refusal.reason) from None
            raise
        right = self._switches.rights.get(route.module, "read_write") if route.module else "none"
        if right == "none" or (right == "read" and call.method != "GET"):
            status = 404 if self._switches.hide_403_as_404 else 403
            raise RefusalError(status, f"the key may not {call.method} on {route.module}")
        if self._switches.check_accept and not _accepts_json(call.accept):
            raise RefusalError(406, "Accept does not include application/json")

    # --- entities and structure ---

    def _entities(self, route: Route, call: Call) -> Answer:
        shown: list[JsonValue] = [
            {"id": each.id, "name": each.name, "comment": each.comment}
            for each in self._world.entities.values()
        ]
        return _json({"entities": shown})

    def _tables(self, route: Route, call: Call) -> Answer:
        tables = self._world.entity(route.text(0)).tables.values()
        shown: list[JsonValue] = [wire.show_table(table, self._switches) for table in tables]
        return _json({"profileTables": shown})

    def _one_table(self, route: Route, call: Call) -> Answer:
        number = route.text(1)
        tables = self._world.entity(route.text(0)).tables.values()
        table = next((each for each in tables if each.id == number), None)
        if table is None:
            raise RefusalError(404, "no profile table has this id")
        return _json(wire.show_table(table, self._switches))

    def _table(self, route: Route) -> Table:
        return self._world.table(route.text(0), route.text(1))

    # --- profiles ---

    def _post_profile(self, route: Route, call: Call) -> Answer:
        table = self._table(route)
        default = "true" if self._switches.allow_update_default else "false"
        allow_update = call.query.get("allowUpdate", default)
        if allow_update not in ("true", "false"):
            raise RefusalError(400, "allowUpdate: expected true or false")
        write = wire.read_v4(call.body, self._switches)
        profile = table.match(write.attributes)
        if profile is None:
            return self._saved(call, self._world.create(table, write).profile)
        if allow_update == "false":
            raise RefusalError(self._switches.existing_profile_answer, "the profile exists")
        return self._saved(call, self._world.update(table, profile, write).profile)

    def _get_profile(self, route: Route, call: Call) -> Answer:
        table = self._table(route)
        return _json(wire.show_v4(table, table.get(route.key(2)), self._switches))

    def _put_profile(self, route: Route, call: Call) -> Answer:
        table = self._table(route)
        profile = table.get(route.key(2))
        self._world.update(table, profile, wire.read_v4(call.body, self._switches))
        answer = self._switches.put_answer
        if answer == "200_body":
            return self._with_id(profile)
        return Answer(204 if answer == "204" else 200)

    def _delete_profile(self, route: Route, call: Call) -> Answer:
        table = self._table(route)
        self._world.delete(table, table.get(route.key(2)), Origin.API)
        return self._bodiless()

    def _list_subscriptions(self, route: Route, call: Call) -> Answer:
        table = self._table(route)
        shown = wire.show_subscriptions(table, table.get(route.key(2)), self._switches)
        return _json({"subscriptions": shown})

    def _subscribe(self, route: Route, call: Call) -> Answer:
        return self._set_one(route, subscribed=True)

    def _unsubscribe(self, route: Route, call: Call) -> Answer:
        return self._set_one(route, subscribed=False)

    def _set_one(self, route: Route, *, subscribed: bool) -> Answer:
        table = self._table(route)
        profile = table.get(route.key(2))
        name = route.text(3)
        table.check_subscription(name, 404)
        repeated = profile.subscriptions.get(name) is subscribed
        if repeated and self._switches.repeat_subscription != "accepted":
            raise RefusalError(int(self._switches.repeat_subscription), "already so")
        self._world.update(table, profile, Write(subscriptions={name: subscribed}))
        return self._bodiless()

    def _list_profiles(self, route: Route, call: Call) -> Answer:
        table = self._table(route)
        page, size = page_of(call.query)
        asked = {name: call.query[name] for name in call.query if name in table.attributes}
        found = [
            each
            for each in table
            if all(str(each.attributes.get(name)) == text for name, text in asked.items())
        ]
        chosen = found[page * size : (page + 1) * size]
        shown: list[JsonValue] = [wire.show_v5(table, each, self._switches) for each in chosen]
        return _json({"profiles": shown, "page": page, "pageSize": size, "total": len(found)})

    def _upsert_profile(self, route: Route, call: Call) -> Answer:
        table = self._table(route)
        key, write = wire.read_v5(call.body, self._switches)
        if key.attribute == "profileId":
            # An id is generated, so an unknown one cannot be created.
            table.get(key)
        return self._saved(call, self._world.upsert(table, write, key).profile)

    def _saved(self, call: Call, profile: Profile) -> Answer:
        answer = self._switches.post_answer
        if answer == "200_body":
            return self._with_id(profile)
        if answer == "201_location":
            place = f"{quote(call.path, safe='/%=;')}/{profile.id}"
            return Answer(201, headers={"Location": place})
        return Answer(204)

    def _with_id(self, profile: Profile) -> Answer:
        number: JsonValue = profile.id
        return _json(
            {"profileId": str(number) if self._switches.profile_id_type == "text" else number}
        )

    def _bodiless(self) -> Answer:
        answer = self._switches.bodiless_answer
        if answer == "200_text":
            return Answer(200, b"OK", "text/plain")
        return Answer(204 if answer == "204" else 200)

    # --- webhooks ---

    def _list_webhooks(self, route: Route, call: Call) -> Answer:
        found = self._registry.search(route.text(0), call.query)
        shown: list[JsonValue] = [each.show() for each in found]
        if self._switches.webhook_list_shape == "object":
            return _json({"webhookSubscriptions": shown})
        return _json(shown)

    def _create_webhook(self, route: Route, call: Call) -> Answer:
        webhook = self._registry.create(route.text(0), wire.read_object(call.body))
        return _json({"id": webhook.id}, self._switches.webhook_create_answer)

    def _get_webhook(self, route: Route, call: Call) -> Answer:
        return _json(self._registry.get(route.text(0), route.text(1)).show())

    def _update_webhook(self, route: Route, call: Call) -> Answer:
        body = wire.read_object(call.body)
        return _json(self._registry.update(route.text(0), route.text(1), body).show())

    def _delete_webhook(self, route: Route, call: Call) -> Answer:
        self._registry.delete(route.text(0), route.text(1))
        return Answer(204)

    def _webhook_errors(self, route: Route, call: Call) -> Answer:
        webhook = self._registry.get(route.text(0), route.text(1))
        errors: list[JsonValue] = list(webhook.errors.get(route.text(2), ()))
        return _json(errors)

    # --- imports ---

    def _start_import(self, route: Route, call: Call) -> Answer:
        started = self._imports.start(route.text(0), call.content_type, call.body)
        return _json({"id": started.id}, 201)

    def _show_import(self, route: Route, call: Call) -> Answer:
        return _json(self._imports.show(self._imports.get(route.text(0), route.text(1))))

    def _import_result(self, route: Route, call: Call) -> Answer:
        found = self._imports.get(route.text(0), route.text(1))
        return Answer(200, self._imports.result(found), "text/csv")


def _json(value: JsonValue, status: int = 200) -> Answer:
    return Answer(status, orjson.dumps(value))


def _accepts_json(accept: str) -> bool:
    kinds = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
    return not accept or any(kind in ("*/*", "application/*", "application/json") for kind in kinds)
