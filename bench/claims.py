"""Claims work from a database in which much waits: `python -m bench.claims FILE|URL`, on one core."""

import argparse
import asyncio
import gc
import json
import statistics
import time
from pathlib import Path

from bench.machine import SERVER_CORE, pin
from consent_sync.adapters.clock import SystemClock
from consent_sync.adapters.storage.postgres.store import PostgresStore
from consent_sync.adapters.storage.sqlite import SqliteStore

_TURNS = 32
"""How many turns one claim asks for: as many as the program takes side by side by default."""


async def _claim(database: str, times: int) -> dict[str, float]:
    """Claim so often, settling nothing; return micros per claim, seconds to open, and KiB."""
    shared = database.startswith("postgresql://")
    store = (PostgresStore if shared else SqliteStore)(database, SystemClock())
    began = time.perf_counter()
    await store.open()
    first = await store.claim(_TURNS)
    opened = time.perf_counter() - began
    assert len(first) == _TURNS, "too little waits in this database"
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 50)
    took: list[float] = []
    started = time.process_time()
    for _ in range(times):
        began = time.perf_counter()
        turns = await store.claim(_TURNS)
        took.append((time.perf_counter() - began) * 1e6)
        assert len(turns) == _TURNS, "too little waits in this database"
    cpu = (time.process_time() - started) / times * 1e6
    await store.close()
    return {
        "micros": statistics.fmean(took),
        "cpu": cpu,
        "open_seconds": opened,
        "kib": _most_memory(),
    }


def _most_memory() -> int:
    """Return the most memory this process has held, in KiB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("database")
    parser.add_argument("--times", type=int, default=300)
    options = parser.parse_args()
    pin(SERVER_CORE)
    print(json.dumps(asyncio.run(_claim(options.database, options.times))), flush=True)


if __name__ == "__main__":
    main()
