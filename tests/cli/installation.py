"""An installation in a folder: settings, a mapping file, and a database that the real program filled."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from typer.testing import CliRunner, Result

from consent_sync.app.bootstrap import build
from consent_sync.app.settings import Settings
from consent_sync.cli.dotenv import dotenv_in
from consent_sync.cli.main import app
from consent_sync.simulators.actito import ActitoSimulator
from consent_sync.simulators.didomi import DidomiSimulator
from consent_sync.web.server import serve

ADA = "ada@example.com"
BEN = "ben@example.com"
SECRET = "a-secret-of-forty-characters-for-tests-01"
HEADERS = {"Content-Type": "application/json", "X-Webhook-Secret": SECRET}

MAPPING = """\
name: brand-a
contact: privacy@example.com
didomi: {organization_id: acme, regulations: [gdpr]}
actito: {entity_id: acme, table_name: Customers, user_unique_key: customerId}
mappings:
  - id: Newsletter
    value: {channel: email}
  - id: DailyDeals
    value: {purpose: marketing}
"""


@dataclass
class Installation:
    """A folder with everything a command needs, and ways to run commands and the service in it."""

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (self.folder / "mappings").mkdir(exist_ok=True)
        (self.folder / "mappings" / "brand-a.yaml").write_text(MAPPING, encoding="utf-8")
        self.configure(
            LISTEN="127.0.0.1:0",
            DATABASE_URL=f"sqlite:///{self.database}",
            MAPPINGS_DIR=str(self.folder / "mappings"),
            DIDOMI_API_URL="http://127.0.0.1:9/v1",
            DIDOMI_API_KEY="fake-key-id",
            DIDOMI_API_SECRET="fake-secret-do-not-use",
            DIDOMI_WEBHOOK_SECRETS=SECRET,
            ACTITO_API_URL="http://127.0.0.1:9",
            ACTITO_API_KEY="FAKEKEY0000FAKEKEY0000FAKE",
            ACTITO_WEBHOOK_SECRETS=SECRET,
            ACTITO_CALLS_PER_MINUTE="0",
        )

    @property
    def database(self) -> Path:
        return self.folder / "consent-sync.db"

    def configure(self, **changes: str) -> None:
        """Write the `.env` file anew, with these settings changed."""
        self.settings |= changes
        lines = [f"CONSENT_SYNC_{name}={value}\n" for name, value in self.settings.items()]
        (self.folder / ".env").write_text("".join(lines), encoding="utf-8")

    def run(self, monkeypatch: pytest.MonkeyPatch, *words: str) -> Result:
        """Run a command in the folder."""
        monkeypatch.chdir(self.folder)
        return CliRunner().invoke(app, words)

    def json(self, monkeypatch: pytest.MonkeyPatch, *words: str) -> Any:
        """Run a command with --json and return what it printed."""
        printed = self.run(monkeypatch, *words, "--json").stdout
        # A service in the same process logs to the same place.
        return orjson.loads(re.sub(r"(?m)^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \[.*\n", "", printed))

    async def told(self, monkeypatch: pytest.MonkeyPatch, *words: str) -> Any:
        """Run a command with --json beside whatever runs in this process."""
        return await asyncio.to_thread(self.json, monkeypatch, *words)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Run the service in this process and hand out its address."""
        stop, address = asyncio.Event(), asyncio.get_running_loop().create_future()
        settings = Settings.from_variables({}, dotenv_in(self.folder))
        task = asyncio.create_task(serve(await build(settings), stop, listening=address.set_result))
        try:
            async with asyncio.timeout(10):
                yield await address
        finally:
            stop.set()
            await task


@dataclass
class Platforms:
    """Both simulated platforms, connected to a service."""

    didomi: DidomiSimulator
    actito: ActitoSimulator


@asynccontextmanager
async def platforms(place: Installation) -> AsyncIterator[Platforms]:
    """Start both simulators and point the installation's settings at them."""
    didomi, actito = DidomiSimulator(), ActitoSimulator()
    await didomi.start()
    await actito.start()
    place.configure(DIDOMI_API_URL=didomi.url, ACTITO_API_URL=actito.url)
    try:
        yield Platforms(didomi, actito)
    finally:
        await actito.stop()
        await didomi.stop()


def connect(both: Platforms, address: str) -> None:
    """Register the webhooks of both platforms."""
    headers = {"X-Webhook-Secret": SECRET}
    both.didomi.connect_webhook(f"{address}/webhooks/didomi", headers=headers)
    for event in ("CREATE", "UPDATED_SUBSCRIPTION"):
        both.actito.register_webhook(
            f"{address}/webhooks/actito/brand-a", event, headers={**headers}
        )


async def until(holds: Callable[[], bool | Awaitable[bool]]) -> None:
    """Wait until something holds; raises TimeoutError after ten seconds."""
    async with asyncio.timeout(10):
        while True:
            answer = holds()
            if answer if isinstance(answer, bool) else await answer:
                return
            await asyncio.sleep(0.01)


async def at_rest(address: str, both: Platforms) -> None:
    """Wait until no webhook is on its way and no turn waits, at ten looks in a row.

    A turn that comes by its moment and not for a webhook is not among those that wait.
    """
    seen, quiet = -1, 0
    async with aiohttp.ClientSession() as session:

        async def rests() -> bool:
            await both.actito.settled()
            await both.didomi.settled()
            async with session.get(f"{address}/api/v1/status") as answer:
                status = await answer.json()
            nonlocal seen, quiet
            before, seen = seen, sum(one["events"] for one in status["sides"].values())
            quiet = quiet + 1 if status["waiting_turns"] == 0 and seen == before else 0
            return quiet >= 10

        await until(rests)


async def ada_agreed(place: Installation, both: Platforms) -> None:
    """Let Ada agree to email in Didomi while the service runs, and stop it."""
    both.actito.world.seed({"customerId": ADA})
    async with place.serving() as address:
        connect(both, address)
        both.didomi.click(ADA, {"channels": {"email": True}})
        held = both.actito.world.subscriptions
        await until(lambda: held(f"customerId={ADA}") == {"Newsletter": True})
        await at_rest(address, both)


async def fill(place: Installation) -> None:
    """Let Ada agree in Didomi and unsubscribe in Actito; Ben is unknown to Actito; one is refused."""
    async with platforms(place) as both, place.serving() as address:
        connect(both, address)
        key = f"customerId={ADA}"
        both.actito.world.seed({"customerId": ADA})
        both.didomi.click(ADA, {"channels": {"email": True}})
        held = both.actito.world.subscriptions
        await until(lambda: held(key) == {"Newsletter": True})
        await both.actito.settled()
        both.actito.people.unsubscribe(key, "Newsletter")
        await until(lambda: email(both.didomi) is False)
        both.didomi.click(BEN, {"channels": {"email": True}})
        await both.didomi.settled()
        async with aiohttp.ClientSession(headers=HEADERS) as session:
            async with session.post(f"{address}/webhooks/didomi", data=b"nonsense") as answer:
                assert answer.status == 400

            async def rests() -> bool:
                async with session.get(f"{address}/api/v1/status") as answer:
                    status = await answer.json()
                return bool(status["waiting_turns"] == 0)

            await until(rests)


def email(didomi: DidomiSimulator, name: str = ADA) -> bool | None:
    """Return what Didomi holds of somebody on email."""
    users = didomi.world.users.of(name)
    return users[0].statuses["gdpr"].channels["email"].enabled if users else None
