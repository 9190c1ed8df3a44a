"""The replicas of the soak: started, killed on the spot, asked and watched."""

import asyncio
import json
import os
import socket
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

import aiohttp

from bench.processes import ROOT
from bench.soak_handles import open_handles

_READY_SECONDS: Final = 180.0
_COMMAND_SECONDS: Final = 600.0


class Program(NamedTuple):
    """The program in one version: the interpreter that has what it needs, and its folder."""

    python: str
    root: Path


OURS: Final = Program(sys.executable, ROOT)


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at a replica: when, in which of its lives, its memory, and what it has open by kind."""

    at: float
    life: int
    resident_kib: int
    handles: Counter[str]


@dataclass
class Replica:
    """One `consent-sync serve` on an address of its own, at most one process at a time.

    `platforms` names the ports that it calls.
    """

    name: str
    folder: Path
    variables: Mapping[str, str]
    platforms: Mapping[int, str]
    program: Program = OURS
    lives: int = 0
    samples: list[Sample] = field(default_factory=list)
    ready: bool = False
    _process: asyncio.subprocess.Process | None = None
    _port: int = 0

    @property
    def address(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def log(self) -> Path:
        """What it has written, in all its lives."""
        return self.folder / f"{self.name}.log"

    async def start(self) -> None:
        """Start it and return when it answers; raises RuntimeError when it does not."""
        self._port = self._port or _free_port()
        with self.log.open("ab") as log:
            self._process = await self._run(("serve",), log, log)
        self.lives += 1
        end = time.monotonic() + _READY_SECONDS
        async with aiohttp.ClientSession() as http:
            while not await _answers(http, self.address):
                if time.monotonic() > end or self._process.returncode is not None:
                    ended = f"it ended with {self._process.returncode}"
                    last = self.log.read_text(encoding="utf-8")[-4_000:]
                    raise RuntimeError(f"{self.name} does not start ({ended}):\n{last}")
                await asyncio.sleep(0.05)
        self.ready = True

    async def kill(self) -> None:
        """Kill it on the spot."""
        self.ready, process = False, self._process
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()

    async def stop(self) -> int:
        """Ask it to end and return its exit code."""
        self.ready, process = False, self._process
        if process is None or process.returncode is not None:
            return -1
        process.terminate()
        return await process.wait()

    def look(self) -> None:
        """Note its memory and its open files."""
        process = self._process
        if not self.ready or process is None:
            return
        here = Path(f"/proc/{process.pid}")
        try:
            pages = int((here / "statm").read_text(encoding="ascii").split()[1])
            handles = open_handles(process.pid, self._port, self.platforms)
        except OSError:
            return
        kib = pages * os.sysconf("SC_PAGE_SIZE") // 1024
        self.samples.append(Sample(time.time(), self.lives, kib, handles))

    async def command(self, *words: str) -> Any:
        """Run a command of the program beside it and return the JSON that it prints."""
        with (self.folder / "commands.log").open("ab") as log:
            process = await self._run((*words, "--json"), asyncio.subprocess.PIPE, log)
        async with asyncio.timeout(_COMMAND_SECONDS):
            printed, _ = await process.communicate()
        if process.returncode not in (0, 1):
            raise RuntimeError(f"{words[0]} ended with {process.returncode}; commands.log says why")
        return json.loads(printed)

    async def _run(
        self, words: Sequence[str], output: "IO[bytes] | int", errors: "IO[bytes]"
    ) -> asyncio.subprocess.Process:
        others = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("CONSENT_SYNC_")
        }
        ours = {f"CONSENT_SYNC_{name}": value for name, value in self.variables.items()}
        ours["CONSENT_SYNC_LISTEN"] = self.address.removeprefix("http://")
        return await asyncio.create_subprocess_exec(
            self.program.python,
            *("-m", "consent_sync"),
            *words,
            cwd=self.folder,
            env={**others, **ours, "PYTHONPATH": str(self.program.root)},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
        )


async def _answers(http: aiohttp.ClientSession, address: str) -> bool:
    try:
        async with http.get(f"{address}/healthz") as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
