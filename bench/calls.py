"""Calls to Actito per person whose choice changed: a count, so one run says it all."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import aiohttp

from bench.effort import Effort
from bench.house import house
from bench.people import SECRET, body, ouid, template
from bench.ratios import plain_table
from consent_sync.app.application import Application
from consent_sync.simulators.actito import ActitoSimulator
from consent_sync.simulators.didomi import (
    DEFAULT_API_KEY,
    DEFAULT_API_SECRET,
    DidomiSimulator,
)
from consent_sync.web.server import serve

_RUN = "ca115000"
_REST_SECONDS = 0.02
_JSON = {"Content-Type": "application/json", "X-Webhook-Secret": SECRET}


@dataclass(slots=True)
class Place:
    """Both platforms, the program between them, and some people known on both sides."""

    actito: ActitoSimulator
    didomi: DidomiSimulator
    application: Application
    address: str
    http: aiohttp.ClientSession
    profiles: list[int]

    @property
    def people(self) -> range:
        """The numbers of the people."""
        return range(len(self.profiles))

    async def calls_after(self, act: Callable[[], Awaitable[None]]) -> dict[str, int]:
        """Let something happen, wait until all is quiet, and return the calls to Actito."""
        self.actito.calls.clear()
        await act()
        await self._quiet()
        calls = dict(self.actito.calls.counters)
        calls.pop("token", None)
        return calls

    async def refuse(self) -> None:
        """Let everybody say no to e-mail in the preference centre."""
        self._click(email=False)

    async def agree(self) -> None:
        """Let everybody say yes to e-mail there."""
        self._click(email=True)

    async def burst(self) -> None:
        """Deliver ten clicks of everybody at once, the last one a no."""
        forms = [template(f"ca1150{n:02}", email=n % 2 == 0) for n in range(10)]
        for number in self.people:
            events = [json.loads(body(form, number)) for form in forms]
            for event in events:
                entity = event["parameters"]["entity"]
                entity["user"]["organization_user_id"] = ouid(_RUN, number)
            await self._post("/webhooks/didomi", json.dumps(events))

    async def echo(self) -> None:
        """Deliver once more what Actito says of everybody's last write."""
        for profile in self.profiles:
            data = {"profileId": str(profile), "Newsletter": "true"}
            said = {"tableId": "21", "data": data}
            await self._post("/webhooks/actito/brand-a", json.dumps(said))

    def _click(self, *, email: bool) -> None:
        for number in self.people:
            self.didomi.click(ouid(_RUN, number), {"channels": {"email": email}})

    async def _post(self, path: str, content: str) -> None:
        url = self.address + path
        async with self.http.post(url, data=content, headers=_JSON) as response:
            assert response.status == 200, response.status

    async def _quiet(self) -> None:
        same = 0
        while same < 3:
            await asyncio.sleep(_REST_SECONDS)
            status = await self.application.store.status()
            waiting = self.actito.sender.waiting, self.didomi.sender.waiting, status.waiting_turns
            same = 0 if any(waiting) else same + 1


def measure(effort: Effort, folder: Path) -> str:
    """Return the table of calls."""
    with TemporaryDirectory(dir=folder) as inner:
        return asyncio.run(_measure(50 if effort.quick else 200, Path(inner)))


async def _measure(people: int, folder: Path) -> str:
    actito = ActitoSimulator({"max_concurrent_calls": 0, "calls_per_minute": 0})
    didomi = DidomiSimulator({"rate_limits": False})
    await actito.start()
    await didomi.start()
    application = await house(
        folder / "bench.db",
        actito=actito.url,
        didomi=didomi.url,
        didomi_api_key=DEFAULT_API_KEY,
        didomi_api_secret=DEFAULT_API_SECRET,
        actito_calls_per_minute="0",
        log_level="error",
    )
    stop, listening = asyncio.Event(), asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve(application, stop, listening=listening.set_result))
    address = await listening
    try:
        async with aiohttp.ClientSession() as http:
            profiles = [
                actito.world.seed({"customerId": ouid(_RUN, n)}, {"Newsletter": True}).id
                for n in range(people)
            ]
            _connect(actito, didomi, address)
            place = Place(actito, didomi, application, address, http, profiles)
            return plain_table(
                "Calls", ["what everybody does", "calls", "goal", "reached"], await _rows(place)
            )
    finally:
        stop.set()
        await serving
        await actito.stop()
        await didomi.stop()


def _connect(actito: ActitoSimulator, didomi: DidomiSimulator, address: str) -> None:
    didomi.connect_webhook(f"{address}/webhooks/didomi", headers={"X-Webhook-Secret": SECRET})
    for kind in ("CREATE", "UPDATE", "UPDATED_SUBSCRIPTION", "DELETE"):
        url = f"{address}/webhooks/actito/brand-a"
        actito.register_webhook(url, kind, headers={"X-Webhook-Secret": SECRET})


async def _rows(place: Place) -> Iterable[list[str]]:
    story = (
        ("an opt-out in Didomi, and the webhooks it causes", place.refuse, 1),
        ("an opt-in in Didomi, and the webhooks it causes", place.agree, 2),
        ("the webhook of our own write once more", place.echo, 0),
        ("a burst of ten clicks in Didomi, the last one a no", place.burst, 1),
    )
    return [_row(name, await place.calls_after(act), goal, place) for name, act, goal in story]


def _row(name: str, calls: dict[str, int], goal: int, place: Place) -> list[str]:
    people = len(place.people)
    total = sum(calls.values())
    words = ", ".join(f"{count / people:g} {route}" for route, count in sorted(calls.items()))
    reached = "yes" if total == goal * people else "**no**"
    return [name, f"{total / people:g} ({words})" if words else "0", str(goal), reached]
