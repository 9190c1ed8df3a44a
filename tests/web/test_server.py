"""The whole program as a process runs it: start, answer, stop, start again."""

import asyncio
import gc
import os
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import structlog
from structlog.testing import LogCapture

from consent_sync.adapters.storage.sqlite import SqliteStore
from consent_sync.app.bootstrap import build
from consent_sync.app.settings import Settings
from consent_sync.domain.errors import StoreError
from consent_sync.domain.identity import Side
from consent_sync.web import server
from consent_sync.web.server import ListenError, issuers, locks, serve
from tests.services.people import StandingClock, didomi_event
from tests.web.parts import DIDOMI, SECRET, body

MAPPING = """
name: brand-a
contact: privacy@example.com
didomi: {organization_id: acme, regulations: [gdpr]}
actito: {entity_id: acme, table_name: Customers, user_unique_key: customerId}
mappings:
  - id: Newsletter
    value: {channel: email}
"""


@pytest.fixture(autouse=True)
def _process() -> Iterator[None]:
    """Undo what a start does to the whole process."""
    mask, threshold = os.umask(0o022), gc.get_threshold()
    yield
    os.umask(mask)
    gc.unfreeze()
    gc.set_threshold(*threshold)


@pytest.fixture
def words() -> Iterator[LogCapture]:
    capture = LogCapture()
    structlog.configure(processors=[capture])
    yield capture
    structlog.reset_defaults()


def variables(folder: Path, **more: str) -> dict[str, str]:
    mappings = folder / "mappings"
    mappings.mkdir(exist_ok=True)
    (mappings / "brand-a.yaml").write_text(MAPPING)
    given = {
        "LISTEN": "127.0.0.1:0",
        "DATABASE_URL": f"sqlite:///{folder}/data/consent-sync.db",
        "MAPPINGS_DIR": str(mappings),
        # Port 9 answers nobody: nothing here needs a platform.
        "DIDOMI_API_URL": "http://127.0.0.1:9/v1",
        "ACTITO_API_URL": "http://127.0.0.1:9",
        "DIDOMI_WEBHOOK_SECRETS": SECRET,
        "ACTITO_WEBHOOK_SECRETS": SECRET,
        **more,
    }
    return {f"CONSENT_SYNC_{name}": value for name, value in given.items()}


def settings(folder: Path, **more: str) -> Settings:
    return Settings.from_variables(variables(folder, **more))


@asynccontextmanager
async def running(given: Settings) -> AsyncIterator[str]:
    application = await build(given)
    stop, address = asyncio.Event(), asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve(application, stop, listening=address.set_result))
    await asyncio.wait({task, address}, return_when=asyncio.FIRST_COMPLETED)
    try:
        yield address.result() if address.done() else ""
    finally:
        stop.set()
        assert await task


def names_in(folder: Path) -> set[str]:
    return {one.name for one in folder.iterdir()}


async def ready(address: str) -> tuple[int, dict[str, Any]]:
    async with aiohttp.ClientSession() as session, session.get(f"{address}/readyz") as answer:
        return answer.status, await answer.json()


async def test_a_database_that_does_not_answer_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: LogCapture
) -> None:
    """A supervisor would kill the process, and nobody knew why; every answer was given already."""

    async def hang(_: SqliteStore) -> None:
        await asyncio.sleep(60)

    application = await build(settings(tmp_path, STOP_WITHIN_SECONDS="0.02"))
    stop = asyncio.Event()
    stop.set()
    with monkeypatch.context() as patch:
        patch.setattr(server, "CLOSE_SECONDS", 0.02)
        patch.setattr(SqliteStore, "close", hang)
        async with asyncio.timeout(5):
            await serve(application, stop)
    await application.stop()

    assert "stop_cut_short" in [entry["event"] for entry in words.entries]


async def test_what_was_answered_outlives_the_process(tmp_path: Path) -> None:
    """A delivery answered 200 is known as a duplicate after a restart."""
    given = settings(tmp_path)
    counts = []
    for _ in range(2):
        async with running(given) as address, aiohttp.ClientSession() as session:
            url = f"{address}/webhooks/didomi"
            async with session.post(url, data=body(didomi_event()), headers=DIDOMI) as answer:
                counts.append(await answer.json())

    assert counts == [{"accepted": 1, "duplicates": 0}, {"accepted": 0, "duplicates": 1}]


async def test_every_part_gets_ready(tmp_path: Path) -> None:
    """A process with a mapping is ready, with store, mappings, worker and platforms named."""
    async with running(settings(tmp_path)) as address:
        status, document = await ready(address)

    assert status == 200
    assert set(document["parts"]) == {"store", "mappings", "worker", "platforms"}


async def test_without_mappings_it_is_not_ready(tmp_path: Path) -> None:
    """A process without any mapping answers and says that it is not ready."""
    given = settings(tmp_path)
    (tmp_path / "mappings" / "brand-a.yaml").unlink()
    async with running(given) as address:
        status, document = await ready(address)

    assert status == 503
    assert not document["parts"]["mappings"]["ready"]


async def test_changed_mapping_file_is_noticed(tmp_path: Path) -> None:
    """A new mapping file is in force without a restart."""
    given = settings(tmp_path)
    async with running(given) as address, aiohttp.ClientSession() as session:
        second = MAPPING.replace("brand-a", "brand-b").replace("Customers", "Members")
        (tmp_path / "mappings" / "brand-b.yaml").write_text(second)
        page = ""
        for _ in range(500):
            async with session.get(f"{address}/metrics") as answer:
                page = await answer.text()
            if 'mapping="brand-b"' in page:
                break
            await asyncio.sleep(0.02)

    assert 'consent_sync_mapping_valid{mapping="brand-b"} 1.0' in page


async def test_only_the_owner_can_read_the_data(tmp_path: Path) -> None:
    """The folder made for the database and everything in it is closed to other users."""
    async with running(settings(tmp_path)):
        files = list((tmp_path / "data").iterdir())
        names = names_in(tmp_path / "data")

    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
    assert {"consent-sync.db", "consent-sync.db.fingerprint-key"} <= names
    assert {stat.S_IMODE(one.stat().st_mode) & 0o077 for one in files if one.exists()} == {0}


async def test_closed_webhooks_are_told_at_start(tmp_path: Path, words: LogCapture) -> None:
    """A side without any secret is logged with the setting that is missing."""
    given = settings(tmp_path, ACTITO_WEBHOOK_SECRETS="")
    async with running(given):
        pass
    told = [one for one in words.entries if one["event"] == "webhook_refuses_everything"]

    assert [one["side"] for one in told] == ["actito"]
    assert "CONSENT_SYNC_ACTITO_WEBHOOK_SECRETS" in told[0]["why"]


async def test_address_in_use(tmp_path: Path) -> None:
    """An address that is taken is a clear error, and the database is let go of."""
    async with running(settings(tmp_path)) as address:
        taken = address.removeprefix("http://")
        second = await build(
            settings(tmp_path, LISTEN=taken, DATABASE_URL=f"sqlite:///{tmp_path}/other.db")
        )
        with pytest.raises(ListenError, match="cannot be listened on"):
            await serve(second, asyncio.Event())
    async with running(settings(tmp_path, DATABASE_URL=f"sqlite:///{tmp_path}/other.db")) as other:
        assert other


async def test_database_in_use(tmp_path: Path) -> None:
    """A second process on the same database does not start."""
    given = settings(tmp_path)
    async with running(given):
        second = await build(given)
        with pytest.raises(StoreError):
            await serve(second, asyncio.Event())


async def test_part_that_ends_by_itself_ends_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: LogCapture
) -> None:
    """When the worker is gone, the process stops and says so, for its supervisor to start anew."""
    application = await build(settings(tmp_path))

    async def gone() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(application.worker, "run", gone)
    sound = await serve(application, asyncio.Event())
    told = [one for one in words.entries if one["event"] == "part_ended"]

    assert not sound
    assert [one["part"] for one in told] == ["worker"]


async def test_an_absent_postgresql_is_told_in_words(tmp_path: Path) -> None:
    """A database that does not answer is told before anything is done."""
    with pytest.raises(StoreError, match="the database cannot be reached"):
        await build(settings(tmp_path, DATABASE_URL=f"postgresql:///consent?host={tmp_path}"))


async def test_store_in_memory(tmp_path: Path) -> None:
    """For trials everything can live in memory, and no file is made."""
    async with running(settings(tmp_path, DATABASE_URL="sqlite:///:memory:")) as address:
        assert address

    assert names_in(tmp_path) == {"mappings"}


async def test_fingerprint_key_is_kept_or_given(tmp_path: Path) -> None:
    """The same person has the same fingerprint after a restart, and under a given key."""
    first, second = await build(settings(tmp_path)), await build(settings(tmp_path))
    given = await build(settings(tmp_path, FINGERPRINT_KEY="a-key-for-tests-only"))
    for application in (first, second, given):
        await application.stop()

    assert first.fingerprint("ada") == second.fingerprint("ada")
    assert first.fingerprint("ada") != given.fingerprint("ada")


async def test_broken_key_file_is_refused(tmp_path: Path) -> None:
    """A key file that was cut short is refused instead of being used as it is."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "consent-sync.db.fingerprint-key").write_bytes(b"short")

    with pytest.raises(StoreError, match="expected 32"):
        await build(settings(tmp_path))


# --- several accounts ---

BRAND_B = MAPPING.replace("brand-a", "brand-b") + "account: brand-b\n"
OTHER_SECRET = "a-secret-of-brand-b-for-tests-only-000001"


async def test_secret_opens_the_webhooks_of_its_account(tmp_path: Path) -> None:
    """With secrets per account, one account's platform cannot speak for another's people."""
    more = {
        "BRAND_B_DIDOMI_WEBHOOK_SECRETS": OTHER_SECRET,
        "BRAND_B_ACTITO_WEBHOOK_SECRETS": OTHER_SECRET,
    }
    given = settings(tmp_path, **more)
    (tmp_path / "mappings" / "brand-b.yaml").write_text(BRAND_B)
    statuses = {}
    async with running(given) as address, aiohttp.ClientSession() as session:
        for name in ("brand-a", "brand-b"):
            for secret in (SECRET, OTHER_SECRET):
                headers = {**DIDOMI, "X-Webhook-Secret": secret}
                url = f"{address}/webhooks/actito/{name}"
                async with session.post(url, data=body({"profileId": 7}), headers=headers) as said:
                    statuses[name, secret] = said.status
        headers = {**DIDOMI, "X-Webhook-Secret": OTHER_SECRET}
        url = f"{address}/webhooks/didomi"
        async with session.post(url, data=body(didomi_event("ada")), headers=headers) as said:
            assert said.status == 200
        async with session.get(f"{address}/api/v1/persons/ada/timeline") as answer:
            entries = (await answer.json())["entries"]

    assert statuses == {
        ("brand-a", SECRET): 200,
        ("brand-a", OTHER_SECRET): 401,
        ("brand-b", SECRET): 401,
        ("brand-b", OTHER_SECRET): 200,
    }
    assert {entry["mapping"] for entry in entries} == {"brand-b"}


async def test_accounts_share_a_client_unless_they_differ(tmp_path: Path) -> None:
    """Accounts with equal credentials share one client with its token and pace."""
    application = await build(settings(tmp_path, BRAND_B_ACTITO_API_KEY="the-key-of-brand-b"))
    actito, didomi = application.actito.all(), application.didomi.all()
    await application.stop()

    assert actito["BRAND_B"] is not actito[""]
    assert didomi["BRAND_B"] is didomi[""]


def test_client_credentials_alone_open_the_webhook(tmp_path: Path) -> None:
    """A side with client credentials and no secret is configured."""
    given = settings(
        tmp_path,
        DIDOMI_WEBHOOK_SECRETS="",
        DIDOMI_WEBHOOK_CLIENT_ID="didomi",
        DIDOMI_WEBHOOK_CLIENT_SECRET="a-client-secret-for-tests",
    )
    found = locks(given, issuers(given, StandingClock()))

    assert found[Side.DIDOMI].configured
