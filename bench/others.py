"""The same intake through other engines, each a server: `python -m bench.others NAME --database URL`.

Only the durable enqueueing is measured: no worker runs, as in the intake it stands beside.
"""

import argparse
import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import dbos
import procrastinate
from aiohttp import web

from bench.machine import SERVER_CORE, pin
from bench.servers import bare_server
from consent_sync.adapters.didomi.webhook import parse_envelope

Enqueue = Callable[[str, str], Awaitable[object]]
"""Makes an event durable: its id, for recognising it when it comes again, and its body."""


@asynccontextmanager
async def through_dbos(url: str) -> AsyncIterator[Enqueue]:
    """Enqueue a workflow for each event, its id the event's."""
    # Started once for the tables; a started one would run workflows beside the measured work.
    dbos.DBOS(config={"name": "bench", "system_database_url": url, "run_admin_server": False})
    dbos.DBOS.launch()
    dbos.DBOS.destroy()
    client = dbos.DBOSClient(system_database_url=url)

    async def enqueue(name: str, body: str) -> object:
        options: dbos.EnqueueOptions = {
            "queue_name": "turns",
            "workflow_name": "turn",
            "workflow_id": name,
        }
        return await client.enqueue_async(options, body)

    try:
        yield enqueue
    finally:
        await asyncio.to_thread(client.destroy)


@asynccontextmanager
async def through_procrastinate(url: str) -> AsyncIterator[Enqueue]:
    """Defer a job for each event; it has no memory of events that come again."""
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=url, max_size=20))

    @app.task(name="turn")
    async def turn(body: str) -> None:
        """Never run here."""

    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        yield lambda _name, body: turn.defer_async(body=body)


ENGINES = {"dbos": through_dbos, "procrastinate": through_procrastinate}


async def _serve(name: str, url: str) -> None:
    async with ENGINES[name](url) as enqueue:

        async def take(request: web.Request) -> web.Response:
            body = await request.read()
            entity = parse_envelope(body).subject()
            assert entity is not None
            await enqueue(entity.id or "", body.decode())
            return web.Response(
                body=b'{"accepted":1,"duplicates":0}', content_type="application/json"
            )

        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        await bare_server(stop, take)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=tuple(ENGINES))
    parser.add_argument("--database", required=True, help="its address")
    options = parser.parse_args()
    pin(SERVER_CORE)
    logging.getLogger("dbos").setLevel(logging.WARNING)
    asyncio.run(_serve(options.name, options.database))


if __name__ == "__main__":
    main()
