"""`plan --since`: does its memory stay flat from 10,000 to 1,000,000 stored events?"""

import asyncio
import os
import subprocess
import sys
import time
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from tempfile import gettempdir
from typing import Final

from bench.effort import Effort
from bench.grown import databases
from bench.processes import ROOT
from bench.ratios import Row, table
from consent_sync.adapters.clock import SystemClock
from consent_sync.adapters.mapping_files import MappingFolder
from consent_sync.adapters.storage.sqlite import SqliteStore
from consent_sync.app.activation import Activation
from consent_sync.app.trials import TrialGate
from consent_sync.domain.identity import Names, Side, Subject
from consent_sync.domain.rules import Rules
from consent_sync.domain.state import PersonState
from consent_sync.ports.store import NewEvent, Settlement

SIZES: Final = (10_000, 100_000, 1_000_000)
QUICK_SIZES: Final = (10_000, 100_000)
EVENTS_PER_PERSON: Final = 10
_AT_ONCE: Final = 2_000

_BODY: Final = (
    '{{"type":"event.created","parameters":{{"entity":{{"id":"e-{number}",'
    '"organization_id":"acme","created_at":"2026-03-01T10:{minute:02d}:00.000Z",'
    '"status":"confirmed","regulation":"gdpr","user":{{"organization_user_id":"{person}"}},'
    '"consents":{{"channels":[{{"id":"email","enabled":{choice}}}],'
    '"purposes":[{{"id":"marketing","enabled":true}}]}}}},'
    '"organization_user_id":"{person}"}}}}'
)


def measure(effort: Effort, folder: Path) -> str:
    """Run the plan over databases of growing size and return the table."""
    kept = Path(gettempdir()) / "consent-sync-bench"
    kept.mkdir(exist_ok=True)
    sizes = QUICK_SIZES if effort.quick else SIZES
    draft = _draft(folder)
    peaks: dict[int, float] = {}
    notes = []
    for size in sizes:
        database = _database(kept, size)
        peaks[size], took = _peak(database, draft)
        effort.say(f"plan over {size:,} events: {peaks[size]:.0f} MB, {took:.1f} s")
        notes.append(f"{size:,} events took {took:.1f} s, {size / took:,.0f} a second.")
    rows = []
    for size in sizes[1:]:
        row = Row(f"peak memory with {size:,} events", 1.1, at_most=True, unit="MB")
        row.add(peaks[size], peaks[sizes[0]])
        rows.append(row)
    return table(f"Plan: memory beside {sizes[0]:,} stored events", rows, notes)


def _draft(folder: Path) -> Path:
    """Write an edited mapping: one line turned loose, one line new, so that everybody counts."""
    text = (ROOT / "mappings" / "brand-a.yaml").read_text(encoding="utf-8")
    text = text.replace("    sync: two-way-strict\n", "", 1)
    text = text.replace("mappings:\n", "mappings:\n  - {id: Extra, value: {channel: post}}\n", 1)
    path = folder / "draft.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def _peak(database: Path, draft: Path) -> tuple[float, float]:
    """Return the peak memory of a whole run in MB, and its seconds."""
    variables = {
        **{name: value for name, value in os.environ.items() if "CONSENT_SYNC" not in name},
        "CONSENT_SYNC_DATABASE_URL": f"sqlite:///{database}",
        "CONSENT_SYNC_ACTITO_API_URL": "http://127.0.0.1:9",
        "PYTHONPATH": str(ROOT),
    }
    words = [sys.executable, "-m", "consent_sync", "plan", str(draft), "--since", "2020-01-01"]
    csv = draft.with_name("persons.csv")
    began = time.perf_counter()
    with subprocess.Popen(
        [*words, "--csv", str(csv)], cwd=draft.parent, env=variables, stdout=subprocess.DEVNULL
    ) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode in {0, 1}, process.returncode
    csv.unlink()
    return used.ru_maxrss / 1024, time.perf_counter() - began


def _database(folder: Path, events: int) -> Path:
    """Return a database with so many stored events, made once; its name changes with the layout."""
    layout = databases(folder, 0).grown.stem.rpartition("-")[2]
    path = folder / f"plan-{events}-{layout}.db"
    if not path.exists():
        unfinished = path.with_suffix(".part")
        for part in folder.glob(f"{unfinished.name}*"):
            part.unlink()
        asyncio.run(_fill(unfinished, events))
        unfinished.rename(path)
    return path


async def _fill(path: Path, events: int) -> None:
    clock = SystemClock()
    store = SqliteStore(path, clock)
    await store.open()
    folder = MappingFolder(ROOT / "mappings", clock)
    await Activation(folder, store, clock, TrialGate(Rules())).start()
    for start in range(0, events, _AT_ONCE):
        numbers = range(start, min(start + _AT_ONCE, events))
        await store.accept([_event(number, clock.now()) for number in numbers])
        # The newest choice of everybody was settled some time.
        while turns := await store.claim(_AT_ONCE):
            ends = [_settled(turn.subject, tuple(item.id for item in turn.items)) for turn in turns]
            await asyncio.gather(*(store.settle(end) for end in ends))
    await store.close()


def _event(number: int, now: int) -> NewEvent:
    person = f"person-{number // EVENTS_PER_PERSON}@example.com"
    choice = "true" if number % 2 else "false"
    minute = number % EVENTS_PER_PERSON
    body = _BODY.format(number=number, person=person, choice=choice, minute=minute).encode()
    digest = blake2b(body, digest_size=16).digest()
    subjects = (Subject("brand-a", person),)
    return NewEvent(Side.DIDOMI, "", "event.created", digest, now, body, subjects, False)


def _settled(subject: Subject, done: tuple[int, ...]) -> Settlement:
    person = subject.person
    state = replace(PersonState(Names(person, person, "1001")), spellings=(person,))
    return Settlement(subject, state, None, done)
