"""Who brings changes to Actito: `python -m bench.latency_server real|inline`, a process of its own.

`real` is the program; `inline` sends each write from the handler, before it answers, and stores
nothing. On a core of the server's own, unless several share all.
"""

import argparse
import asyncio
import json
import signal
import time
from pathlib import Path

from aiohttp import web

from bench.drains import sending
from bench.house import house
from bench.machine import SERVER_CORE, pin
from bench.servers import PATH, bare_server, ready
from consent_sync.adapters.didomi.webhook import DidomiReceiver
from consent_sync.adapters.telemetry import LogObserver
from consent_sync.app.application import Duty
from consent_sync.domain.events import DidomiItem
from consent_sync.domain.identity import Subject
from consent_sync.domain.ledger import LedgerRecord
from consent_sync.domain.verdicts import Verdict
from consent_sync.web.server import serve


def number_of(name: str) -> int:
    """Return the number of the person of this name."""
    return int(name.partition("@")[0][-12:])


async def real(options: argparse.Namespace, stop: asyncio.Event) -> None:
    """Serve the real program until stopped; then write down when it had confirmed what."""
    confirmed = noted_confirmations()
    settings = {"database_url": options.url} if options.url else {}
    application = await house(
        options.folder / "latency.db",
        actito=options.actito,
        duty=Duty[options.duty],
        actito_calls_per_minute="0",
        actito_max_concurrency="64",
        turns_concurrency="64",
        sweep_every_hours="0",
        **settings,
    )
    await serve(application, stop, listening=ready)
    options.notes.write_text(json.dumps(confirmed), encoding="utf-8")


def noted_confirmations() -> list[tuple[int, float]]:
    """Return a list that gets the person and the moment of every confirmation that is durable."""
    found: list[tuple[int, float]] = []
    tell = LogObserver.turn

    def turn(
        self: LogObserver, subject: Subject, record: LedgerRecord | None, outcome: str
    ) -> None:
        tell(self, subject, record, outcome)
        if record and any(one.verdict is Verdict.CONFIRMED for one in record.entries):
            found.append((number_of(subject.person), time.time()))

    LogObserver.turn = turn  # type: ignore[method-assign]  # for measuring only
    return found


async def inline(options: argparse.Namespace, stop: asyncio.Event) -> None:
    """Serve the simplest program of all until stopped."""
    receiver = DidomiReceiver()
    async with sending(options.actito, options.run) as send:

        async def handle(request: web.Request) -> web.Response:
            content = await request.read()
            if request.path == PATH:
                item = receiver.understand(content)
                assert isinstance(item, DidomiItem)
                await send(number_of(item.ouid))
            return web.Response(body=b'{"accepted":1}', content_type="application/json")

        await bare_server(stop, handle, "/{path:.*}")


async def _run(options: argparse.Namespace) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await (real if options.kind == "real" else inline)(options, stop)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=("real", "inline"))
    parser.add_argument("--actito", required=True)
    parser.add_argument("--run", default="")
    parser.add_argument("--url", default="", help="of a PostgreSQL database, instead of a file")
    parser.add_argument("--folder", type=Path, default=Path())
    parser.add_argument("--notes", type=Path, default=Path("notes.json"))
    parser.add_argument("--duty", choices=[one.name for one in Duty], default=Duty.ALL.name)
    parser.add_argument("--any-core", action="store_true", help="instead of the server's core")
    options = parser.parse_args()
    if not options.any_core:
        pin(SERVER_CORE)
    asyncio.run(_run(options))


if __name__ == "__main__":
    main()
