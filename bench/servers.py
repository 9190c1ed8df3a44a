"""The servers under load, each a process of its own: `python -m bench.servers bare|full|same|real`.

`bare` is a handler that parses and validates; `full` understands an event as a turn does; `same` is
the real server, which then stores nothing.
"""

import argparse
import asyncio
import gc
import json
import signal
import time
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler

from bench.house import NOWHERE, house, without_store, without_turns
from bench.machine import SERVER_CORE, pin
from consent_sync.adapters.didomi.webhook import DidomiReceiver, parse_envelope
from consent_sync.adapters.storage.transactions import SqliteTransactions
from consent_sync.web.server import serve

PATH = "/webhooks/didomi"

_RECEIVER = DidomiReceiver()


async def _bare(request: web.Request) -> web.Response:
    """Read, parse and validate an event with the real model; answer as the real server does."""
    parse_envelope(await request.read())
    return web.Response(body=b'{"accepted":1,"duplicates":0}', content_type="application/json")


async def _full(request: web.Request) -> web.Response:
    """Read an event into everything that a turn needs of it; answer as the real server does."""
    _RECEIVER.understand(await request.read())
    return web.Response(body=b'{"accepted":1,"duplicates":0}', content_type="application/json")


async def bare_server(stop: asyncio.Event, handler: Handler = _bare, place: str = PATH) -> None:
    """Serve what every Python server must do at least, until stopped."""
    app = web.Application()
    app.router.add_post(place, handler)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    # The same care for the garbage collector as the real program takes.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 50)
    ready(f"http://127.0.0.1:{runner.addresses[0][1]}")
    await stop.wait()
    await runner.cleanup()


async def real_server(options: argparse.Namespace, stop: asyncio.Event) -> None:
    """Serve the real program until stopped."""
    settings = {} if options.pace is None else {"actito_calls_per_minute": str(options.pace)}
    if options.pace == 0:
        settings |= {"actito_max_concurrency": "64", "turns_concurrency": "64"}
    if options.url:
        settings["database_url"] = options.url
    application = await house(options.database, actito=options.actito or NOWHERE, **settings)
    if options.kind == "same":
        application = without_store(application)
    elif not options.actito:
        application = without_turns(application)
    await serve(application, stop, listening=ready)


def ready(url: str) -> None:
    """Say where the server answers."""
    print(json.dumps({"url": url}), flush=True)


def slow_commits(seconds: float) -> None:
    """Make every commit of this process take that much longer, as on a slow disk."""
    commit = SqliteTransactions.commit

    def slowly(self: SqliteTransactions) -> None:
        time.sleep(seconds)
        commit(self)

    SqliteTransactions.commit = slowly  # type: ignore[method-assign]  # for measuring only


async def _run(options: argparse.Namespace) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    bare = {"bare": _bare, "full": _full}.get(options.kind)
    await (bare_server(stop, bare) if bare is not None else real_server(options, stop))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=("bare", "full", "same", "real"))
    parser.add_argument("--database", type=Path, default=Path("bench.db"))
    parser.add_argument("--url", default="", help="of a PostgreSQL database, instead of a file")
    parser.add_argument("--actito", default="", help="with this address turns are taken, else none")
    parser.add_argument("--pace", type=int, help="calls to Actito a minute, 0 = any number")
    parser.add_argument("--slow-commit", type=float, default=0.0, help="seconds added to each")
    parser.add_argument("--uvloop", action="store_true")
    parser.add_argument("--any-core", action="store_true", help="instead of the server's core")
    options = parser.parse_args()
    if not options.any_core:
        pin(SERVER_CORE)
    if options.slow_commit:
        slow_commits(options.slow_commit)
    if options.uvloop:
        import uvloop  # noqa: PLC0415 - an extra that only this variant needs

        uvloop.run(_run(options))
    else:
        asyncio.run(_run(options))


if __name__ == "__main__":
    main()
