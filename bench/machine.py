"""The machine that is measured on: its cores, what is missing on it, and how fast its disk syncs."""

import os
import platform
import shutil
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path

SERVER_CORE = 0
LOAD_CORE = 1
_NICE = -20
_LOOK_SECONDS = 0.05


def pin(core: int) -> None:
    """Let this process and all its threads run on one core only."""
    os.sched_setaffinity(0, {core})


def come_first() -> None:
    """Let this process and its children run before everything else on the machine, if allowed."""
    lift("self")
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, _NICE)


def lift(process: int | str) -> None:
    """Let the session of this process run before those of everybody else, if allowed.

    Linux shares time out among sessions first, and only then by nice values.
    """
    with suppress(OSError):
        Path(f"/proc/{process}/autogroup").write_text(str(_NICE), encoding="ascii")


@contextmanager
def lifted_children(parent: int) -> Iterator[None]:
    """Meanwhile lift all children of this process, those that come later too.

    Each process of a PostgreSQL server has a session of its own, which would come after ours.
    """
    done: set[str] = set()
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_LOOK_SECONDS):
            for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
                if child not in done:
                    done.add(child)
                    lift(int(child))

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield
    finally:
        over.set()
        watching.join()


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
