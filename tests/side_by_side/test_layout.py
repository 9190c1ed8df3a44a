"""Every layout that programs still work with stays as they know it, whatever comes on top of it."""

import asyncio
from typing import Final

import psycopg
import pytest

from consent_sync.adapters.clock import SystemClock
from consent_sync.adapters.storage.postgres import migrate as migrating
from consent_sync.adapters.storage.postgres.migrate import migrate
from consent_sync.adapters.storage.postgres.statements import Migration, migrations
from consent_sync.adapters.storage.postgres.store import PostgresStore
from consent_sync.domain.errors import StoreError
from tests.contracts.store_kit import event
from tests.postgres import PostgresServer, name_of

WRITING: Final = ("accept", "announce", "claim", "settle")
"""The functions without which no program can take anything in or write to a platform."""

CATALOGUE: Final = """
SELECT 'function ' || proname, pg_get_function_arguments(oid) || ' returns '
    || pg_get_function_result(oid), true
FROM pg_proc WHERE pronamespace = 'consent_sync'::regnamespace
UNION ALL
SELECT 'sequence ' || relname, '', true
FROM pg_class WHERE relnamespace = 'consent_sync'::regnamespace AND relkind = 'S'
UNION ALL
SELECT 'column ' || relname || '.' || attname, format_type(atttypid, atttypmod),
    NOT attnotnull OR atthasdef OR attidentity <> ''
FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
WHERE relnamespace = 'consent_sync'::regnamespace AND relkind = 'r'
AND attnum > 0 AND NOT attisdropped
UNION ALL
SELECT 'unique ' || relname, pg_get_indexdef(indexrelid), true
FROM pg_index JOIN pg_class ON pg_class.oid = indrelid
WHERE relnamespace = 'consent_sync'::regnamespace AND indisunique
"""
"""What programs call, read and write: its name, its form, and whether it can be left out."""

CHANGED: Final = """
Programs of an older layout that this one says it works with call, read or write what has changed.
Leave it and put the new form beside it under another name; or say in the first line of the step
that it works with no layout before its own, and see "What another version reads" in CONTRIBUTING.md.
"""

SHUT_OUT: Final = """
A program of the layout before may still run, and does not look at the layout while it does. A step
that rules it out drops or renames these functions, so that it can take in and write nothing.
"""


Catalogue = dict[str, tuple[str, bool]]


@pytest.fixture
async def layouts(url: str, postgres: PostgresServer) -> dict[int, Catalogue]:
    """What is there after each step."""
    found = {}
    for number, _ in enumerate(migrations(), 1):
        await migrate(url, migrations()[:number])
        rows = postgres.run(CATALOGUE, name_of(url))
        found[number] = {name: (form, may_miss) for name, form, may_miss in rows}
    return found


async def test_what_older_programs_call_and_read_stays(layouts: dict[int, Catalogue]) -> None:
    """The same names, what functions take and return, the columns, and what is unique."""
    newest = migrations()[-1]
    now = layouts[newest.number]
    changed = {
        f"layout {number}, {name}: {form[0]}"
        for number in range(newest.works_with, newest.number)
        for name, form in layouts[number].items()
        if now.get(name) != form
    }

    assert changed == set(), CHANGED


async def test_older_programs_can_write_rows_without_what_is_new(
    layouts: dict[int, Catalogue],
) -> None:
    """They name the columns they know; a further one of the same table has a default."""
    newest = migrations()[-1]
    now = layouts[newest.number]
    needed = set()
    for number in range(newest.works_with, newest.number):
        then = layouts[number]
        tables = {name.partition(".")[0] for name in then if name.startswith("column ")}
        needed |= {
            f"layout {number}, {name}"
            for name, (_, may_miss) in now.items()
            if name not in then and name.partition(".")[0] in tables and not may_miss
        }

    assert needed == set(), CHANGED


async def test_a_step_that_rules_the_last_programs_out_shuts_them_out(
    layouts: dict[int, Catalogue],
) -> None:
    """One that goes on running must not be able to write a choice that it misreads."""
    left = {
        f"layout {step.number} leaves {name}"
        for step in migrations()
        if step.works_with == step.number > 1
        for name in map("function {}".format, WRITING)
        if name in layouts[step.number - 1]
        if layouts[step.number].get(name) == layouts[step.number - 1][name]
    }

    assert left == set(), SHUT_OUT


def further(text: str) -> list[Migration]:
    """Return our steps and one of a version to come, which works with ours."""
    newest = migrations()[-1].number
    return [*migrations(), Migration(newest + 1, newest, text)]


async def test_a_replica_that_was_ruled_out_says_so(url: str) -> None:
    """A newer one has changed the layout under it: it is not ready any more, and tells why."""
    store = PostgresStore(url, SystemClock())
    await store.open()
    await migrate(url, further("SELECT 1"))
    await store.check()
    [*_, last] = further("SELECT 1")
    alone = last._replace(number=last.number + 1, works_with=last.number + 1)
    await migrate(url, [*further("SELECT 1"), alone])

    with pytest.raises(StoreError, match="a newer consent-sync wrote it"):
        await store.check()
    await store.close()


async def test_steps_let_the_work_go_on_while_they_wait(
    url: str, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backup that reads a table for long holds up the new layout, and no webhook."""
    monkeypatch.setattr(migrating, "PATIENCE_SECONDS", 0.05)
    store = PostgresStore(url, SystemClock())
    await store.open()
    with psycopg.connect(url) as backup:
        backup.execute("LOCK TABLE consent_sync.event IN ACCESS SHARE MODE")
        steps = further("ALTER TABLE consent_sync.event ADD COLUMN extra integer")
        taking = asyncio.create_task(migrate(url, steps))
        await asyncio.sleep(0.01)
        accepted = [await store.accept([event(f"e{n}", "ada")]) for n in range(20)]
        waited = not taking.done()
    await taking
    await store.close()

    assert accepted == [[True]] * 20
    assert waited
