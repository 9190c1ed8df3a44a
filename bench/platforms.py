"""A simulated Actito in a process of its own: `python -m bench.platforms`, on the load's core."""

import argparse
import asyncio
import gc
import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvloop

from bench.machine import LOAD_CORE, pin
from bench.people import ouid
from bench.processes import child
from consent_sync.simulators.actito import ActitoSimulator


@contextmanager
def actito(
    folder: Path, run: str, *, people: int, first: int = 0, latency_ms: int = 0
) -> Iterator[str]:
    """Run a simulated Actito without limits and with these people subscribed; yield its URL."""
    words = [f"--latency={latency_ms}", f"--run={run}", f"--people={people}", f"--first={first}"]
    with child("bench.platforms", *words, log=folder / "actito.log") as simulator:
        yield simulator.said["url"]


async def _run(options: argparse.Namespace) -> None:
    simulator = ActitoSimulator(
        {
            "max_concurrent_calls": 0,
            "calls_per_minute": 0,
            "call_log": False,
            "latency_ms": options.latency,
        }
    )
    for number in range(options.first, options.first + options.people):
        simulator.world.seed({"customerId": ouid(options.run, number)}, {"Newsletter": True})
    await simulator.start()
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 50)
    print(json.dumps({"url": simulator.url}), flush=True)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    await simulator.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency", type=int, default=0, help="milliseconds that every call takes")
    parser.add_argument("--run", default="")
    parser.add_argument("--people", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first of the people")
    options = parser.parse_args()
    pin(LOAD_CORE)
    # A platform costs the machine of whoever measures nothing; this one as little as it can.
    uvloop.run(_run(options))


if __name__ == "__main__":
    main()
