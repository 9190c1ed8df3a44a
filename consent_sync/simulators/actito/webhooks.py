"""Sends webhook events: an outbox in memory, windows that shuffle, retries, duplicates and daily error lists."""

import asyncio
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp
import orjson

from consent_sync.simulators.actito.events import Data, Event, envelope, push_type
from consent_sync.simulators.actito.registry import Webhook
from consent_sync.simulators.actito.switches import Switches
from consent_sync.simulators.actito.values import show_moment

OUTBOX_LIMIT = 1_000_000
"""Events that may wait; further ones are lost and counted."""

_EXCERPT = 200


@dataclass(frozen=True, slots=True)
class Delivery:
    """One call to a receiver that waits to be made; a retry sends the same bytes."""

    webhook: Webhook
    body: bytes


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call to a receiver that was made; `status` is none when no answer came."""

    at: float
    webhook_id: int
    status: int | None
    body: bytes


@dataclass(slots=True)
class Tally:
    """What became of events and deliveries so far."""

    events: int = 0
    lost: int = 0
    delivered: int = 0
    failed: int = 0
    attempts: int = 0


class Sender:
    """Delivers events in the background between `start` and `stop`; what is not delivered yet survives a stop."""

    def __init__(
        self,
        switches: Switches,
        now: Callable[[], float],
        rng: random.Random,
        *,
        log_size: int = 10_000,
    ) -> None:
        self.tally = Tally()
        self.attempts: deque[Attempt] = deque(maxlen=log_size)
        self._switches = switches
        self._now = now
        self._rng = rng
        self._events: deque[Event] = deque()
        self._held: deque[Event] = deque()
        self._ready: deque[Delivery] = deque()
        self._under_way: set[asyncio.Task[None]] = set()
        self._pump: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._session: aiohttp.ClientSession | None = None

    @property
    def waiting(self) -> int:
        """Events and deliveries that are not finished, without those held back."""
        return len(self._events) + len(self._ready) + len(self._under_way)

    @property
    def held(self) -> int:
        """Events held back by the switch `webhook_hold`."""
        return len(self._held)

    def put(self, event: Event) -> None:
        """Take an event for delivery; it may be lost by switch or by a full outbox, and both are counted."""
        self.tally.events += 1
        lossy = self._switches.webhook_loss_chance
        if self.waiting + self.held >= OUTBOX_LIMIT or (lossy and self._rng.random() < lossy):
            self.tally.lost += 1
            return
        if self._switches.webhook_hold:
            self._held.append(event)
            return
        self._events.append(event)
        self._stir()

    def flush(self) -> int:
        """Let the events go that were held back; return how many."""
        count = len(self._held)
        self._events.extend(self._held)
        self._held.clear()
        if count:
            self._stir()
        return count

    def forget(self) -> None:
        """Drop every event that waits, and the tally; calls under way end by themselves."""
        for queue in (self._events, self._held, self._ready):
            queue.clear()
        self.attempts.clear()
        self.tally = Tally()
        self._rest()

    async def start(self) -> None:
        """Begin to deliver."""
        # Without a limit of its own the switch alone decides how many calls run side by side.
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        self._pump = asyncio.create_task(self._run())
        self._dispatch()

    async def stop(self) -> None:
        """Stop delivering; calls under way are given up and wait for the next start."""
        session, self._session = self._session, None
        tasks = [*self._under_way, *([self._pump] if self._pump else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._pump = None
        if session is not None:
            await session.close()

    async def settled(self) -> None:
        """Wait until nothing is waiting any more, except events held back."""
        await self._idle.wait()

    def _stir(self) -> None:
        self._idle.clear()
        self._wake.set()

    def _rest(self) -> None:
        if not self.waiting:
            self._idle.set()

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            await asyncio.sleep(self._switches.webhook_window_ms / 1000)
            self._wake.clear()
            self._collect()
            self._dispatch()

    def _collect(self) -> None:
        """Turn the window's events into deliveries: shuffled unless strict, and grouped for bulk webhooks."""
        window = list(self._events)
        self._events.clear()
        if self._switches.webhook_order == "shuffled":
            self._rng.shuffle(window)
        for webhook, block in _blocks(window, self._switches):
            body = orjson.dumps(envelope(webhook, block, self._switches, self._rng))
            self._ready.append(Delivery(webhook, body))

    def _dispatch(self) -> None:
        """Start as many deliveries as may run at one moment."""
        if self._session is None:
            return
        strict = self._switches.webhook_order == "strict"
        free = 1 if strict else self._switches.webhook_concurrency
        while self._ready and len(self._under_way) < free:
            delivery = self._ready.popleft()
            task = asyncio.create_task(self._deliver(self._session, delivery))
            self._under_way.add(task)
            task.add_done_callback(self._finished)
        self._rest()

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._dispatch()

    async def _deliver(self, session: aiohttp.ClientSession, delivery: Delivery) -> None:
        """Call a receiver until it accepts or the retries are used up."""
        try:
            for turn in range(self._switches.webhook_retries + 1):
                if turn:
                    await asyncio.sleep(self._switches.webhook_retry_delay_ms / 1000)
                if not delivery.webhook.body.is_active:
                    return
                if await self._attempt(session, delivery):
                    self.tally.delivered += 1
                    if self._rng.random() < self._switches.webhook_duplicate_chance:
                        await self._attempt(session, delivery)
                    return
            self.tally.failed += 1
        except asyncio.CancelledError:
            self._ready.appendleft(delivery)
            raise

    async def _attempt(self, session: aiohttp.ClientSession, delivery: Delivery) -> bool:
        """Make one call and note its outcome; tell whether the receiver accepted."""
        status, problem = await self._post(session, delivery)
        self.tally.attempts += 1
        if self._switches.call_log:
            number = delivery.webhook.id
            self.attempts.append(Attempt(self._now(), number, status, delivery.body))
        accepted = status is not None and 200 <= status < 300
        self._note(delivery, status, problem, accepted=accepted)
        return accepted

    async def _post(
        self, session: aiohttp.ClientSession, delivery: Delivery
    ) -> tuple[int | None, str]:
        target = delivery.webhook.body
        headers = {
            name: value for name, value in target.headers.items() if name.lower() != "content-type"
        }
        headers["Content-Type"] = "application/json"
        timeout = aiohttp.ClientTimeout(total=self._switches.webhook_timeout_ms / 1000)
        try:
            async with session.post(
                target.target_url,
                data=delivery.body,
                headers=headers,
                timeout=timeout,
                allow_redirects=False,
            ) as response:
                await response.content.read(_EXCERPT)
                return response.status, f"HTTP {response.status}"
        except (aiohttp.ClientError, TimeoutError) as error:
            return None, type(error).__name__

    def _note(
        self, delivery: Delivery, status: int | None, problem: str, *, accepted: bool
    ) -> None:
        webhook = delivery.webhook
        if accepted:
            webhook.failures = 0
            return
        webhook.failures += 1
        moment = show_moment(self._now(), self._switches)
        error: Data = {
            "moment": moment,
            "status": status,
            "error": problem,
            "body": delivery.body.decode(),
        }
        webhook.note_error(moment[:10], error)
        limit = self._switches.deactivate_after
        if limit and webhook.failures >= limit:
            webhook.body.is_active = False


def _blocks(window: list[Event], switches: Switches) -> list[tuple[Webhook, list[Data]]]:
    """Group a window's events into calls: one each, or for bulk webhooks up to `maxBlockSize`."""
    calls: list[tuple[Webhook, list[Data]]] = []
    open_blocks: dict[int, list[Data]] = {}
    for event in window:
        webhook = event.webhook
        block = open_blocks.get(webhook.id)
        if block is None or len(block) >= webhook.body.max_block_size:
            block = []
            calls.append((webhook, block))
            if push_type(webhook, switches) == "BULK":
                open_blocks[webhook.id] = block
        block.append(event.data)
    return calls
