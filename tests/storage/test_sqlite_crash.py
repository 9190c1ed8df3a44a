"""Killed under load: whatever was answered is there afterwards."""

import asyncio
import signal
import sys
from pathlib import Path

from consent_sync.adapters.storage.sqlite import SqliteStore
from tests.contracts.store_kit import HandClock, event, settled

# Accepts events, takes turns, and prints each number only after the store has answered for it.
PROGRAM = """
import asyncio, sys
from consent_sync.adapters.storage.sqlite import SqliteStore
from tests.contracts.store_kit import HandClock, event, settled, write

async def accept(store, start):
    for n in range(start, start + 100_000, 8):
        assert await store.accept([event(str(n), f"p{n % 50}")]) == [True]
        print("accepted", n, flush=True)

async def work(store):
    while True:
        await store.wait(1)
        for turn in await store.claim(4):
            await store.announce(turn.subject, [write()])
            await store.settle(settled(turn))
            for item in turn.items:
                print("settled", item.event.body.decode(), flush=True)

async def main():
    store = SqliteStore(sys.argv[1], HandClock())
    await store.open()
    start = int(sys.argv[2])
    await asyncio.gather(work(store), *(accept(store, start + k) for k in range(8)))

asyncio.run(main())
"""


async def run_and_kill(path: Path, start: int, lines: int) -> list[str]:
    """Run the program until it has printed so many lines, kill it, return all it printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, str(path), str(start), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    head = [await asyncio.wait_for(process.stdout.readline(), 20) for _ in range(lines)]
    process.send_signal(signal.SIGKILL)
    rest = await process.stdout.read()
    await process.wait()
    # The last line may have been cut off.
    return (b"".join(head) + rest).decode().split("\n")[:-1]


async def test_nothing_that_was_answered_is_lost(tmp_path: Path) -> None:
    """Accepted events are known, settled ones are in the ledger, the others come again."""
    path = tmp_path / "store.db"
    printed: list[str] = []
    for round_, lines in enumerate((40, 300, 700)):
        printed += await run_and_kill(path, round_ * 1_000_000, lines)
    accepted = {line.split()[1] for line in printed if line.startswith("accepted")}
    done = {line.split()[1] for line in printed if line.startswith("settled")}

    store = SqliteStore(path, HandClock())
    await store.open()
    new = await store.accept([event(n, f"p{int(n) % 50}") for n in sorted(accepted)])
    in_ledger: set[int] = set()
    after = 0
    while records := await store.recent(after=after, limit=500):
        after = records[-1][0]
        in_ledger.update(n for _, _, r in records for n in getattr(r.facts[0], "events", ()))
    waiting: set[str] = set()
    while turns := await store.claim(100):
        for turn in turns:
            waiting.update(item.event.body.decode() for item in turn.items)
            await store.settle(settled(turn))
    kept = {
        e.body.decode(): e.id for e in await store.events(refused=False, before=None, limit=10**6)
    }
    await store.close()

    assert len(accepted) > 100
    assert not any(new)
    assert done <= {body for body, number in kept.items() if number in in_ledger}
    assert done & waiting == set()
    assert accepted - waiting <= {body for body, number in kept.items() if number in in_ledger}
