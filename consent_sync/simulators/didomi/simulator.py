"""The simulated platform as a server on this machine, for tests, the demo, benchmarks and a command."""

import asyncio
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from aiohttp import web

from consent_sync.simulators.didomi.calls import Calls
from consent_sync.simulators.didomi.clicks import ChoicesLike, Click, choices_from
from consent_sync.simulators.didomi.connections import Connection, OAuth
from consent_sync.simulators.didomi.control import Control
from consent_sync.simulators.didomi.http import CONTROL, application
from consent_sync.simulators.didomi.organisation import Organisation, organisation_from
from consent_sync.simulators.didomi.people import People
from consent_sync.simulators.didomi.records import Event
from consent_sync.simulators.didomi.simulation import Simulation
from consent_sync.simulators.didomi.switches import Switches
from consent_sync.simulators.didomi.webhooks import WebhookSender
from consent_sync.simulators.didomi.wire import JsonObject
from consent_sync.simulators.didomi.world import World
from consent_sync.simulators.faults import FaultPlan

DEFAULT_API_KEY = "fake-key-id"
DEFAULT_API_SECRET = "fake-secret-do-not-use"
"""Invented credentials of the default organisation."""


class DidomiSimulator:
    """One simulated organisation: state that outlives a stop, and a server between `start` and `stop`.

    `clock` gives seconds since 1970 UTC. Equal `seed` or `rng`, clock and calls give equal ids and orders.
    """

    def __init__(
        self,
        switches: Switches | Mapping[str, object] | None = None,
        *,
        organisation: Organisation | Mapping[str, object] | None = None,
        clock: Callable[[], float] = time.time,
        seed: int = 0,
        rng: random.Random | None = None,
    ) -> None:
        if not isinstance(switches, Switches):
            switches = Switches.from_mapping(switches or {})
        chance = rng or random.Random(seed)
        self._parts = Simulation(
            organisation_from(organisation),
            switches,
            lambda: datetime.fromtimestamp(clock(), UTC),
            chance,
        )
        self._runner: web.AppRunner | None = None
        self._url = ""

    @property
    def url(self) -> str:
        """Base address of the API, with `/v1` and no slash at the end; it stays known after a stop."""
        return f"{self._url}/v1"

    @property
    def control_url(self) -> str:
        """Base address of the control API."""
        return f"{self._url}{CONTROL}"

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
        """Users and events."""
        return self._parts.world

    @property
    def people(self) -> People:
        """What people do outside of the API."""
        return People(self._parts.world)

    @property
    def faults(self) -> FaultPlan:
        """The faults still to come."""
        return self._parts.faults

    @property
    def calls(self) -> Calls:
        """What clients called."""
        return self._parts.calls

    @property
    def sender(self) -> WebhookSender:
        """The outbox of webhooks, its attempts and what it stored."""
        return self._parts.sender

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Serve on an address, any free port for 0; raises OSError when the address is taken."""
        app = application(self._parts)
        app.add_subapp(CONTROL, Control(self._parts).application())
        self.faults.open()
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError:
            await runner.cleanup()
            raise
        self._runner = runner
        self._url = f"http://{host}:{runner.addresses[0][1]}"
        await self.sender.start()

    async def stop(self) -> None:
        """Stop serving and sending; world, webhooks and waiting deliveries stay for the next start."""
        await self.faults.close()
        await self.sender.stop()
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def settled(self, timeout: float = 10.0) -> None:  # noqa: ASYNC109 - a plain number reads best in tests
        """Wait until no webhook is waiting; raises TimeoutError after some seconds."""
        async with asyncio.timeout(timeout):
            await self.sender.settled()

    def connect_webhook(
        self,
        url: str,
        *,
        headers: dict[str, str] | None = None,
        oauth: OAuth | None = None,
        event_types: Iterable[str] = (),
    ) -> Connection:
        """Register a webhook without asking the API; with `oauth` its deliveries carry a bearer token."""
        return self._parts.connect(url, headers=headers, oauth=oauth, event_types=event_types)

    def click(
        self,
        ouid: str | None,
        choices: ChoicesLike,
        *,
        at: datetime | None = None,
        metadata: JsonObject | None = None,
        user_metadata: JsonObject | None = None,
        regulation: str | None = None,
        status: str | None = None,
        country: str | None = None,
    ) -> Event:
        """Save choices as a person in the preference centre, or as a guest when `ouid` is none.

        `choices` maps `channels`, `purposes`, `values`, `preferences` ... to answers, for example
        `{"purposes": {"marketing": True}, "values": {"marketing": {"topics": ["sport"]}}}`.
        `people.perform` takes a whole `Click`, which also names a device and the event's id.
        Raises ValidationError for choices of the wrong form, RefusalError for unknown ids.
        """
        click = Click(
            ouid=ouid,
            choices=choices_from(choices),
            at=at,
            metadata=metadata,
            user_metadata=user_metadata,
            regulation=regulation,
            status=status,
            country=country,
        )
        return self.people.perform(click)

    def turn(self, **switches: object) -> None:
        """Turn switches while running, all or none; raises UnknownSwitchError and ValidationError."""
        self._parts.turn(switches)

    def expire_sessions(self) -> int:
        """End every session token, as in mid-run; return how many there were."""
        return self._parts.sessions.expire_all()

    def reset(self) -> None:
        """Forget users, events, sessions, calls, faults and deliveries; switches and webhooks stay."""
        self._parts.reset()


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How to run the simulator as a program; `settings` are `switch=value` words."""

    host: str = "127.0.0.1"
    port: int = 8090
    settings: Sequence[str] = ()
    organisation: Mapping[str, object] | None = None
    webhook_url: str | None = None
    webhook_headers: Mapping[str, str] = field(default_factory=dict)
    seed: int = 0
    on_ready: Callable[[DidomiSimulator], None] = field(default=lambda simulator: None)


async def run(options: RunOptions) -> None:
    """Serve until cancelled; raises ValueError for an unfit switch or organisation before anything is served."""
    simulator = DidomiSimulator(
        Switches.from_words(options.settings),
        organisation=options.organisation,
        seed=options.seed,
    )
    if options.webhook_url is not None:
        simulator.connect_webhook(options.webhook_url, headers=dict(options.webhook_headers))
    await simulator.start(options.host, options.port)
    try:
        options.on_ready(simulator)
        await asyncio.Event().wait()
    finally:
        await simulator.stop()
