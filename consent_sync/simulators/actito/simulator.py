"""The simulated platform as a server on this machine, for tests, the demo, benchmarks and a command."""

import asyncio
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from aiohttp import web
from pydantic import JsonValue

from consent_sync.simulators.actito.calls import CallLog
from consent_sync.simulators.actito.control import PREFIX, Control
from consent_sync.simulators.actito.http import Edge
from consent_sync.simulators.actito.imports import Imports
from consent_sync.simulators.actito.parts import Clock, Parts
from consent_sync.simulators.actito.people import People
from consent_sync.simulators.actito.registry import Registry, Webhook
from consent_sync.simulators.actito.structure import WorldSpec, default_world
from consent_sync.simulators.actito.switches import Switches
from consent_sync.simulators.actito.webhooks import Sender
from consent_sync.simulators.actito.world import World
from consent_sync.simulators.faults import FaultPlan

DEFAULT_API_KEY = "FAKEKEY0000FAKEKEY0000FAKE"

_BODY_LIMIT = 16 * 1024**2


class ActitoSimulator:
    """One simulated licence: state that outlives a stop, and a server between `start` and `stop`."""

    def __init__(
        self,
        switches: Switches | Mapping[str, object] | None = None,
        *,
        world: WorldSpec | Mapping[str, object] | None = None,
        api_keys: Sequence[str] = (DEFAULT_API_KEY,),
        clock: Clock = time.time,
        seed: int = 0,
        rng: random.Random | None = None,
    ) -> None:
        if not isinstance(switches, Switches):
            switches = Switches.model_validate(switches or {})
        spec = default_world() if world is None else WorldSpec.model_validate(world)
        self._parts = Parts(spec, switches, frozenset(api_keys), clock, rng or random.Random(seed))
        self.api_key = api_keys[0]
        self._runner: web.AppRunner | None = None
        self._url = ""

    @property
    def url(self) -> str:
        """Base URL of the running server, without a slash at the end; it stays known after a stop."""
        return self._url

    @property
    def port(self) -> int:
        """Port of the server, to start it again in the same place."""
        return int(self._url.rpartition(":")[2] or 0)

    @property
    def switches(self) -> Switches:
        """The switches; assignments take effect at once."""
        return self._parts.switches

    @property
    def world(self) -> World:
        """Entities, tables and profiles."""
        return self._parts.world

    @property
    def people(self) -> People:
        """What people do outside of the API."""
        return self._parts.people

    @property
    def faults(self) -> FaultPlan:
        """The faults still to come."""
        return self._parts.faults

    @property
    def calls(self) -> CallLog:
        """What clients called."""
        return self._parts.calls

    @property
    def webhooks(self) -> Registry:
        """The registered webhooks."""
        return self._parts.registry

    @property
    def imports(self) -> Imports:
        """The imports that were taken in."""
        return self._parts.imports

    @property
    def sender(self) -> Sender:
        """The outbox of webhook events, its tally and its attempts."""
        return self._parts.sender

    @property
    def most_concurrent_calls(self) -> int:
        """The greatest number of API calls at one moment so far."""
        return self._parts.limits.most

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Serve on an address, any free port for 0; raises OSError when the address is taken, RuntimeError when running."""
        if self._runner is not None:
            raise RuntimeError(f"the simulator already runs on {self._url}")
        parts = self._parts
        edge = Edge(parts.world, parts.platform, parts.limits, parts.faults, parts.calls)
        app = web.Application(client_max_size=_BODY_LIMIT)
        app.add_subapp(PREFIX, Control(parts).application())
        # A key may hold a line break, which a plain dot does not match.
        app.router.add_route("*", "/{path:(?s:.*)}", edge.serve)
        parts.faults.open()
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError:
            await runner.cleanup()
            raise
        self._runner = runner
        bound = runner.addresses[0][1]
        self._url = f"http://{host}:{bound}"
        await parts.sender.start()

    async def stop(self) -> None:
        """Stop serving and sending; world, webhooks and waiting events stay for the next start."""
        await self._parts.faults.close()
        await self._parts.sender.stop()
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def settled(self, timeout: float = 10.0) -> None:  # noqa: ASYNC109 - a plain number reads best in tests
        """Wait until no late effect and no webhook is waiting, except those held back; raises TimeoutError."""
        async with asyncio.timeout(timeout):
            await self._parts.settled()

    def register_webhook(self, target_url: str, event_type: str, **fields: JsonValue) -> Webhook:
        """Register a webhook on the first table as the API would; `fields` are the API's; raises RefusalError."""
        table = self.world.pick()
        body: dict[str, JsonValue] = {
            "on": "PROFILE_TABLE",
            "onElementId": table.id,
            "eventType": event_type,
            "targetUrl": target_url,
        }
        return self.webhooks.create(table.entity, {**body, **fields})

    def revoke_tokens(self) -> int:
        """End every access token, as in mid-run; return how many there were."""
        return self._parts.tokens.revoke()

    def reset(self) -> None:
        """Bring everything back to how it was at the first start."""
        self._parts.reset()


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How to run the simulator as a program; `settings` are `switch=value` words."""

    host: str = "127.0.0.1"
    port: int = 8091
    settings: Sequence[str] = ()
    world: Mapping[str, object] | None = None
    api_keys: Sequence[str] = (DEFAULT_API_KEY,)
    seed: int = 0
    on_ready: Callable[[ActitoSimulator], None] = field(default=lambda simulator: None)


async def run(options: RunOptions) -> None:
    """Serve until cancelled; raises ValueError for an unfit switch or world before anything is served."""
    simulator = ActitoSimulator(
        Switches.from_words(list(options.settings)),
        world=options.world,
        api_keys=options.api_keys,
        seed=options.seed,
    )
    await simulator.start(options.host, options.port)
    try:
        options.on_ready(simulator)
        await asyncio.Event().wait()
    finally:
        await simulator.stop()
