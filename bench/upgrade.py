"""Two versions of the program on one database: `python -m bench.upgrade [--old REVISION]`.

The older version, in an environment of its own, works between both simulated platforms, with faults
in their calls. On PostgreSQL its replicas are replaced one by one, some killed on the spot, and in
the end one goes back; on SQLite the newer version goes on with the file. Then the platforms' own
books tell whether a choice was lost or took effect twice. The exit code is 1 when a promise was not
kept.
"""

import argparse
import asyncio
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import apsw
import psycopg

from bench import soak_faults
from bench.soak import click_on, end_in_order, rest
from bench.soak_service import OURS, Replica
from bench.soak_stage import Stage, stage
from bench.soak_verdict import Report
from bench.upgrade_old import Version, older, version_at

PEOPLE: Final = 150
REPLICAS: Final = ("first", "second", "third")
_BETWEEN_CLICKS: Final = 0.02
_TOO_NEW: Final = "a newer consent-sync wrote it"

_FORKS: Final = """
SELECT count(*) FROM (
    SELECT 1 FROM {ledger} GROUP BY person, coalesce(previous, 0) HAVING count(*) > 1
) AS forks
"""
"""Turns of one person that began from the same record, so that they must have overlapped."""


@asynccontextmanager
async def loaded(here: Stage) -> AsyncIterator[None]:
    """Let people choose and calls fail meanwhile; raises what ended the load before its time."""
    for _ in here.crowd.begin():
        await asyncio.sleep(_BETWEEN_CLICKS)
    await rest(here)
    soak_faults.begin(here.actito, here.didomi)
    tasks = [
        asyncio.create_task(one)
        for one in (
            click_on(here),
            soak_faults.trouble(here.actito, here.didomi, here.chance, here.away),
        )
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, Exception):
                raise outcome


async def replaced(one: Replica, by: Version, *, killed: bool) -> None:
    """Put a replica in the place of one that stops in order or is killed on the spot."""
    if killed:
        await one.kill()
    elif code := await one.stop():
        raise RuntimeError(f"{one.name} ended with {code} when it was asked to stop")
    one.program = by.program
    await one.start()


async def refused(one: Replica, version: Version) -> bool:
    """Say whether a version refuses to start on this database, telling that a newer one wrote it."""
    seen, before, one.program = len(one.log.read_bytes()), one.program, version.program
    try:
        await one.start()
    except RuntimeError:
        return _TOO_NEW.encode() in one.log.read_bytes()[seen:]
    finally:
        await one.kill()
        one.program = before
    return False


async def one_by_one(here: Stage, report: Report, old: Version, new: Version, pause: float) -> None:
    """Replace replicas while the others go on, and let one go back and forth."""
    last, before = here.replicas[-1], [_turns(one) for one in here.replicas]
    for number, one in enumerate(here.replicas):
        await replaced(one, new, killed=number % 2 == 0)
        await asyncio.sleep(pause)
        if number == 0:
            told = [_turns(one) - seen for one, seen in zip(here.replicas, before, strict=True)]
            report.promise(
                "turns that wrote, side by side", " ".join(map(str, told)), kept=all(told)
            )
            # An older one that dies is started again as it was.
            await replaced(last, old, killed=True)
    await replaced(last, old, killed=True)
    await asyncio.sleep(pause)
    report.told("one step back", f"{last.name} was old again for {pause:.0f} s")
    await replaced(last, new, killed=False)


async def all_at_once(
    here: Stage, report: Report, old: Version, new: Version, pause: float
) -> None:
    """Stop all but one, which was forgotten, before the first new replica; and try to go back."""
    *others, forgotten = here.replicas
    for one in others:
        await one.stop()
    for one in others:
        one.program = new.program
        await one.start()
    before = _turns(forgotten)
    await asyncio.sleep(pause)
    turns = _turns(forgotten) - before
    report.promise("turns that a forgotten one wrote", str(turns), kept=not turns)
    await forgotten.kill()
    back = await refused(forgotten, old)
    report.promise("one step back is refused", str(back), kept=back)
    forgotten.program = new.program
    await forgotten.start()


async def rolling(here: Stage, old: Version, new: Version, seconds: float) -> Report:
    """Replace all replicas under load, as far as the layout allows one by one, and judge."""
    report, first = Report(), here.replicas[0]
    replace_all = one_by_one if new.works_with <= old.postgres else all_at_once
    async with loaded(here):
        await asyncio.sleep(seconds)
        await replace_all(here, report, old, new, seconds)
        await asyncio.sleep(seconds)
    await end_in_order(here, report)
    url = first.variables["DATABASE_URL"]
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(_FORKS.format(ledger="consent_sync.ledger").encode()).fetchone()
        _judge_forks(report, row[0] if row else 0)
        number = max(old.postgres, new.postgres) + 1
        # A layout to come that works with nobody else.
        connection.execute(
            "INSERT INTO consent_sync.layout (number, works_with) VALUES (%s, %s)", (number, number)
        )
    await _judge_refusals(report, first, old, new)
    _count(report, here)
    return report


async def taken_over(here: Stage, old: Version, new: Version, seconds: float) -> Report:
    """Go on with the file of the older version, killed and stopped, and judge."""
    report, [one] = Report(), here.replicas
    async with loaded(here):
        await asyncio.sleep(seconds)
        await replaced(one, old, killed=True)
        await asyncio.sleep(seconds)
        await replaced(one, new, killed=False)
        await asyncio.sleep(seconds)
        await one.stop()
        back = await refused(one, old)
        newer = new.sqlite > old.sqlite
        report.promise(
            f"the older version refuses layout {new.sqlite}", str(back), kept=back is newer
        )
        await one.start()
        await asyncio.sleep(seconds)
    await end_in_order(here, report)
    connection = apsw.Connection(one.variables["DATABASE_URL"].removeprefix("sqlite:///"))
    _judge_forks(report, connection.execute(_FORKS.format(ledger="ledger")).get)
    connection.execute(f"PRAGMA user_version = {max(old.sqlite, new.sqlite) + 1}").fetchall()
    connection.close()
    await _judge_refusals(report, one, old, new)
    _count(report, here)
    return report


def _judge_forks(report: Report, forks: int) -> None:
    report.promise("turns of one person that overlapped", str(forks), kept=not forks)


async def _judge_refusals(report: Report, one: Replica, old: Version, new: Version) -> None:
    for version in (old, new):
        kept = await refused(one, version)
        report.promise(f"{version.name} refuses a layout to come", str(kept), kept=kept)


def _count(report: Report, here: Stage) -> None:
    aside = sum(one.log.read_bytes().count(b'"person_set_aside"') for one in here.replicas)
    report.told("people left to a newer replica for a while", str(aside))


def _turns(one: Replica) -> int:
    return one.log.read_bytes().count(b'"turn_settled"')


async def _main(options: argparse.Namespace) -> bool:
    kept = True
    with TemporaryDirectory(dir=options.folder, prefix="upgrade-") as name:
        folder = Path(name)
        old, new = older(options.old, folder / "old"), version_at("this version", OURS)
        print(f"from {old.name} (layouts {old.postgres} and {old.sqlite} of PostgreSQL and SQLite)")
        print(f"to {new.name} (layouts {new.postgres} and {new.sqlite})", flush=True)
        for store, scenario in (("postgres", rolling), ("sqlite", taken_over)):
            here = folder / store
            here.mkdir()
            async with stage(
                here, store, options.people, options.seed, REPLICAS, old.program
            ) as town:
                report = await scenario(town, old, new, options.seconds)
            print(f"\n{store}\n\n{report.text()}", flush=True)
            kept = kept and report.kept
    return kept


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.upgrade", description=__doc__)
    parser.add_argument("--old", default="", help="a git revision; else the last release")
    parser.add_argument("--seconds", type=float, default=15.0, help="between two steps")
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where databases and logs are kept meanwhile")
    options = parser.parse_args()
    # A simulated platform that is cut off in the middle of an answer is what was planned.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    with suppress(KeyboardInterrupt):
        return 0 if asyncio.run(_main(options)) else 1
    return 130


if __name__ == "__main__":
    sys.exit(main())
