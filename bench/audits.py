"""Reads everybody on both sides: `python -m bench.audits ours|bare`, on one core."""

import argparse
import asyncio
import gc
import json
import os
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import aiohttp
import orjson
from yarl import URL

from bench.house import house
from bench.machine import SERVER_CORE, pin
from bench.people import ouid
from consent_sync.adapters.notebook import SqliteNotebook
from consent_sync.adapters.storage.codec import encode_state
from consent_sync.adapters.storage.connect import connect
from consent_sync.adapters.storage.keys import person_key
from consent_sync.adapters.storage.reader import SqliteReader
from consent_sync.app.bootstrap import eyes_of
from consent_sync.domain.consent import Choice
from consent_sync.domain.identity import Names, Side, Subject
from consent_sync.domain.lines import with_agreed
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.state import LineState, PersonState, Presence
from consent_sync.services.comparison import Comparison
from consent_sync.services.scan import Progress
from consent_sync.simulators.actito import DEFAULT_API_KEY
from consent_sync.simulators.didomi import DEFAULT_API_KEY as DIDOMI_KEY
from consent_sync.simulators.didomi import DEFAULT_API_SECRET as DIDOMI_SECRET

CONCURRENCY = 64
_AT_ONCE = 5_000


async def ours(options: argparse.Namespace) -> dict[str, Any]:
    """Compare everybody as `consent-sync audit` does and return how long it took and whom it found."""
    application = await house(
        options.database,
        actito=options.actito,
        didomi=options.didomi,
        didomi_api_key=DIDOMI_KEY,
        didomi_api_secret=DIDOMI_SECRET,
        actito_calls_per_minute="0",
        actito_max_concurrency=str(CONCURRENCY),
    )
    await application.store.open()
    await application.activation.start()
    await application.store.close()
    mappings = list(application.mappings.current().values())
    _fill(options, mappings[0])
    resident: list[int] = []

    async def note(_: Progress) -> None:
        resident.append(_resident_kib())

    reader = SqliteReader(options.database)
    eyes = eyes_of(
        application.settings, reader, application.didomi, application.actito, application.clock
    )
    notebook = SqliteNotebook(options.database.with_name("audit"))
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 50)
    started, cpu = time.perf_counter(), time.process_time()
    progress = await Comparison(eyes, mappings, notebook, on_page=note).run()
    took = {"seconds": time.perf_counter() - started, "cpu": time.process_time() - cpu}
    found = [orjson.loads(text)["person"] for _, text in await notebook.found(0, 1_000_000)]
    notebook.close()
    await application.session.close()
    quarter = max(1, len(resident) // 4)
    return {
        **took,
        "found": found,
        "compared": progress.places[mappings[0].name].counts.compared,
        "early_kib": max(resident[:quarter]),
        "late_kib": max(resident[-quarter:]),
    }


async def bare(options: argparse.Namespace) -> dict[str, Any]:
    """Read the same pages and the same profiles with a bare client loop."""
    base = f"{options.actito}/profiles/v4/entity/acme/table/Customers/profile"
    connector = aiohttp.TCPConnector(limit=CONCURRENCY)
    async with aiohttp.ClientSession(connector=connector) as session:
        key = {"Authorization": DEFAULT_API_KEY}
        async with session.get(f"{options.actito}/auth/token", headers=key) as response:
            actito = {"Authorization": f"Bearer {(await response.json())['accessToken']}"}
        login = {"type": "api-key", "key": DIDOMI_KEY, "secret": DIDOMI_SECRET}
        async with session.post(f"{options.didomi}/sessions", json=login) as response:
            didomi = {"Authorization": f"Bearer {(await response.json())['access_token']}"}

        async def users(cursor: str | None) -> Any:
            query = {"organization_id": "acme", "regulation": "gdpr"}
            query |= {"$cursor": cursor} if cursor else {}
            url = URL(f"{options.didomi}/consents/users").with_query(query)
            async with session.get(url, headers=didomi) as response:
                return orjson.loads(await response.read())

        async def profiles(names: Iterator[str]) -> int:
            read = 0
            for name in names:
                url = URL(f"{base}/customerId={name}", encoded=True)
                async with session.get(url, headers=actito) as response:
                    assert response.status == 200, response.status
                    orjson.loads(await response.read())
                read += 1
            return read

        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 50, 50)
        started, cpu = time.perf_counter(), time.process_time()
        page, compared = await users(None), 0
        while True:
            names = iter([user["organization_user_id"] for user in page["data"]])
            coming = asyncio.create_task(users(page["cursor"])) if page["cursor"] else None
            compared += sum(await asyncio.gather(*(profiles(names) for _ in range(CONCURRENCY))))
            if coming is None:
                break
            page = await coming
        took = {"seconds": time.perf_counter() - started, "cpu": time.process_time() - cpu}
        return {**took, "compared": compared}


def _fill(options: argparse.Namespace, mapping: Mapping) -> None:
    """Let the database know everybody, as if their webhooks had come: written straight into it."""
    connection = connect(options.database, cache_kib=65_536, looking=False)
    numbers = iter(range(options.people))
    while page := list(islice(numbers, _AT_ONCE)):
        rows = [(number, ouid(options.run, number)) for number in page]
        with connection:
            connection.executemany(
                "INSERT INTO person (id, mapping, person, state) VALUES (?, ?, ?, ?)",
                [
                    (number + 1, mapping.name, name, encode_state(_state(mapping, name, number)))
                    for number, name in rows
                ],
            )
            connection.executemany(
                "INSERT INTO person_key (key, person) VALUES (?, ?)",
                [(person_key(Subject(mapping.name, name)), number + 1) for number, name in rows],
            )
    connection.close()


def _state(mapping: Mapping, name: str, number: int) -> PersonState:
    held = {
        "Newsletter": Choice.GRANTED if number % 2 == 0 else Choice.DENIED,
        "DailyDeals": Choice.GRANTED,
    }
    lines = {}
    for line in mapping.lines:
        if line.id in held:
            known = with_agreed(LineState(shape=line.shape), Side.DIDOMI, held[line.id], 1)
            lines[line.id] = with_agreed(known, Side.ACTITO, held[line.id], 1)
    return PersonState(
        Names(name, name, ""), profile=Presence.PRESENT, user=Presence.PRESENT, lines=lines
    )


def _resident_kib() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=("ours", "bare"))
    parser.add_argument("--database", type=Path, default=Path("bench.db"))
    parser.add_argument("--didomi", required=True)
    parser.add_argument("--actito", required=True)
    parser.add_argument("--run", required=True)
    parser.add_argument("--people", type=int, required=True)
    options = parser.parse_args()
    pin(SERVER_CORE)
    print(json.dumps(asyncio.run(ours(options) if options.kind == "ours" else bare(options))))


if __name__ == "__main__":
    main()
