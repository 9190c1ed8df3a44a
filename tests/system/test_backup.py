"""Backed up under load and restored, by the commands of the page: nothing of it is lost or reversed."""

import asyncio
import os
import random
import re
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, blocks
from tests.postgres import PostgresServer
from tests.system.harness import Person, Town, town, until
from tests.system.test_kill import CROWD, LASTING, Crowd, progress, reached, rest

PAGE = ROOT / "docs/how-to/back-up-and-restore.md"
SHELL = [content for word, content in blocks(PAGE) if word == "sh"]
VARIABLES = {
    "CLOCK_TOLERANCE_SECONDS": "2",
    "RECOVER_AFTER_SECONDS": "0.2",
}


@dataclass
class Drawer:
    """Where a town keeps its backups, and the commands of the page for its database."""

    place: Town
    variables: dict[str, str]
    commands: list[str]

    async def run(self, commands: str) -> None:
        """Run what stands in a block of the page."""
        done = await asyncio.create_subprocess_exec(
            "bash",
            "-euo",
            "pipefail",
            "-c",
            commands,
            env={**os.environ, **self.variables},
            stderr=asyncio.subprocess.PIPE,
        )
        _, said = await asyncio.wait_for(done.communicate(), 60)
        assert done.returncode == 0, said.decode()

    async def back_up(self) -> None:
        await self.run(self.commands[0])

    async def save_tombstones(self) -> None:
        """Run what saves them, and not what saves the database."""
        last = self.commands[0].rstrip().splitlines()[-1]
        await self.run(last)

    async def restore(self) -> None:
        await self.run(self.commands[1])


async def after_a_restore(
    place: Town, drawer: Drawer, empty: Callable[[], object], seed: int
) -> None:
    """Back up under load, go on, lose the database, restore, start."""
    crowd = Crowd(place, random.Random(seed), "Newsletter", "DailyDeals", mixed=True)
    crowd.populate()
    bob, cat = place.person("bob"), place.person("cat")
    for one in (bob, cat):
        place.didomi.click(one.ouid, {"channels": {"email": True}})
    await place.all_agree((bob, cat), "Newsletter", True)
    async with clicks(crowd):
        await until("some work is done", partial(reached, place, progress(place) + 100))
        before = await events(place)
        await drawer.back_up()
        await until("some more is done", partial(reached, place, progress(place) + 100))
    await rest(place)
    erased = await place.post("/api/v1/erasures", {"person": bob.ouid})
    await drawer.save_tombstones()
    assert (erased.status, erased.body["persons"] > 0) == (200, True)
    assert await place.service.stop() == 0

    empty()
    # From here on no webhook of Didomi arrives: what is learnt of it has to be pulled.
    place.didomi.sender.connections.clear()
    place.didomi.click(cat.ouid, {"channels": {"email": False}})
    await drawer.restore()
    # As after a restore that took longer than a choice may be under way.
    await place.service.start(LATE_AFTER_SECONDS="0.5")
    await until("what was missed is pulled", lambda: bool(place.service.events("recovered")))
    await until(
        "the erased are searched for", lambda: bool(place.service.events("erasure_cleared"))
    )
    await rest(place)

    assert await events(place) >= before
    nothing_is_reversed(crowd)
    assert place.in_actito(cat, "Newsletter") is False
    assert (await known(place, bob), await known(place, cat)) == (False, True)


@asynccontextmanager
async def clicks(crowd: Crowd) -> AsyncIterator[None]:
    """Let everybody click meanwhile, on platforms that know them."""
    clicking = asyncio.create_task(crowd.click())
    try:
        yield
    finally:
        clicking.cancel()
        await asyncio.gather(clicking, return_exceptions=True)


async def events(place: Town) -> int:
    """Return how many events are kept."""
    sides = (await place.status())["sides"]
    return int(sides["didomi"]["events"] + sides["actito"]["events"])


def nothing_is_reversed(crowd: Crowd) -> None:
    """No refusal came undone; an older belief may lower agreements until both sides are compared."""
    wrong = crowd.wrong()

    assert [(person.ouid, line) for person, line, on, _ in wrong if not on] == []
    assert len(wrong) < CROWD


async def known(place: Town, person: Person) -> bool:
    """Say whether anything is known of this person."""
    reply = await place.get(f"/api/v1/persons/{person.ouid}/timeline")
    return reply.status == 200 and bool(reply.body["entries"])


async def test_a_file_is_restored(tmp_path: Path) -> None:
    """The copy is whole, the erased stay erased, and what came since is pulled from Didomi."""
    async with town(
        tmp_path, actito=LASTING, didomi={"time_scale": 0.01}, variables=VARIABLES
    ) as place:
        data = place.service.database.parent
        variables = {"DATA": str(data), "BACKUP": str(tmp_path / "kept"), "PYTHON": sys.executable}

        def lose_the_database() -> None:
            for file in data.glob("consent-sync.db*"):
                if not re.search("tombstone|-key", file.name):
                    file.unlink()

        await after_a_restore(place, Drawer(place, variables, SHELL[1:3]), lose_the_database, 7)
        assert place.service.events("erased_again")
        assert place.leaks(place.service.output()) == []


@pytest.fixture
def url(postgres: PostgresServer) -> Iterator[str]:
    url = postgres.new_database()
    yield url
    postgres.drop(url)


async def test_a_server_is_restored(tmp_path: Path, postgres: PostgresServer, url: str) -> None:
    """The same on PostgreSQL, with its own tools."""
    variables = {
        "URL": url,
        "BACKUP": str(tmp_path / "kept"),
        "PATH": f"{postgres.tools}{os.pathsep}{os.environ['PATH']}",
    }
    async with town(
        tmp_path,
        actito=LASTING,
        didomi={"time_scale": 0.01},
        variables={**VARIABLES, "DATABASE_URL": url, "LEASE_SECONDS": "1"},
    ) as place:
        drawer = Drawer(place, variables, SHELL[4:6])

        def lose_the_database() -> None:
            name = url.rpartition("host=")[0].rstrip("?").rpartition("/")[2]
            postgres.run("DROP SCHEMA consent_sync CASCADE", name)

        await after_a_restore(place, drawer, lose_the_database, 8)
