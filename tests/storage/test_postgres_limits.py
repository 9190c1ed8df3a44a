"""PostgreSQL at its limits: a full disk, and transactions that may not run beside each other."""

import asyncio
import os
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest

from consent_sync.adapters.clock import SystemClock
from consent_sync.adapters.storage.postgres.store import PostgresStore
from consent_sync.domain.errors import StoreError
from consent_sync.ports.store import NewEvent, Store
from tests.contracts.store_kit import event, settled, subject, texts, write
from tests.postgres import PostgresServer, name_of

Result = TypeVar("Result")

_SPARE = 768 * 1024


def _mounted(folder: Path) -> bool:
    """Put a small disk in memory there, where that is allowed."""
    words = ["mount", "-t", "tmpfs", "-o", "size=32m,mode=777", "tmpfs", str(folder)]
    return os.geteuid() == 0 and subprocess.run(words, check=False).returncode == 0


@pytest.fixture
def small_disk(postgres: PostgresServer) -> Iterator[Path]:
    folder = postgres.folder / "small"
    folder.mkdir()
    if not _mounted(folder):
        folder.rmdir()
        pytest.skip("this machine lets us mount nothing")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
        folder.rmdir()


def wide(number: int) -> NewEvent:
    return event(f"wide-{number}", f"p{number}")._replace(body=bytes([number % 256]) * 6_000)


async def test_a_full_disk_keeps_nothing_half(postgres: PostgresServer, small_disk: Path) -> None:
    """Who is refused is not stored, the error says what to do, and with room it goes on."""
    url = postgres.new_database_at(small_disk / "data")
    store = PostgresStore(url, SystemClock())
    await store.open()
    ballast = small_disk / "ballast"
    free = os.statvfs(small_disk)
    ballast.write_bytes(bytes(free.f_bavail * free.f_bsize - _SPARE))
    stored: list[int] = []
    refusal: StoreError | None = None
    for number in range(1_000):
        try:
            await store.accept([wide(number)])
        except StoreError as error:
            refusal = error
            break
        stored.append(number)
    ballast.unlink()
    again = await store.accept([wide(number) for number in [*stored, len(stored)]])
    status = await store.status()
    await store.close()
    postgres.drop(url)
    postgres.run("DROP TABLESPACE small")

    assert "make room, it goes on by itself" in str(refusal)
    assert again == [*(False for _ in stored), True]
    assert (status.waiting_turns, status.persons) == (len(stored) + 1,) * 2


async def test_a_server_that_lets_nothing_overlap(postgres: PostgresServer) -> None:
    """Where every transaction is serializable many fail; they are tried again, and count once."""
    url = postgres.new_database()
    postgres.run(
        f"ALTER DATABASE {name_of(url)} SET default_transaction_isolation = 'serializable'"
    )
    stores = [PostgresStore(url, SystemClock()) for _ in range(2)]
    taken: list[str] = []
    end = asyncio.Event()

    async def accept(store: Store, door: int) -> None:
        for number in range(15):
            said = event(f"{door}-{number}", f"p{number % 4}")
            await tried_again(partial(store.accept, [said]))

    for store in stores:
        await store.open()
    working = [asyncio.create_task(work(store, end, taken)) for store in stores]
    async with asyncio.timeout(20):
        await asyncio.gather(*(accept(store, door) for store in stores for door in range(3)))
        while (await tried_again(stores[0].status)).waiting_turns:  # noqa: ASYNC110 - told by the database only
            await asyncio.sleep(0.01)
    end.set()
    await asyncio.gather(*working)
    lines = [await stores[0].timeline(subject(f"p{number}"), 99) for number in range(4)]
    for store in stores:
        await store.close()
    postgres.drop(url)

    assert sorted(taken) == sorted(f"{door}-{number}" for door in range(3) for number in range(15))
    assert all(lines)


async def tried_again(attempt: Callable[[], Awaitable[Result]]) -> Result:
    """Return what comes of it in the end, as for a platform that delivers again."""
    while True:
        try:
            return await attempt()
        except StoreError:
            await asyncio.sleep(0.005)


async def work(store: Store, end: asyncio.Event, taken: list[str]) -> None:
    """Take turns until the end, and note the events of each that was recorded."""
    while not end.is_set():
        for turn in await tried_again(lambda: store.claim(3)):
            await tried_again(partial(store.announce, turn.subject, [write()]))
            await tried_again(partial(store.settle, settled(turn)))
            taken += texts(turn)
        await asyncio.sleep(0.01)
