"""One replica on PostgreSQL: `python -m bench.replica fill|take --url URL`, on any core."""

import argparse
import asyncio
import json
import sys
from pathlib import Path

import uvloop

from bench.drains import store_events
from bench.house import house, without_turns


async def _take(options: argparse.Namespace) -> None:
    """Take turns from the word `go` on, until killed or stopped."""
    application = await house(
        Path(),
        actito=options.actito,
        database_url=options.url,
        actito_calls_per_minute="0",
        actito_max_concurrency=str(options.concurrency),
        # As beside SQLite: more turns than calls, because a turn has other things to do, too.
        turns_concurrency=str(4 * options.concurrency),
        sweep_every_hours="0",
    )
    worker = application.worker
    await without_turns(application).start()
    print(json.dumps({"ready": True}), flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    application.worker = worker
    working = asyncio.create_task(worker.run())
    await asyncio.to_thread(sys.stdin.readline)
    await application.stop()
    await working


async def _fill(options: argparse.Namespace) -> None:
    people = range(options.people)
    await store_events(Path(), options.run, people, database_url=options.url)
    print(json.dumps({"people": len(people)}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=("fill", "take"))
    parser.add_argument("--url", required=True)
    parser.add_argument("--actito", required=True)
    parser.add_argument("--run", default="")
    parser.add_argument("--people", type=int, default=0)
    parser.add_argument("--concurrency", type=int, default=32)
    parser.add_argument("--uvloop", action="store_true", help="as `serve` where it is installed")
    options = parser.parse_args()
    run = uvloop.run if options.uvloop else asyncio.run
    run(_fill(options) if options.kind == "fill" else _take(options))


if __name__ == "__main__":
    main()
