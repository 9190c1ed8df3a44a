"""Both simulated platforms in one process, with people on both: `python -m bench.both`, on the load's core."""

import argparse
import asyncio
import gc
import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.machine import LOAD_CORE, pin
from bench.people import ouid
from bench.processes import child
from consent_sync.simulators.actito import ActitoSimulator
from consent_sync.simulators.didomi import DidomiSimulator


def drifted(people: int, drift: int) -> list[int]:
    """Return the numbers of the people who hold something else on each side, spread evenly."""
    return [at * people // drift + people // (2 * drift) for at in range(drift)]


@contextmanager
def both(folder: Path, run: str, *, people: int, drift: int) -> Iterator[tuple[str, str]]:
    """Run both platforms with these people; yield the URLs of Didomi and Actito."""
    words = [f"--run={run}", f"--people={people}", f"--drift={drift}"]
    with child("bench.both", *words, log=folder / "both.log") as platforms:
        yield platforms.said["didomi"], platforms.said["actito"]


async def _run(options: argparse.Namespace) -> None:
    didomi = DidomiSimulator()
    actito = ActitoSimulator({"max_concurrent_calls": 0, "calls_per_minute": 0, "call_log": False})
    away = set(drifted(options.people, options.drift))
    for number in range(options.people):
        name, agrees = ouid(options.run, number), number % 2 == 0
        didomi.click(name, {"channels": {"email": agrees}, "purposes": {"marketing": True}})
        held = agrees is not (number in away)
        actito.world.seed({"customerId": name}, {"Newsletter": held, "DailyDeals": True})
    await didomi.start()
    await actito.start()
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 50)
    print(json.dumps({"didomi": didomi.url, "actito": actito.url}), flush=True)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    await actito.stop()
    await didomi.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", default="")
    parser.add_argument("--people", type=int, required=True)
    parser.add_argument("--drift", type=int, required=True)
    options = parser.parse_args()
    pin(LOAD_CORE)
    asyncio.run(_run(options))


if __name__ == "__main__":
    main()
