"""The machine that is measured on: its cores, what is missing on it, and how fast its disk syncs."""

import os
import platform
import shutil
import statistics
import sys
import time
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

SERVER_CORE = 0
LOAD_CORE = 1
_NICE = -15


def pin(core: int) -> None:
    """Let this process and all its threads run on one core only."""
    os.sched_setaffinity(0, {core})


def come_first() -> None:
    """Let this process and its children run before everything else on the machine, if allowed."""
    with suppress(OSError):
        # Linux shares time out among sessions first, and only then by nice values.
        Path("/proc/self/autogroup").write_text(str(_NICE), encoding="ascii")
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, _NICE)


def missing() -> list[str]:
    """Return what has to be installed or changed before anything can be measured."""
    found = []
    if not hasattr(os, "sched_setaffinity") or not {SERVER_CORE, LOAD_CORE} <= os.sched_getaffinity(
        0
    ):
        found.append("two cores on Linux: server and load are each pinned to one")
    if shutil.which("wrk") is None:
        found.append("wrk, which makes the load: apt-get install wrk")
    return found


def described(folder: Path) -> list[str]:
    """Return the machine in lines: processor, load, versions, and the disk under `folder`."""
    busy = ", ".join(f"{load:.1f}" for load in os.getloadavg())
    names = ("aiohttp", "apsw", "pydantic", "orjson")
    return [
        f"date: {time.strftime('%Y-%m-%d %H:%M %Z')}",
        f"processor: {_processor()}, {os.cpu_count()} cores; load before the run: {busy}",
        f"system: {platform.system()} {platform.release()}, Python {sys.version.split()[0]}",
        "libraries: " + ", ".join(f"{name} {version(name)}" for name in names),
        f"disk: {sync_micros(folder):.0f} µs to append 4 kB and sync it (median of 200)",
    ]


def sync_micros(folder: Path, times: int = 200) -> float:
    """Return the median time to append 4 kB to a file and sync it, in microseconds."""
    path = folder / "sync-probe"
    took = []
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        for _ in range(times):
            started = time.perf_counter()
            os.write(handle, b"x" * 4096)
            os.fdatasync(handle)
            took.append((time.perf_counter() - started) * 1e6)
    finally:
        os.close(handle)
        path.unlink()
    return statistics.median(took)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
