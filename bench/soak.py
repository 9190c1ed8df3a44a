"""Everything goes wrong for half an hour: `python -m bench.soak [--store postgres] [--minutes 30]`.

The real program between both simulated platforms, with faults in every call, webhooks that get lost
or come twice, and a service that is killed on the spot. In the end the platforms' own books tell
whether a choice was lost or took effect twice. The exit code is 1 when a promise was not kept.
"""

import argparse
import asyncio
import logging
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final
from urllib.parse import quote

import aiohttp

from bench import soak_faults
from bench.soak_people import MIXED, Person
from bench.soak_post import digest
from bench.soak_service import Replica
from bench.soak_stage import Stage, stage
from bench.soak_verdict import Report, ends, judge_effects, judge_ends, judge_lags, judge_samples
from consent_sync.app.database import reader_of_database
from consent_sync.app.settings import Settings

PEOPLE: Final = 600
CLICKS_A_SECOND: Final = 20.0
_ROUGH_SHARE: Final = 0.2
"""The first and the last part of the time in which every replica is killed; between them is the steady time."""

_SAMPLE_SECONDS: Final = 2.0
_REST_SECONDS: Final = 300.0
_ROUNDS: Final = 4
_STORIES: Final = 12
_DOUBTS: Final = {"conflict_strictest", "held_review"}


async def run(here: Stage, seconds: float) -> Report:
    """Let it all happen, wait until it has come to rest, sweep, and judge."""
    report = Report()
    for _ in here.crowd.begin():
        await asyncio.sleep(0.5 / CLICKS_A_SECOND)
    await rest(here)
    soak_faults.begin(here.actito, here.didomi)
    here.post.rough = True
    began, rough = time.time(), seconds * _ROUGH_SHARE
    start, end = began + rough, began + seconds - rough
    tasks = [
        asyncio.create_task(one)
        for one in (
            click_on(here),
            _watch(here),
            soak_faults.trouble(here.actito, here.didomi, here.chance, here.away),
        )
    ]
    for until, spared in ((start, 0), (end, 1), (began + seconds, 0)):
        # In the steady time the first replica is left alone, so that it can be seen to stay flat.
        await _kills(here, until, here.replicas[spared:])
        _say(here, until - began)
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, Exception):
            raise outcome
    await end_in_order(here, report)
    judge_lags(report, here.crowd, here.away, start, end)
    judge_samples(report, here.replicas[0], start, end)
    return report


async def end_in_order(here: Stage, report: Report) -> None:
    """End all faults, wait for what is left, sweep, stop, and judge what the platforms hold."""
    here.post.rough = False
    here.actito.faults.clear()
    here.didomi.faults.clear()
    await rest(here)
    before = ends(here.crowd)
    rounds = await _swept(here)
    after_sweep = ends(here.crowd)
    held = [await _held(here)]
    while held[-1] and len(held) < _ROUNDS:
        await here.replicas[0].command("held", "approve", "--all", "--yes")
        await rest(here)
        held.append(await _held(here))
    _count(here, report, len(before.refusals) + len(before.agreements), rounds)
    at_last = ends(here.crowd)
    lowered = [one for one in at_last.agreements if await _said_so(here, *one)]
    judge_ends(report, after_sweep, at_last, lowered, [len(one) for one in held])
    told = judge_effects(report, here.crowd)
    told += [one for one in (*at_last.refusals, *at_last.agreements) if one not in lowered]
    for person, line in (*told, *lowered[:2])[:_STORIES]:
        await _story(here, person, line)
    codes = [await one.stop() for one in here.replicas]
    report.promise("stopped in order", ", ".join(map(str, codes)), kept=not any(codes))
    missing, waiting = await _missing(here)
    taken = len(here.post.taken)
    report.promise(
        "webhooks answered with 200 that are not kept", f"{missing} of {taken:,}", kept=not missing
    )
    report.promise("webhooks without a turn", str(waiting), kept=not waiting)


def _count(here: Stage, report: Report, open_before: int, rounds: list[int]) -> None:
    clicks = sum(map(len, here.crowd.clicks.values()))
    lives = ", ".join(f"{one.name} {one.lives - 1}" for one in here.replicas)
    calls = sum(here.actito.calls.counters.values()), sum(here.didomi.calls.counts.values())
    report.told("choices made by people", f"{clicks:,}")
    report.told("starts after the first", lives)
    report.told("calls to Actito, to Didomi", f"{calls[0]:,}, {calls[1]:,}")
    report.told("webhooks lost, doubled", f"{here.post.lost:,}, {here.post.doubled:,}")
    report.told("lines not at their newest choice before the sweep", str(open_before))
    report.told("people found by each sweep", ", ".join(map(str, rounds)))


async def click_on(here: Stage) -> None:
    """Until cancelled: let people choose, on both platforms."""
    while True:
        here.crowd.click()
        await asyncio.sleep(here.chance.expovariate(CLICKS_A_SECOND))


async def _watch(here: Stage) -> None:
    while True:
        for replica in here.replicas:
            replica.look()
        await asyncio.sleep(_SAMPLE_SECONDS)


async def _kills(here: Stage, until: float, replicas: list[Replica]) -> None:
    """Until a moment, kill any of these now and then and start it again a while later."""
    pause = min(40.0, (until - time.time()) / 3)
    while (left := until - time.time()) > 0:
        await asyncio.sleep(min(left, here.chance.uniform(pause / 4, pause)))
        if replicas and time.time() < until:
            one = here.chance.choice(replicas)
            await one.kill()
            await asyncio.sleep(here.chance.choice((0.0, 1.0, 8.0)))
            await one.start()


async def rest(here: Stage) -> None:
    """Return when no webhook and no turn waits; raises RuntimeError telling what still does."""
    same, end = 0, time.monotonic() + _REST_SECONDS
    async with aiohttp.ClientSession() as http:
        while same < 5:
            await asyncio.sleep(0.2)
            async with http.get(f"{here.replicas[0].address}/api/v1/status") as answer:
                status = await answer.json()
            senders = here.actito.sender.waiting, here.didomi.sender.waiting
            same = 0 if status["waiting_turns"] or any(senders) else same + 1
            if time.monotonic() > end:
                raise RuntimeError(f"it comes to no rest: webhooks {senders}, {status}")


async def _swept(here: Stage) -> list[int]:
    """Sweep until nobody differs any more, or what differs waits for a person's word."""
    rounds: list[int] = []
    for _ in range(_ROUNDS):
        tally = await here.replicas[0].command("sweep", "--fresh", "--yes")
        await rest(here)
        rounds.append(tally["differing"])
        if not tally["repaired"]:
            break
    return rounds


async def _held(here: Stage) -> list[tuple[str, str]]:
    """Return the person and the line of everything that waits for a person's word."""
    told = await here.replicas[0].command("held", "list", "--limit", "10000")
    return [(one["person"], one["line"]) for one in told["lines"]]


async def _said_so(here: Stage, person: Person, line: str) -> bool:
    """Say whether the program tells that it lowered this agreement, or holds it, for its doubts.

    Of somebody who chooses in Didomi only there is nothing to doubt.
    """
    if person.kind == "didomi":
        return False
    words = [one["verdict"] for one in await _timeline(here, person) if one["line"] == line]
    return bool(_DOUBTS & set(words[:6]))


async def _timeline(here: Stage, person: Person) -> list[dict[str, Any]]:
    path = f"/api/v1/persons/{quote(person.ouid)}/timeline?limit=1000"
    async with aiohttp.request("GET", here.replicas[0].address + path) as answer:
        entries: list[dict[str, Any]] = (await answer.json())["entries"]
    return entries


async def _missing(here: Stage) -> tuple[int, int]:
    """Return how many bodies that were answered with 200 are not kept, and how many still wait."""
    variables = {f"CONSENT_SYNC_{name}": text for name, text in here.replicas[0].variables.items()}
    reader = reader_of_database(Settings.from_variables(variables))
    kept: set[bytes] = set()
    waiting, below = 0, None
    while page := await reader.events(refused=False, before=below, limit=1_000):
        below = page[-1].id
        kept.update(digest(one.body) for one in page)
        waiting += sum(one.waiting for one in page)
    return len(here.post.taken - kept), waiting


async def _story(here: Stage, person: Person, line: str) -> None:
    """Tell on stderr all that happened to somebody with whom it did not end well."""
    seen = here.crowd.effects(person, line) if person.kind != MIXED else ()
    told: list[tuple[str, str]] = [
        *(
            (_iso(one.at), f"chose {one.choice} in {one.side}")
            for one in here.crowd.clicks[person, line]
        ),
        *((_iso(one.at), f"changed to {one.choice} by the program") for one in seen),
    ]
    words = ("kind", "side", "choice", "verdict", "reason")
    told += [
        (one["at"], " ".join(str(one[word]) for word in words))
        for one in await _timeline(here, person)
        if one["line"] in (line, "", None)
    ]
    print(f"soak: {person.ouid} {line}", *map(" ".join, sorted(told)), sep="\n  ", file=sys.stderr)


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _say(here: Stage, seconds: float) -> None:
    clicks = sum(map(len, here.crowd.clicks.values()))
    seen = here.replicas[0].samples[-1:]
    takes = "".join(
        f", {one.resident_kib // 1024} MiB, {one.handles.total()} files" for one in seen
    )
    print(
        f"soak: {seconds / 60:.0f} minutes, {clicks:,} choices{takes}", file=sys.stderr, flush=True
    )


async def _main(options: argparse.Namespace) -> Report:
    with TemporaryDirectory(dir=options.folder, prefix="soak-") as name:
        async with stage(Path(name), options.store, options.people, options.seed) as here:
            return await run(here, options.minutes * 60)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--store", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--quick", action="store_true", help="two minutes, to try it")
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where databases and logs are kept meanwhile")
    options = parser.parse_args()
    # A simulated platform that is cut off in the middle of an answer is what was planned.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    options.minutes = 2.0 if options.quick else options.minutes
    with suppress(KeyboardInterrupt):
        report = asyncio.run(_main(options))
        print(report.text())
        return 0 if report.kept else 1
    return 130


if __name__ == "__main__":
    sys.exit(main())
