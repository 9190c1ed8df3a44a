"""The whole engine between both simulated platforms, under one clock that is moved by hand.

Everything is the real thing: HTTP clients and webhook routes, services, store, mapping files. Only
the worker's loop is left out, so that a history decides when a turn is taken; webhooks are posted
to a post office, so that it decides when they arrive, how often, and whether at all.
"""

import asyncio
import dataclasses
import shutil
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import aiohttp
from aiohttp import web

from consent_sync.adapters.actito.webhook import ActitoReceiver
from consent_sync.adapters.didomi.webhook import DidomiReceiver
from consent_sync.app.application import Application
from consent_sync.app.bootstrap import build
from consent_sync.app.settings import Settings
from consent_sync.domain.identity import Side
from consent_sync.domain.moments import SECOND
from consent_sync.ports.receiver import Arrival
from consent_sync.services.comparison import Comparison
from consent_sync.services.own_door import OwnDoor
from consent_sync.services.sweep import Repair
from consent_sync.services.synchronise import Synchroniser
from consent_sync.simulators.actito import DEFAULT_API_KEY, ActitoSimulator
from consent_sync.simulators.didomi import DidomiSimulator
from consent_sync.simulators.faults import FaultPlan
from consent_sync.web.routes import http_application
from consent_sync.web.server import parts_of
from tests.doubles.clock import SettableClock
from tests.doubles.lists import MemoryNotebook
from tests.doubles.platforms import Crash

SECRET: Final = "a-hook-secret-of-forty-characters-000001"
KEY: Final = "customerId"
MEMORY: Final = "sqlite:///:memory:"

CALLS: Final = {
    "profiles": ("read_by_key", "read_by_id", "update", "create"),
    "consents": ("read_user", "send_events"),
    "store": ("announce", "settle"),
}
"""What a turn does to the world around it: each beginning and each end is a moment of its own."""

Action = Callable[[], Awaitable[None]]
Witness = Callable[[str, Sequence[Any]], None]


@dataclass
class Moments:
    """The moments of a turn: time goes by at each, and at a chosen one something happens."""

    clock: SettableClock
    plans: list[tuple[int, Action]] = field(default_factory=list)
    passed: int = 0

    async def pass_one(self) -> None:
        """Let one moment come."""
        self.clock.advance(0.01)
        self.passed += 1
        due = [action for left, action in self.plans if left <= 0]
        self.plans = [(left - 1, action) for left, action in self.plans if left > 0]
        for action in due:
            await action()


class Watched:
    """A part of the engine whose calls begin and end in moments; everything else goes through."""

    def __init__(self, part: object, calls: Sequence[str], moments: Moments, tell: Witness) -> None:
        self._part, self._calls, self._moments, self._tell = part, calls, moments, tell

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._part, name)
        if name not in self._calls:
            return found

        async def call(*args: Any, **options: Any) -> Any:
            await self._moments.pass_one()
            self._tell(f"{name} begins", args)
            try:
                return await found(*args, **options)
            finally:
                self._tell(name, args)
                await self._moments.pass_one()

        return call


@dataclass(frozen=True)
class Mail:
    """One webhook as a platform posted it."""

    side: Side
    body: bytes


def arrivals(mail: Mail) -> Sequence[Arrival]:
    """Return the events of a webhook as the program tells them apart."""
    if mail.side is Side.DIDOMI:
        return DidomiReceiver().arrivals(mail.body)
    return ActitoReceiver().arrivals(mail.body, KEY)


@dataclass
class PostOffice:
    """Takes what the platforms post, and keeps it."""

    waiting: dict[Side, list[Mail]] = field(default_factory=lambda: {side: [] for side in Side})

    def application(self) -> web.Application:
        """Return its doors."""
        app = web.Application()
        for side in Side:
            app.router.add_post(f"/{side}", self._door(side))
        return app

    def _door(self, side: Side) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def take(request: web.Request) -> web.Response:
            self.waiting[side].append(Mail(side, await request.read()))
            return web.Response()

        return take


class Platforms:
    """Both simulators and the post office; they outlive the histories that are played on them."""

    def __init__(self) -> None:
        self.clock = SettableClock()
        self.skew = 0
        self.office = PostOffice()
        self.late: dict[Side, list[Action]] = {side: [] for side in Side}
        quick = {"calls_per_minute": 0, "max_concurrent_calls": 0, "webhook_window_ms": 0}
        self.actito = ActitoSimulator(quick, clock=lambda: self.clock.now() / SECOND)
        self.didomi = DidomiSimulator(
            {"rate_limits": False}, clock=lambda: (self.clock.now() + self.skew) / SECOND
        )
        self._runner = web.AppRunner(self.office.application(), access_log=None)
        self._patches = [
            patch.object(simulator.faults, "later", self._keeper(side))
            for side, simulator in ((Side.ACTITO, self.actito), (Side.DIDOMI, self.didomi))
        ]

    async def start(self) -> None:
        """Open all doors."""
        await asyncio.gather(self.actito.start(), self.didomi.start(), self._runner.setup())
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self._address = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self.didomi.connect_webhook(f"{self._address}/{Side.DIDOMI}")
        for each in self._patches:
            each.start()

    async def stop(self) -> None:
        """Close all doors."""
        for each in self._patches:
            each.stop()
        await asyncio.gather(self.actito.stop(), self.didomi.stop())
        await self._runner.cleanup()

    def begin_anew(self) -> None:
        """Forget everybody and everything; the time goes on."""
        self.actito.reset()
        self.didomi.reset()
        for kind in ("CREATE", "UPDATE", "UPDATED_SUBSCRIPTION", "DELETE"):
            self.actito.register_webhook(f"{self._address}/{Side.ACTITO}", kind)
        self.skew = 0
        self.clock.advance(3600)
        for side in Side:
            self.office.waiting[side].clear()
            self.late[side].clear()

    def faults(self, side: Side) -> FaultPlan:
        """Return what will go wrong on a side."""
        return self.actito.faults if side is Side.ACTITO else self.didomi.faults

    async def posted(self) -> None:
        """Return when everything that happened has been posted."""
        await asyncio.gather(self.actito.settled(), self.didomi.settled())

    async def land(self, side: Side) -> None:
        """Let the oldest write whose answer never came take effect."""
        if self.late[side]:
            await self.late[side].pop(0)()
            await self.posted()

    def _keeper(self, side: Side) -> Callable[[float, Action], None]:
        def later(seconds: float, work: Action) -> None:
            self.late[side].append(work)

        return later


class Engine:
    """The program over one folder: started, killed at any moment, started again from its file."""

    def __init__(self, platforms: Platforms, folder: Path, mapping: str, *, memory: bool) -> None:
        self._platforms = platforms
        self._folder = folder
        self._memory = memory
        self._deaths = 0
        self.moments = Moments(platforms.clock)
        self.tell: Witness = lambda name, args: None
        self.mapping_file = folder / "mappings" / "brand-a.yaml"
        self.mapping_file.parent.mkdir()
        self.mapping_file.write_text(mapping, encoding="utf-8")
        (folder / "0").mkdir()

    @property
    def _home(self) -> Path:
        return self._folder / str(self._deaths)

    async def start(self) -> None:
        """Start as the program does, all but its loops."""
        settings = Settings.from_variables(self._variables())
        self.application: Application = await build(settings, clock=self._platforms.clock)
        self.store = self.application.store
        await self.store.open()
        await self.application.activation.start()
        await self.application.erasing.erasure.begin()
        # The worker has no door to its work but its endless loop.
        taking: Synchroniser = self.application.worker._synchroniser
        parts: dict[str, Any] = {
            name: Watched(getattr(taking, name), calls, self.moments, self._told)
            for name, calls in CALLS.items()
        }
        self._synchroniser = dataclasses.replace(taking, **parts)
        self._runner = web.AppRunner(http_application(parts_of(self.application)), access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self._address = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self._session = aiohttp.ClientSession(headers={"X-Webhook-Secret": SECRET})

    async def stop(self) -> None:
        """Stop in order."""
        await self._session.close()
        await self._runner.cleanup()
        await self.application.stop()

    async def die(self) -> None:
        """Raise Crash: what the disk holds at this moment is all that the next start will find."""
        shutil.copytree(self._home, self._folder / str(self._deaths + 1))
        raise Crash

    async def rise(self) -> None:
        """Start again from what was left after `die`."""
        self.moments.plans.clear()
        await self.stop()
        self._deaths += 1
        await self.start()

    async def crash(self) -> None:
        """Die between two turns, and start again."""
        if not self._memory:
            try:
                await self.die()
            except Crash:
                await self.rise()

    async def post(self, mail: Mail) -> int:
        """Deliver a webhook and return the status answered."""
        path = "didomi" if mail.side is Side.DIDOMI else "actito/brand-a"
        url = f"{self._address}/webhooks/{path}"
        headers = {"Content-Type": "application/json"}
        async with self._session.post(url, data=mail.body, headers=headers) as response:
            return response.status

    async def turn(self) -> bool:
        """Take one turn that is due, if there is one; say whether there was."""
        turns = await self.store.claim(1)
        for turn in turns:
            try:
                await self._synchroniser.take(turn)
            except Crash:
                await self.rise()
        self.moments.plans.clear()
        await self._platforms.posted()
        return bool(turns)

    async def edit(self, text: str) -> None:
        """Save the mapping file, and put in force what it says."""
        self.mapping_file.write_text(text, encoding="utf-8")
        reload = await self.application.activation.refresh()
        assert not reload.problems, [str(one) for one in reload.problems]

    async def sweep(self) -> None:
        """Compare everybody on both sides, and hand whoever differs to their turn."""
        own = self.application
        repair = Repair(own.mappings.current, OwnDoor(own.intake))
        mappings = list(own.mappings.current().values())
        eyes = own.sweeping.eyes
        await Comparison(eyes, mappings, MemoryNotebook(), on_found=repair.take).run()

    def _told(self, name: str, args: Sequence[Any]) -> None:
        self.tell(name, args)

    def _variables(self) -> dict[str, str]:
        variables = {
            "LISTEN": "127.0.0.1:0",
            "DATABASE_URL": MEMORY if self._memory else f"sqlite:///{self._home / 'kept.db'}",
            "MAPPINGS_DIR": str(self.mapping_file.parent),
            "DIDOMI_API_URL": self._platforms.didomi.url,
            "DIDOMI_API_KEY": "fake-key-id",
            "DIDOMI_API_SECRET": "fake-secret-do-not-use",
            "DIDOMI_WEBHOOK_SECRETS": SECRET,
            "ACTITO_API_URL": self._platforms.actito.url,
            "ACTITO_API_KEY": DEFAULT_API_KEY,
            "ACTITO_WEBHOOK_SECRETS": SECRET,
            "ACTITO_CALLS_PER_MINUTE": "0",
            "RECOVER_AFTER_SECONDS": "0",
        }
        return {f"CONSENT_SYNC_{name}": value for name, value in variables.items()}
