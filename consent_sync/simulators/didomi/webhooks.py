"""Sends webhooks: an outbox with attempts, retries, delays and duplicates as the switches say.

What finds no receiver in all its attempts is stored, as the page "Webhooks" says, and sent again only on request.
"""

import asyncio
import contextlib
import heapq
import random
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import aiohttp
import orjson
from pydantic import JsonValue

from consent_sync.simulators.didomi.connections import Connection, OAuth, TokenRefusedError
from consent_sync.simulators.didomi.envelope import envelope, told
from consent_sync.simulators.didomi.notices import Notice
from consent_sync.simulators.didomi.switches import Switches

_PAUSES: dict[str, tuple[float, ...]] = {
    "five_in_five_minutes": (60, 60, 60, 60),
    "every_five_minutes": (300, 300, 300, 300),
    "one_try": (),
}
_MAX_WAITING = 100_000
_MAX_STORED = 10_000
_MAX_ATTEMPTS_KEPT = 10_000


@dataclass(slots=True)
class Delivery:
    """One webhook on its way to one receiver."""

    number: int
    type: str
    body: bytes
    connection: Connection
    attempts: int = 0
    succeeded: bool = False


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of a delivery; `status` 0 means that no answer came."""

    number: int
    type: str
    attempt: int
    status: int

    def describe(self) -> dict[str, JsonValue]:
        """Return the attempt as JSON values."""
        return {
            "number": self.number,
            "type": self.type,
            "attempt": self.attempt,
            "status": self.status,
        }


class WebhookSender:
    """Keeps what is to be sent and sends it while started."""

    def __init__(self, switches: Switches, chance: random.Random) -> None:
        self.connections: dict[str, Connection] = {}
        self.attempts: deque[Attempt] = deque(maxlen=_MAX_ATTEMPTS_KEPT)
        self.stored: deque[Delivery] = deque(maxlen=_MAX_STORED)
        """Deliveries given up after their last attempt."""
        self._switches = switches
        self._chance = chance
        self._waiting: list[tuple[float, int, Delivery]] = []
        self.attempted = 0
        self.succeeded = 0
        """Deliveries that got a 2xx at least once."""
        self._numbers = 0
        self._under_way: dict[asyncio.Task[None], Delivery] = {}
        self._changed = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._http: aiohttp.ClientSession | None = None
        self._loop_task: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """How many deliveries wait for an attempt or are under way."""
        return len(self._waiting) + len(self._under_way)

    @property
    def seconds_to_next(self) -> float | None:
        """Real seconds until the next attempt is due, none when nothing waits."""
        return max(0.0, self._waiting[0][0] - time.monotonic()) if self._waiting else None

    def connect(
        self,
        connection_id: str,
        url: str,
        *,
        headers: dict[str, str] | None = None,
        oauth: OAuth | None = None,
        event_types: Iterable[str] = (),
    ) -> Connection:
        """Register a receiver; one with OAuth turns `webhook_auth` to `oauth`."""
        connection = Connection(connection_id, url, headers or {}, oauth, tuple(event_types))
        self.connections[connection_id] = connection
        if oauth is not None:
            self._switches.webhook_auth = "oauth"
        return connection

    def publish(self, notices: list[Notice]) -> None:
        """Queue the webhooks that notices yield; when too much waits, they are stored at once."""
        if not self.connections:
            return
        for notice in told(notices, self._switches):
            body = orjson.dumps(envelope(notice, self._switches))
            for connection in self.connections.values():
                if not connection.event_types or notice.type in connection.event_types:
                    self._numbers += 1
                    self._add(Delivery(self._numbers, notice.type, body, connection))

    def replay_stored(self) -> int:
        """Queue every stored delivery for a new round of attempts; return how many."""
        count = len(self.stored)
        while self.stored:
            delivery = self.stored.popleft()
            delivery.attempts = 0
            self._queue(delivery, 0)
        return count

    def hurry(self) -> None:
        """Make everything that waits due now, in the order in which it happened."""
        self._waiting = [(0.0, number, delivery) for _, number, delivery in self._waiting]
        heapq.heapify(self._waiting)
        self._changed.set()

    def clear(self) -> None:
        """Forget what waits, what is stored and what was tried; receivers stay."""
        self._waiting.clear()
        self.stored.clear()
        self.attempts.clear()
        self.attempted = self.succeeded = 0
        self._note_idle()

    async def start(self) -> None:
        """Begin to send."""
        self._http = aiohttp.ClientSession()
        self._loop_task = asyncio.create_task(self._run(self._http))

    async def stop(self) -> None:
        """Stop sending; what waits or was under way is sent after the next start."""
        broken_off = dict(self._under_way)
        tasks = [task for task in (self._loop_task, *broken_off) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for task, delivery in broken_off.items():
            if task.cancelled():
                self._queue(delivery, 0)
        if self._http is not None:
            await self._http.close()

    async def settled(self) -> None:
        """Return when nothing waits any more."""
        await self._idle.wait()

    def _add(self, delivery: Delivery) -> None:
        if len(self._waiting) >= _MAX_WAITING:
            self.stored.append(delivery)
            return
        self._queue(delivery, self._first_delay())

    def _first_delay(self) -> float:
        switches = self._switches
        if switches.webhook_order == "shuffled":
            return self._chance.random() * switches.webhook_shuffle_window_seconds
        return switches.webhook_delay_seconds if switches.webhook_order == "delayed" else 0

    def _queue(self, delivery: Delivery, delay: float) -> None:
        due = time.monotonic() + delay * self._switches.time_scale
        heapq.heappush(self._waiting, (due, delivery.number, delivery))
        self._idle.clear()
        self._changed.set()

    async def _run(self, http: aiohttp.ClientSession) -> None:
        while True:
            self._changed.clear()
            pause = self._send_due(http)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), pause)

    def _send_due(self, http: aiohttp.ClientSession) -> float | None:
        """Begin the deliveries that are due; return how long until the next one, if time alone is missing."""
        now = time.monotonic()
        while self._waiting and len(self._under_way) < self._switches.webhook_concurrency:
            due = self._waiting[0][0]
            if due > now:
                return due - now
            delivery = heapq.heappop(self._waiting)[2]
            task = asyncio.create_task(self._deliver(http, delivery))
            self._under_way[task] = delivery
            task.add_done_callback(self._done)
        return None

    def _done(self, task: asyncio.Task[None]) -> None:
        self._under_way.pop(task, None)
        self._changed.set()
        self._note_idle()

    def _note_idle(self) -> None:
        if not self._waiting and not self._under_way:
            self._idle.set()

    async def _deliver(self, http: aiohttp.ClientSession, delivery: Delivery) -> None:
        delivery.attempts += 1
        try:
            status = await self._post(http, delivery)
        except (aiohttp.ClientError, TimeoutError, TokenRefusedError, OSError):
            status = 0
        self.attempts.append(Attempt(delivery.number, delivery.type, delivery.attempts, status))
        self.attempted += 1
        if 200 <= status < 300 and not delivery.succeeded:
            delivery.succeeded = True
            self.succeeded += 1
        if status == 401:
            delivery.connection.token = None
        self._plan_next(delivery, status)

    async def _post(self, http: aiohttp.ClientSession, delivery: Delivery) -> int:
        connection, now = delivery.connection, time.monotonic()
        headers = await connection.authentication(http, self._switches, now)
        timeout = aiohttp.ClientTimeout(total=self._switches.webhook_timeout_seconds)
        async with http.post(
            connection.url,
            data=delivery.body,
            headers={"Content-Type": "application/json", **headers},
            timeout=timeout,
            allow_redirects=False,
        ) as response:
            await response.read()
            return response.status

    def _plan_next(self, delivery: Delivery, status: int) -> None:
        switches = self._switches
        pauses = _PAUSES[switches.webhook_retry_schedule]
        given_up = 400 <= status < 500 and not switches.webhook_retry_client_errors
        repeats = not delivery.succeeded or switches.webhook_duplicates == "every_retry"
        if repeats and not given_up and delivery.attempts <= len(pauses):
            self._queue(delivery, pauses[delivery.attempts - 1])
        elif not delivery.succeeded:
            self.stored.append(delivery)
