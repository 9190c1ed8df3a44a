"""The control API under `/_control`: switches, faults, profiles, people's clicks, the call log and webhooks.

It is not part of the platform: no token, no limits, no log. Queries may name `entity` and `table`; else the first ones count.
"""

import asyncio
from dataclasses import asdict
from typing import Literal

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler
from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, ValidationError

from consent_sync.simulators.actito import wire
from consent_sync.simulators.actito.parts import Parts
from consent_sync.simulators.actito.profiles import Profile
from consent_sync.simulators.actito.refusal import RefusalError
from consent_sync.simulators.actito.structure import ProfileSeed
from consent_sync.simulators.actito.switches import UnknownSwitchError
from consent_sync.simulators.actito.table import Table
from consent_sync.simulators.actito.world import as_key
from consent_sync.simulators.faults import Fault

PREFIX = "/_control"

_MOST_SHOWN = 1000


class _Click(BaseModel):
    """One thing that a person does; `key` is a profile id or `attribute=value`."""

    model_config = ConfigDict(extra="forbid")

    action: Literal["subscribe", "unsubscribe", "choose", "create", "change_attributes", "delete"]
    key: str | int = ""
    names: list[str] = []
    choices: dict[str, bool] = {}
    attributes: dict[str, JsonValue] = {}
    entity: str | None = None
    table: str | None = None


class _Patience(BaseModel):
    model_config = ConfigDict(extra="forbid")

    timeout: float = Field(default=10.0, gt=0, le=600)


_FAULTS: TypeAdapter[list[Fault]] = TypeAdapter(list[Fault])
_SWITCHES: TypeAdapter[dict[str, object]] = TypeAdapter(dict[str, object])
_SEEDS: TypeAdapter[list[ProfileSeed]] = TypeAdapter(list[ProfileSeed])


class Control:
    """Handlers of the control API over one licence."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def application(self) -> web.Application:
        """Build the application to be mounted under `/_control`."""
        app = web.Application(middlewares=[_explain], client_max_size=64 * 1024**2)
        route = app.router.add_route
        route("GET", "/status", self.status)
        route("GET", "/switches", self.show_switches)
        route("PATCH", "/switches", self.change_switches)
        route("GET", "/faults", self.show_faults)
        route("POST", "/faults", self.add_faults)
        route("DELETE", "/faults", self.clear_faults)
        route("GET", "/profiles", self.list_profiles)
        route("POST", "/profiles", self.seed_profiles)
        route("GET", "/profiles/{key:.+}", self.show_profile)
        route("PUT", "/profiles/{key:.+}", self.put_profile)
        route("POST", "/clicks", self.click)
        route("GET", "/calls", self.show_calls)
        route("DELETE", "/calls", self.clear_calls)
        route("GET", "/webhooks", self.show_webhooks)
        route("POST", "/webhooks/flush", self.flush)
        route("POST", "/webhooks/settle", self.settle)
        route("POST", "/tokens/revoke", self.revoke_tokens)
        route("POST", "/reset", self.reset)
        return app

    async def status(self, request: web.Request) -> web.Response:
        """Count what there is."""
        return _json({"calls": {**self._parts.calls.counters}, "webhooks": self._tally()})

    async def show_switches(self, request: web.Request) -> web.Response:
        """Show every switch."""
        return _json(self._parts.switches.model_dump(mode="json"))

    async def change_switches(self, request: web.Request) -> web.Response:
        """Set the given switches, all or none."""
        self._parts.switches.change(_SWITCHES.validate_json(await request.read()))
        return await self.show_switches(request)

    async def show_faults(self, request: web.Request) -> web.Response:
        """List the faults still to come."""
        return _json(list(self._parts.faults.describe()))

    async def add_faults(self, request: web.Request) -> web.Response:
        """Add one fault or an array of them."""
        body = await request.read()
        one = not body.lstrip().startswith(b"[")
        faults = [Fault.model_validate_json(body)] if one else _FAULTS.validate_json(body)
        return _json(list(self._parts.faults.add(*faults)), 201)

    async def clear_faults(self, request: web.Request) -> web.Response:
        """Drop the faults of the routes that start with `route`, or all."""
        return _json({"cleared": self._parts.faults.clear(request.query.get("route", ""))})

    async def list_profiles(self, request: web.Request) -> web.Response:
        """List profiles from `offset`, at most `limit`."""
        table = self._table(request)
        start, most = _number(request, "offset", 0), _number(request, "limit", 100)
        chosen = list(table)[start : start + most]
        shown: list[JsonValue] = [self._show(table, each) for each in chosen]
        return _json({"total": len(table.profiles), "profiles": shown})

    async def seed_profiles(self, request: web.Request) -> web.Response:
        """Create or update many profiles silently, matched by their unique values."""
        seeds = _SEEDS.validate_json(await request.read())
        ids: list[JsonValue] = [self._seed(request, seed).id for seed in seeds]
        return _json({"profileIds": ids})

    async def show_profile(self, request: web.Request) -> web.Response:
        """Show a profile with the interactions that no platform call reads."""
        table = self._table(request)
        return _json(self._show(table, table.get(as_key(request.match_info["key"]))))

    async def put_profile(self, request: web.Request) -> web.Response:
        """Create or update one profile silently; a key `attribute=value` is part of its attributes."""
        seed = ProfileSeed.model_validate_json(await request.read() or b"{}")
        profile = self._seed(request, seed, request.match_info["key"])
        return _json(self._show(self._table(request), profile))

    async def click(self, request: web.Request) -> web.Response:
        """Let a person do something; webhooks fire as for a real change."""
        click = _Click.model_validate_json(await request.read())
        profile = self._do(click)
        return _json({"profileId": None if profile is None else profile.id})

    async def show_calls(self, request: web.Request) -> web.Response:
        """List the newest kept calls, filtered by `route` prefix and `method`."""
        query = request.query
        found = self._parts.calls.select(query.get("route", ""), query.get("method"))
        newest = found[-_number(request, "limit", _MOST_SHOWN) :]
        shown: list[JsonValue] = [record.show() for record in newest]
        counters: dict[str, JsonValue] = {**self._parts.calls.counters}
        return _json({"total": len(found), "counters": counters, "calls": shown})

    async def clear_calls(self, request: web.Request) -> web.Response:
        """Forget calls and counters."""
        self._parts.calls.clear()
        return _json({"cleared": True})

    async def show_webhooks(self, request: web.Request) -> web.Response:
        """List the webhooks of every entity, and what became of their events."""
        shown: list[JsonValue] = [
            {"entity": each.entity, "failures": each.failures, **each.show()}
            for each in self._parts.registry
        ]
        return _json({"webhooks": shown, **self._tally()})

    async def flush(self, request: web.Request) -> web.Response:
        """Let the events go that are held back."""
        return _json({"flushed": self._parts.sender.flush()})

    async def settle(self, request: web.Request) -> web.Response:
        """Wait until no webhook is waiting, at most `timeout` seconds; 504 when some still are."""
        patience = _Patience.model_validate_json(await request.read() or b"{}")
        try:
            async with asyncio.timeout(patience.timeout):
                await self._parts.settled()
        except TimeoutError:
            return _json({"settled": False, **self._tally()}, 504)
        return _json({"settled": True, **self._tally()})

    async def revoke_tokens(self, request: web.Request) -> web.Response:
        """End every access token."""
        return _json({"revoked": self._parts.tokens.revoke()})

    async def reset(self, request: web.Request) -> web.Response:
        """Bring everything back to how it was at the first start."""
        self._parts.reset()
        return _json({"reset": True})

    def _table(self, request: web.Request) -> Table:
        query = request.query
        return self._parts.world.pick(query.get("entity"), query.get("table"))

    def _seed(self, request: web.Request, seed: ProfileSeed, key: str | None = None) -> Profile:
        query = request.query
        return self._parts.world.seed(
            seed.attributes,
            seed.subscriptions,
            key=key,
            entity=query.get("entity"),
            table=query.get("table"),
        )

    def _do(self, click: _Click) -> Profile | None:
        people, key = self._parts.people, click.key
        entity, table = click.entity, click.table
        match click.action:
            case "create":
                return people.create(click.attributes, click.choices, entity=entity, table=table)
            case "change_attributes":
                return people.change_attributes(key, click.attributes, entity=entity, table=table)
            case "choose":
                return people.choose(key, click.choices, entity=entity, table=table)
            case "subscribe":
                return people.subscribe(key, *click.names, entity=entity, table=table)
            case "unsubscribe":
                return people.unsubscribe(key, *click.names, entity=entity, table=table)
            case "delete":
                people.delete(key, entity=entity, table=table)
                return None

    def _show(self, table: Table, profile: Profile) -> dict[str, JsonValue]:
        interactions: list[JsonValue] = [
            {
                "at": each.at,
                "subscription": each.subscription,
                "subscribed": each.subscribed,
                "origin": each.origin,
                "source": each.provenance.source,
                "way": each.provenance.way,
                "date": each.provenance.date,
            }
            for each in profile.interactions
        ]
        shown = wire.show_v5(table, profile, self._parts.switches)
        return {**shown, "subscriptions": dict(profile.subscriptions), "interactions": interactions}

    def _tally(self) -> dict[str, JsonValue]:
        sender = self._parts.sender
        return {**asdict(sender.tally), "waiting": sender.waiting, "held": sender.held}


@web.middleware
async def _explain(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer wrong input with 400 and the reason, and refusals of the world with their own status."""
    try:
        return await handler(request)
    except RefusalError as refusal:
        return _json({"error": refusal.reason}, refusal.status)
    except (ValidationError, UnknownSwitchError) as error:
        return _json({"error": str(error)}, 400)


def _number(request: web.Request, name: str, default: int) -> int:
    text = request.query.get(name, str(default))
    if not text.isascii() or not text.isdigit():
        raise RefusalError(400, f"{name}: found {text!r}, expected a whole number")
    return int(text)


def _json(value: JsonValue, status: int = 200) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(value), content_type="application/json")
