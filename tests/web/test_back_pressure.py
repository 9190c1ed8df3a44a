"""When the database falls behind: 503 before memory grows, and nothing answered 200 is missing."""

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest
from aiohttp import ClientResponse, hdrs

from consent_sync.adapters.storage.memory import MemoryStore
from consent_sync.adapters.storage.sqlite import SqliteStore
from consent_sync.adapters.storage.transactions import SqliteTransactions
from tests.services.people import didomi_event
from tests.web.conftest import Client, Visit
from tests.web.parts import JSON, SECRET, House, body

ROOM = 3
"""How many calls may wait to be written in these tests."""


@dataclass
class Disk:
    """A disk that stands still while it is shut."""

    open: threading.Event


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    """Let every commit wait for the disk."""
    disk = Disk(threading.Event())
    disk.open.set()
    commit = SqliteTransactions.commit

    def slow(self: SqliteTransactions) -> None:
        assert disk.open.wait(10)
        commit(self)

    monkeypatch.setattr(SqliteTransactions, "commit", slow)
    yield disk
    disk.open.set()


def send(client: Client, number: int) -> "asyncio.Task[ClientResponse]":
    headers = {**JSON, "X-Webhook-Secret": SECRET}
    data = body(didomi_event(number=number))
    return asyncio.create_task(client.post("/webhooks/didomi", data=data, headers=headers))


async def test_what_does_not_fit_is_answered_503_at_once_and_the_rest_is_kept(
    tmp_path: Path, visit: Visit, disk: Disk
) -> None:
    """The sender comes again after Retry-After, and then it is taken."""
    house = House()
    store = SqliteStore(tmp_path / "slow.db", house.clock, queue_calls=ROOM)
    house.store = cast(MemoryStore, store)
    client = await visit(house)
    disk.open.clear()
    sent = [send(client, number) for number in range(10)]
    refused, waiting = await asyncio.wait(sent, timeout=5, return_when=asyncio.FIRST_COMPLETED)
    while len(waiting) > ROOM:
        more, waiting = await asyncio.wait(waiting, timeout=5, return_when=asyncio.FIRST_COMPLETED)
        refused |= more
    answers = [task.result() for task in refused]
    disk.open.set()
    kept = [(await task).status for task in waiting]
    again = await send(client, 100)
    events = await store.events(refused=False, before=None, limit=50)
    await store.close()

    assert [answer.status for answer in answers] == [503] * 7
    assert all(hdrs.RETRY_AFTER in answer.headers for answer in answers)
    assert kept == [200] * ROOM
    assert again.status == 200
    assert len(events) == ROOM + 1
