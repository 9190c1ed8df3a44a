"""Both platforms as far as latency needs them: `python -m bench.latency_load`, on the load's core.

A simulated Actito that answers after 20 ms and tells of each write by webhook, and whoever posts
Didomi's webhooks. Each line of JSON on stdin is an order, answered by one on stdout.
"""

import argparse
import asyncio
import gc
import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from itertools import cycle
from typing import Any, Final

import aiohttp

from bench.machine import LOAD_CORE, pin
from bench.people import SECRET, body, ouid, template
from bench.servers import PATH
from consent_sync.simulators.actito import ActitoSimulator
from consent_sync.simulators.actito.profiles import Change

KINDS: Final = ("opt-out", "opt-in", "attribute")
"""What a person changes, by the remainder of their number."""

_LATENCY_MS: Final = 20
_ACTITO_PATH: Final = "/webhooks/actito/brand-a"
_HEADERS: Final = {"Content-Type": "application/json", "X-Webhook-Secret": SECRET}
_REST_SECONDS: Final = 0.05
_PATIENCE_SECONDS: Final = 90.0


def forms(run: str) -> tuple[str, ...]:
    """Return one template for each kind; the door can tell what is no opt-out."""
    refusal = template(run)
    yes, other = json.loads(refusal), json.loads(refusal)
    entity = yes["parameters"]["entity"]
    entity["consents"]["channels"] = [{"id": "email", "enabled": True}]
    for purpose in entity["consents"]["purposes"]:
        purpose.update(enabled=True)
        # A list of values may leave something out, which counts as a no.
        purpose["metadata"] = purpose.pop("values")
    entity = other["parameters"]["entity"]
    entity["user"]["metadata"]["tier"] = "gold"
    entity["metadata"]["purposes"] = entity["consents"].pop("purposes")
    del entity["consents"]["channels"]
    return (refusal, *(json.dumps(one, separators=(",", ":")) for one in (yes, other)))


def kind_of(number: int) -> str:
    """Return what the person of this number changes."""
    return KINDS[number % len(KINDS)]


class Load:
    """Posts changes of ever new people; `written` says when Actito's books took each."""

    def __init__(self, simulator: ActitoSimulator, http: aiohttp.ClientSession, run: str) -> None:
        self._simulator = simulator
        self._http = http
        self._run = run
        self._forms = forms(run)
        self._next = 0
        self._written: dict[int, float] = {}
        self._arrived = asyncio.Event()
        tell = simulator.world.on_change
        assert tell is not None
        simulator.world.on_change = self._noting(tell)

    def _noting(self, tell: Callable[[Change], None]) -> Callable[[Change], None]:
        def note(change: Change) -> None:
            number = int(str(change.unique["customerId"]).partition("@")[0][-12:])
            self._written.setdefault(number, time.time())
            self._arrived.set()
            tell(change)

        return note

    async def connect(self, hooks: Sequence[str]) -> dict[str, Any]:
        """Let Actito's webhooks go to these servers from now on, each kind to one of them."""
        registry = self._simulator.webhooks
        for webhook in list(registry.search("acme", {})):
            registry.delete("acme", str(webhook.id))
        for kind, url in zip(
            ("UPDATED_SUBSCRIPTION", "UPDATE", "CREATE", "DELETE"), cycle(hooks), strict=False
        ):
            headers = {"X-Webhook-Secret": SECRET}
            self._simulator.register_webhook(url + _ACTITO_PATH, kind, headers=headers)
        return {}

    async def closed(
        self, urls: Sequence[str], status: str, changes: int, at_once: int
    ) -> dict[str, Any]:
        """Keep so many changes between post and write; return the seconds until all is at rest."""
        numbers = self._new(changes)
        slots, servers = asyncio.Semaphore(at_once), cycle(urls)

        async def one(number: int) -> None:
            async with slots:
                await self._post(next(servers), number)
                while number not in self._written:
                    self._arrived.clear()
                    await self._arrived.wait()

        started = time.time()
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await asyncio.gather(*(one(number) for number in numbers))
        return {"seconds": await self._rest(status) - started}

    async def open(
        self, urls: Sequence[str], status: str, rate: float, seconds: float
    ) -> dict[str, Any]:
        """Post changes when it is time for each, whatever became of those before.

        Returns for each: its number, when it was to be sent, when it was answered, when written.
        """
        chance, servers = random.Random(self._next), cycle(urls)
        moments, at = [], chance.expovariate(rate)
        while at < seconds:
            moments.append(at)
            at += chance.expovariate(rate)
        numbers, began = self._new(len(moments)), time.time() + _REST_SECONDS
        posts = []
        for number, moment in zip(numbers, moments, strict=True):
            await asyncio.sleep(max(0.0, began + moment - time.time()))
            posts.append(asyncio.create_task(self._post(next(servers), number)))
        answered = await asyncio.gather(*posts)
        await self._rest(status)
        return {
            "changes": [
                (number, began + moment, at, self._written[number])
                for number, moment, at in zip(numbers, moments, answered, strict=True)
            ]
        }

    def _new(self, people: int) -> range:
        """Make room for new people; whoever is to agree has no subscription yet."""
        numbers = range(self._next, self._next + people)
        self._next += people
        for number in numbers:
            held = {"Newsletter": True} if kind_of(number) == "opt-out" else {}
            self._simulator.world.seed({"customerId": ouid(self._run, number)}, held)
        gc.collect()
        gc.freeze()
        return numbers

    async def _post(self, url: str, number: int) -> float:
        content = body(self._forms[number % len(self._forms)], number)
        async with self._http.post(url + PATH, data=content, headers=_HEADERS) as answer:
            assert answer.status == 200, answer.status
            await answer.read()
        return time.time()

    async def _rest(self, status: str) -> float:
        """Return when everything came to rest: nobody's change is missing, no turn waits."""
        same, at = 0, 0.0
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while same < 3:
                waits = self._simulator.sender.waiting or len(self._written) < self._next
                if not waits and status:
                    async with self._http.get(f"{status}/api/v1/status") as answer:
                        waits = (await answer.json())["waiting_turns"]
                same, at = (0, 0.0) if waits else (same + 1, at or time.time())
                await asyncio.sleep(_REST_SECONDS)
        return at


async def _run(run: str) -> None:
    simulator = ActitoSimulator(
        {
            "max_concurrent_calls": 0,
            "calls_per_minute": 0,
            "call_log": False,
            "latency_ms": _LATENCY_MS,
            "webhook_window_ms": 0,
            "webhook_concurrency": 64,
        }
    )
    await simulator.start()
    gc.set_threshold(50_000, 50, 50)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        load = Load(simulator, http, run)
        print(json.dumps({"url": simulator.url}), flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            order = json.loads(line)
            work = {"connect": load.connect, "closed": load.closed, "open": load.open}
            print(json.dumps(await work[order.pop("do")](**order)), flush=True)
    await simulator.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", required=True)
    options = parser.parse_args()
    pin(LOAD_CORE)
    asyncio.run(_run(options.run))


if __name__ == "__main__":
    main()
