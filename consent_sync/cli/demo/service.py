"""The real service as a process of its own, in a folder of its own."""

import asyncio
import os
import sys
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import aiohttp
import orjson
from yarl import URL

from consent_sync.app.setting_reading import PREFIX
from consent_sync.cli.demo.checks import NotHeldError, until

START_SECONDS: Final = 20.0
STOP_SECONDS: Final = 15.0
_KEPT_LINES: Final = 200
_TIMEOUT: Final = aiohttp.ClientTimeout(total=10)


class Service:
    """`consent-sync serve`, started in a folder whose `.env` configures it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._http: aiohttp.ClientSession | None = None
        self.lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self.address = ""

    async def start(self) -> None:
        """Start it and wait until it listens; raise NotHeldError when it does not."""
        self._http = aiohttp.ClientSession(timeout=_TIMEOUT)
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "consent_sync", "serve"),
            cwd=self._folder,
            env=_bare_environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        self._reading = asyncio.create_task(self._read())
        await until("the service listens", self._listens_or_ended, START_SECONDS)
        if not self.address:
            raise NotHeldError("the service starts")

    async def stop(self) -> None:
        """Ask it to stop as a supervisor would, and kill it when it does not."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.terminate()
            try:
                async with asyncio.timeout(STOP_SECONDS):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
        if self._reading is not None:
            await self._reading
        if self._http is not None:
            await self._http.close()

    async def status(self) -> Any:
        """Return what `GET /api/v1/status` answers."""
        return await self._call("GET", "status")

    async def person(self, ouid: str) -> Any:
        """Return what is known about a person."""
        return await self._call("GET", f"persons/{quote(ouid, safe='')}")

    async def timeline(self, ouid: str) -> list[dict[str, Any]]:
        """Return what happened to a person, newest first."""
        answer = await self._call("GET", f"persons/{quote(ouid, safe='')}/timeline")
        found: list[dict[str, Any]] = answer["entries"]
        return found

    async def replay(self, number: int) -> Any:
        """Take a stored event once more."""
        return await self._call("POST", f"events/{number}/replay")

    async def _call(self, method: str, path: str) -> Any:
        url = URL(f"{self.address}/api/v1/{path}", encoded=True)
        headers = {"Content-Type": "application/json"} if method == "POST" else {}
        if self._http is None:
            raise NotHeldError("the service runs")
        try:
            async with self._http.request(method, url, headers=headers) as response:
                body = await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise NotHeldError(f"the service answers ({type(error).__name__})") from None
        if response.status != 200:
            raise NotHeldError(f"the service answers 200 to {path} (it answers {response.status})")
        return orjson.loads(body)

    async def _read(self) -> None:
        stream = self._process.stderr if self._process is not None else None
        while stream is not None and (line := await stream.readline()):
            text = line.decode("utf-8", "replace").rstrip()
            self.lines.append(text)
            if '"listening"' in text:
                self.address = orjson.loads(line)["address"]

    def _listens_or_ended(self) -> bool:
        ended = self._process is not None and self._process.returncode is not None
        return bool(self.address) or ended


def _bare_environment() -> Mapping[str, str]:
    """Return the environment without our own settings: the demo has its own."""
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
