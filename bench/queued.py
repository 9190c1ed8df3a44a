"""A job queue as a replica: `python -m bench.queued fill|take --url URL`, on any core.

Each job of procrastinate sends one person's write and nothing else: no order among the jobs of one
person, no state, no record.
"""

import argparse
import asyncio
import json
import sys

import procrastinate

from bench.drains import sending

_AT_ONCE = 1_000


def _app(url: str) -> procrastinate.App:
    return procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=url, max_size=20))


async def _fill(options: argparse.Namespace) -> None:
    app = _app(options.url)
    write = app.task(name="write")(_nothing)
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        for start in range(0, options.people, _AT_ONCE):
            some = range(start, min(start + _AT_ONCE, options.people))
            await write.batch_defer_async(*({"number": number} for number in some))
    print(json.dumps({"people": options.people}), flush=True)


async def _nothing(number: int) -> None:
    """Stand for the write where nobody takes it."""


async def _take(options: argparse.Namespace) -> None:
    """Take jobs from the word `go` on, until killed."""
    app = _app(options.url)
    async with sending(options.actito, options.run) as send, app.open_async():
        app.task(name="write")(send)
        print(json.dumps({"ready": True}), flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        await app.run_worker_async(concurrency=options.concurrency)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=("fill", "take"))
    parser.add_argument("--url", required=True)
    parser.add_argument("--actito", required=True)
    parser.add_argument("--run", default="")
    parser.add_argument("--people", type=int, default=0)
    parser.add_argument("--concurrency", type=int, default=32)
    options = parser.parse_args()
    asyncio.run(_fill(options) if options.kind == "fill" else _take(options))


if __name__ == "__main__":
    main()
