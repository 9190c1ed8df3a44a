"""A simulated Didomi, a clock that both sides share, and a client between them."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from pydantic import JsonValue

from consent_sync.adapters.didomi.client import DidomiClient
from consent_sync.adapters.didomi.session import DidomiSettings
from consent_sync.adapters.http import HttpWall
from consent_sync.domain import mapping as mappings
from consent_sync.domain.consent import Choice, Node
from consent_sync.domain.events import Origin
from consent_sync.domain.moments import SECOND, Micros
from consent_sync.ports.platforms import ConsentDraft
from consent_sync.simulators.didomi import DEFAULT_API_KEY, DEFAULT_API_SECRET, DidomiSimulator
from consent_sync.simulators.didomi.calls import Call

OUID = "user-123@example.com"
AT = 1_772_360_100_000_000
"""2026-03-01T10:15:00Z"""

MAPPING = mappings.Mapping(
    name="brand-a",
    version="1",
    file="brand-a.yaml",
    contact="privacy@example.com",
    organization_id="acme",
    regulations=("gdpr",),
    entity="acme",
    table="Customers",
    key_attribute="customerId",
    lines=(),
)


@dataclass
class HeldClock:
    """A clock that only moves when somebody sleeps or a test moves it."""

    moment: Micros = AT
    naps: list[float] = field(default_factory=list)

    def now(self) -> Micros:
        return self.moment

    async def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        self.moment += round(seconds * SECOND)


@dataclass
class Stage:
    """Everything a test of the client needs."""

    didomi: DidomiSimulator
    client: DidomiClient
    clock: HeldClock

    def asked(self, route: str) -> int:
        return len(self.calls(route))

    def calls(self, route: str) -> list[Call]:
        return self.didomi.calls.select(route)


def stage(
    *,
    secret: str = DEFAULT_API_SECRET,
    organisation: Mapping[str, JsonValue] | None = None,
    **switches: object,
) -> AbstractAsyncContextManager[Stage]:
    return stage_of(switches, secret, organisation)


@asynccontextmanager
async def stage_of(
    switches: Mapping[str, object],
    secret: str = DEFAULT_API_SECRET,
    organisation: Mapping[str, JsonValue] | None = None,
) -> AsyncIterator[Stage]:
    clock = HeldClock()
    didomi = DidomiSimulator(
        switches, organisation=organisation, clock=lambda: clock.now() / SECOND
    )
    await didomi.start()
    try:
        async with aiohttp.ClientSession() as session:
            client = client_of(session, didomi.url, clock, secret)
            yield Stage(didomi, client, clock)
    finally:
        await didomi.stop()


def client_of(
    session: aiohttp.ClientSession, url: str, clock: HeldClock, secret: str = DEFAULT_API_SECRET
) -> DidomiClient:
    wall = HttpWall(session, connect_seconds=1, read_seconds=0.4)
    return DidomiClient(wall, DidomiSettings(url, DEFAULT_API_KEY, secret), clock)


def draft(number: int = 1, purpose: str = "marketing", *, granted: bool = True) -> ConsentDraft:
    return ConsentDraft(
        id=f"5f0c7d2e-0000-4000-8000-{number:012}",
        created_at=AT + number * SECOND,
        ouid=OUID,
        regulation="gdpr",
        nodes={Node(purpose): Choice.GRANTED if granted else Choice.DENIED},
        picks={},
        origin=Origin("brand-a", OUID, "actito", AT, AT),
    )
