"""The load on a server's webhook, made by wrk on the other core."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.machine import LOAD_CORE
from bench.people import SECRET
from bench.processes import Child

_SCRIPT = Path(__file__).with_name("wrk.lua")


@dataclass(frozen=True, slots=True)
class Load:
    """What one stretch of load brought: requests answered 2xx, seconds, milliseconds.

    `cpu` is the processor time that the server used, in seconds.
    """

    requests: int
    seconds: float
    p50: float
    p99: float
    cpu: float

    @property
    def per_second(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds

    @property
    def per_cpu_second(self) -> float:
        """Requests per second of the server's processor time."""
        return self.requests / self.cpu


def post(
    server: Child, form: Path, first: int, *, connections: int, seconds: int, path: str
) -> Load:
    """Post events from a template, numbered from `first`; raise RuntimeError if one was refused."""
    words = ["taskset", "-c", str(LOAD_CORE), "wrk", "-t1", f"-c{connections}", "--timeout", "10s"]
    words += [
        f"-d{seconds}s",
        "-s",
        str(_SCRIPT),
        server.said["url"],
        "--",
        path,
        str(form),
        str(first),
        SECRET,
    ]
    before = server.cpu_seconds()
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    cpu = server.cpu_seconds() - before
    said = json.loads(done.stdout.strip().splitlines()[-1])
    if said["refused"] or said["broken"]:
        raise RuntimeError(f"not every event was answered with success: {said}")
    return Load(said["requests"], said["micros"] / 1e6, said["p50"] / 1e3, said["p99"] / 1e3, cpu)
