"""The control API under `/_control`: switches, faults, people's clicks, state, the call log and webhooks.

It is not part of the platform: no session, no limits, no log.
"""

import asyncio
from collections.abc import Awaitable, Callable

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler
from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, ValidationError

from consent_sync.simulators.didomi.clicks import Click
from consent_sync.simulators.didomi.connections import OAuth
from consent_sync.simulators.didomi.errors import RefusalError
from consent_sync.simulators.didomi.people import People
from consent_sync.simulators.didomi.requests import answer, flag, number
from consent_sync.simulators.didomi.simulation import Simulation
from consent_sync.simulators.didomi.switches import UnknownSwitchError
from consent_sync.simulators.didomi.wire import JsonObject
from consent_sync.simulators.faults import Fault

_MOST_SHOWN = 1000


class _Patience(BaseModel):
    model_config = ConfigDict(extra="forbid")

    timeout: float = Field(default=10.0, gt=0, le=600)


class _Receiver(BaseModel):
    model_config = ConfigDict(extra="forbid")

    url: str
    headers: dict[str, str] = {}
    oauth: OAuth | None = None
    event_types: list[str] = []


_FAULTS: TypeAdapter[list[Fault]] = TypeAdapter(list[Fault])
_SWITCHES: TypeAdapter[dict[str, object]] = TypeAdapter(dict[str, object])
_Handle = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Control:
    """Handlers of the control API over one simulated organisation."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    def application(self) -> web.Application:
        """Build the application to be mounted under `/_control`."""
        app = web.Application(middlewares=[_explain])
        for method, path, handle in self._routes():
            app.router.add_route(method, path, handle)
        return app

    def _routes(self) -> list[tuple[str, str, _Handle]]:
        return [
            ("GET", "/status", self.status),
            ("GET", "/switches", self.show_switches),
            ("PATCH", "/switches", self.change_switches),
            ("GET", "/faults", self.show_faults),
            ("POST", "/faults", self.add_faults),
            ("DELETE", "/faults", self.clear_faults),
            ("POST", "/clicks", self.click),
            ("GET", "/users", self.list_users),
            ("DELETE", "/users/{id}", self.delete_user),
            ("GET", "/events", self.list_events),
            ("POST", "/events/{id}/approve", self.approve_event),
            ("DELETE", "/events/{id}", self.delete_event),
            ("GET", "/calls", self.show_calls),
            ("DELETE", "/calls", self.clear_calls),
            ("GET", "/webhooks", self.show_webhooks),
            ("POST", "/webhooks", self.connect),
            ("POST", "/webhooks/flush", self.flush),
            ("POST", "/webhooks/settle", self.settle),
            ("POST", "/webhooks/replay", self.replay),
            ("POST", "/sessions/expire", self.expire_sessions),
            ("POST", "/cursors/expire", self.expire_cursors),
            ("POST", "/reset", self.reset),
        ]

    async def status(self, request: web.Request) -> web.Response:
        """Count what there is."""
        parts = self._simulation
        return answer(
            {
                "users": len(parts.world.users),
                "events": len(parts.world.events),
                "calls": parts.calls.counts,
                "webhooks": self._tally(),
            }
        )

    async def show_switches(self, request: web.Request) -> web.Response:
        """Show every switch."""
        return answer(self._simulation.switches.model_dump(mode="json"))

    async def change_switches(self, request: web.Request) -> web.Response:
        """Turn the given switches, all or none."""
        self._simulation.turn(_SWITCHES.validate_json(await request.read()))
        return await self.show_switches(request)

    async def show_faults(self, request: web.Request) -> web.Response:
        """List the faults still to come."""
        return answer(self._simulation.faults.describe())

    async def add_faults(self, request: web.Request) -> web.Response:
        """Add one fault or an array of them."""
        body = await request.read()
        one = not body.lstrip().startswith(b"[")
        faults = [Fault.model_validate_json(body)] if one else _FAULTS.validate_json(body)
        return answer(self._simulation.faults.add(*faults), 201)

    async def clear_faults(self, request: web.Request) -> web.Response:
        """Drop the faults of the routes that start with `route`, or all."""
        return answer({"cleared": self._simulation.faults.clear(request.query.get("route", ""))})

    async def click(self, request: web.Request) -> web.Response:
        """Let a person choose in the preference centre, and answer with the event."""
        click = Click.model_validate_json(await request.read())
        event = self._people.perform(click)
        return answer(self._simulation.world.display().event(event))

    async def list_users(self, request: web.Request) -> web.Response:
        """List users under `regulation` (gdpr), of `ouid` or all, from `offset`, at most `limit`."""
        world = self._simulation.world
        ouid = request.query.get("ouid")
        regulation = request.query.get("regulation", "gdpr")
        display = world.display(full_tree=flag(request, "full_tree"))
        users = world.users.of(ouid) if ouid is not None else list(world.users)
        return _part(request, "users", [display.user(user, regulation) for user in users])

    async def delete_user(self, request: web.Request) -> web.Response:
        """Delete a user by id, or by organisation user id with `?by_ouid=true`."""
        user = self._simulation.world.user(
            request.match_info["id"], by_ouid=flag(request, "by_ouid")
        )
        self._simulation.world.delete_user(user)
        return answer({"deleted": user.id})

    async def list_events(self, request: web.Request) -> web.Response:
        """List events of every status and regulation, of `ouid` or all, from `offset`, at most `limit`."""
        world = self._simulation.world
        ouid = request.query.get("ouid")
        every = [event for event in world.events.values() if not event.hidden]
        events = every if ouid is None else world.events_of(ouid=ouid)
        display = world.display()
        return _part(request, "events", [display.event(event) for event in events])

    async def approve_event(self, request: web.Request) -> web.Response:
        """Confirm a pending event, as the person or an approver does."""
        event = self._people.approve(request.match_info["id"])
        return answer(self._simulation.world.display().event(event))

    async def delete_event(self, request: web.Request) -> web.Response:
        """Delete an event."""
        self._people.delete_event(request.match_info["id"])
        return answer({"deleted": request.match_info["id"]})

    async def show_calls(self, request: web.Request) -> web.Response:
        """List the newest kept calls, filtered by `route` prefix and `method`."""
        calls = self._simulation.calls
        found = calls.select(request.query.get("route", ""), request.query.get("method"))
        newest = found[-number(request, "limit", _MOST_SHOWN) :]
        shown = [call.describe() for call in newest]
        return answer({"total": len(found), "counters": calls.counts, "calls": shown})

    async def clear_calls(self, request: web.Request) -> web.Response:
        """Forget calls and counters."""
        self._simulation.calls.clear()
        return answer({"cleared": True})

    async def show_webhooks(self, request: web.Request) -> web.Response:
        """List the registered webhooks, and what became of their deliveries."""
        sender = self._simulation.sender
        return answer(
            {
                "webhooks": [item.describe() for item in sender.connections.values()],
                "attempts": [attempt.describe() for attempt in sender.attempts][-_MOST_SHOWN:],
                **self._tally(),
            }
        )

    async def connect(self, request: web.Request) -> web.Response:
        """Register a webhook."""
        body = _Receiver.model_validate_json(await request.read())
        connection = self._simulation.connect(
            body.url, headers=body.headers, oauth=body.oauth, event_types=body.event_types
        )
        return answer(connection.describe(), 201)

    async def flush(self, request: web.Request) -> web.Response:
        """Make every waiting delivery due now."""
        waiting = self._simulation.sender.waiting
        self._simulation.sender.hurry()
        return answer({"flushed": waiting})

    async def settle(self, request: web.Request) -> web.Response:
        """Wait until no webhook is waiting, at most `timeout` seconds; 504 when some still are."""
        patience = _Patience.model_validate_json(await request.read() or b"{}")
        try:
            async with asyncio.timeout(patience.timeout):
                await self._simulation.sender.settled()
        except TimeoutError:
            return answer({"settled": False, **self._tally()}, 504)
        return answer({"settled": True, **self._tally()})

    async def replay(self, request: web.Request) -> web.Response:
        """Send again what was stored after its last attempt."""
        return answer({"replayed": self._simulation.sender.replay_stored()})

    async def expire_sessions(self, request: web.Request) -> web.Response:
        """End every session token."""
        return answer({"expired": self._simulation.sessions.expire_all()})

    async def expire_cursors(self, request: web.Request) -> web.Response:
        """End every cursor given out so far."""
        world = self._simulation.world
        world.scan.expire_cursors(world.now())
        return answer({"expired": True})

    async def reset(self, request: web.Request) -> web.Response:
        """Forget users, events, calls, faults and deliveries; switches and webhooks stay."""
        self._simulation.reset()
        return answer({"reset": True})

    @property
    def _people(self) -> People:
        return People(self._simulation.world)

    def _tally(self) -> JsonObject:
        sender = self._simulation.sender
        return {
            "waiting": sender.waiting,
            "stored": len(sender.stored),
            "attempted": sender.attempted,
            "succeeded": sender.succeeded,
        }


@web.middleware
async def _explain(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer wrong input with 400 and the reason, and refusals of the world with their own status."""
    try:
        return await handler(request)
    except RefusalError as error:
        return answer({"error": error.message, "errors": error.errors}, error.status)
    except (ValidationError, UnknownSwitchError, orjson.JSONDecodeError) as error:
        return answer({"error": str(error)}, 400)


def _part(request: web.Request, name: str, items: list[JsonObject]) -> web.Response:
    start, most = number(request, "offset", 0), number(request, "limit", 100)
    shown: list[JsonValue] = [*items[start : start + most]]
    return answer({"total": len(items), name: shown})
