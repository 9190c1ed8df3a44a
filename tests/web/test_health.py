"""Alive, ready, and the metrics page."""

import pytest

from consent_sync.domain.errors import StoreError
from consent_sync.web.health import NotReadyError
from tests.services.people import didomi_event
from tests.web.conftest import Client, Visit
from tests.web.parts import DIDOMI, JSON, House, body


async def fine() -> str:
    return "fine"


async def not_ready() -> str:
    raise NotReadyError("no mapping is in force")


async def broken_store() -> str:
    raise StoreError("/somewhere/consent-sync.db: disk full")


async def test_alive(client: Client) -> None:
    """A process that can answer is alive."""
    assert (await client.get("/healthz")).status == 200


async def test_ready_with_each_part(visit: Visit) -> None:
    """Ready means every part is ready, and each is named."""
    client = await visit(House(checks={"store": fine, "worker": fine}))
    answer = await client.get("/readyz")
    document = await answer.json()

    assert answer.status == 200
    assert document["ready"]
    assert set(document["parts"]) == {"store", "worker"}


async def test_one_part_is_not_ready(visit: Visit) -> None:
    """One part that is not ready makes the whole 503, and the answer says which and why."""
    client = await visit(House(checks={"store": fine, "mappings": not_ready}))
    answer = await client.get("/readyz")
    document = await answer.json()

    assert answer.status == 503
    assert document["parts"]["store"]["ready"]
    assert document["parts"]["mappings"] == {"ready": False, "detail": "no mapping is in force"}


async def test_store_error_tells_no_paths(visit: Visit) -> None:
    """What is wrong with the store is for the log; anybody may ask whether we are ready."""
    client = await visit(House(checks={"store": broken_store}))
    answer = await client.get("/readyz")

    assert answer.status == 503
    assert "somewhere" not in await answer.text()


async def test_metrics_count_deliveries(client: Client) -> None:
    """Accepted, duplicate and refused deliveries are counted by side."""
    for _ in range(2):
        await client.post("/webhooks/didomi", data=body(didomi_event()), headers=DIDOMI)
    await client.post("/webhooks/didomi", data=b"x", headers=JSON)
    answer = await client.get("/metrics")
    page = await answer.text()

    assert answer.content_type == "text/plain"
    assert 'consent_sync_events_total{outcome="accepted",side="didomi"} 1.0' in page
    assert 'consent_sync_events_total{outcome="duplicate",side="didomi"} 1.0' in page
    assert 'status="401"' in page
    assert "consent_sync_waiting_turns 1.0" in page
    assert "consent_sync_store_up 1.0" in page
    assert "ada@example.com" not in page


async def test_metrics_without_the_store(
    client: Client, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that cannot be asked is one metric, and the others are still there."""

    async def broken() -> None:
        raise StoreError("disk gone")

    monkeypatch.setattr(house.store, "status", broken)
    page = await (await client.get("/metrics")).text()

    assert "consent_sync_store_up 0.0" in page
