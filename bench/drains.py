"""Brings opt-outs to Actito as fast as it goes: `python -m bench.drains ours|bare`, on one core."""

import argparse
import asyncio
import gc
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import orjson
from yarl import URL

from bench.house import house, without_turns
from bench.machine import SERVER_CORE, pin
from bench.people import body, ouid, template
from consent_sync.app.application import Application
from consent_sync.simulators.actito import DEFAULT_API_KEY

_AT_ONCE = 500
_POLL_SECONDS = 0.01

Send = Callable[[int], Awaitable[None]]
"""Sends the write of the person of this number."""


async def store_events(database: Path, run: str, people: Sequence[int], **settings: str) -> None:
    """Let one opt-out of each of these people wait in the database."""
    application = without_turns(await house(database, **settings))
    await application.start()
    form = template(run)
    for start in range(0, len(people), _AT_ONCE):
        some = people[start : start + _AT_ONCE]
        await asyncio.gather(
            *(application.intake.accept_didomi(body(form, number)) for number in some)
        )
    await application.stop()


async def ours(options: argparse.Namespace) -> dict[str, float]:
    """Take all turns that wait and return how long that took."""
    people = range(options.first, options.first + options.people)
    await store_events(options.database, options.run, people)
    application = await house(
        options.database,
        actito=options.actito,
        actito_calls_per_minute="0",
        actito_max_concurrency=str(options.concurrency),
        turns_concurrency=str(max(32, 4 * options.concurrency)),
    )
    await application.start()
    started, cpu = time.perf_counter(), time.process_time()
    await _drained(application)
    took = {"seconds": time.perf_counter() - started, "cpu": time.process_time() - cpu}
    await application.stop()
    return took


async def bare(options: argparse.Namespace) -> dict[str, float]:
    """Send as many writes from a bare client loop and return how long that took."""
    numbers = iter(range(options.first, options.first + options.people))

    async def send_all(send: Send) -> None:
        for number in numbers:
            await send(number)

    async with sending(options.actito, options.run) as send:
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 50, 50)
        started, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(send_all(send) for _ in range(options.concurrency)))
        return {"seconds": time.perf_counter() - started, "cpu": time.process_time() - cpu}


@asynccontextmanager
async def sending(actito: str, run: str) -> AsyncIterator[Send]:
    """Lend what sends one person's write with a token over kept-alive connections, and no more."""
    base = f"{actito}/profiles/v4/entity/acme/table/Customers/profile"
    async with aiohttp.ClientSession() as session:
        key = {"Authorization": DEFAULT_API_KEY}
        async with session.get(f"{actito}/auth/token", headers=key) as response:
            token = (await response.json())["accessToken"]
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

        async def send(number: int) -> None:
            url = URL(f"{base}/customerId={ouid(run, number)}", encoded=True)
            async with session.put(url, data=_put(run, number), headers=headers) as response:
                assert response.status == 200, response.status
                await response.read()

        yield send


def _put(run: str, number: int) -> bytes:
    """Return the write that the program makes of this person's opt-out."""
    return orjson.dumps(
        {
            "dataCollectionInformation": {
                "date": "2026-03-01 11:15:00",
                "source": "Didomi via consent-sync",
                "way": f"consent event {run}-e000-4000-8000-{number:012}",
            },
            "subscriptions": [{"name": "Newsletter", "subscribe": False}],
        }
    )


async def _drained(application: Application) -> None:
    async def left() -> int:
        await asyncio.sleep(_POLL_SECONDS)
        return (await application.store.status()).waiting_turns

    while await left():
        pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=("ours", "bare"))
    parser.add_argument("--database", type=Path, default=Path("bench.db"))
    parser.add_argument("--actito", required=True)
    parser.add_argument("--run", required=True)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--people", type=int, required=True)
    parser.add_argument("--concurrency", type=int, required=True)
    parser.add_argument("--uvloop", action="store_true")
    options = parser.parse_args()
    pin(SERVER_CORE)
    run = asyncio.run
    if options.uvloop:
        import uvloop  # noqa: PLC0415 - an extra that only this variant needs

        run = uvloop.run
    took = run(ours(options) if options.kind == "ours" else bare(options))
    print(json.dumps(took), flush=True)


if __name__ == "__main__":
    main()
