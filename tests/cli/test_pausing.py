"""`pause` and `resume`: through the server or in the database, and nothing is lost."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest
import structlog

from consent_sync.simulators.faults import Fault, FaultKind
from tests.cli.installation import (
    ADA,
    Installation,
    Platforms,
    at_rest,
    connect,
    platforms,
    until,
)

KEY = f"customerId={ADA}"


@pytest.fixture
def own(tmp_path: Path) -> Installation:
    """An installation that a test may change."""
    return Installation(tmp_path)


def subscribed(both: Platforms) -> bool | None:
    return both.actito.world.subscriptions(KEY).get("Newsletter")


async def refuse(own: Installation, both: Platforms, address: str) -> None:
    """Let Ada, who had agreed, refuse in Didomi."""
    own.configure(LISTEN=address.removeprefix("http://"))
    connect(both, address)
    both.didomi.click(ADA, {"channels": {"email": False}})
    await at_rest(address, both)


def test_a_refusal_waits_until_writing_is_resumed_through_the_server(
    own: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The status says so loudly meanwhile."""

    async def story() -> tuple[Any, ...]:
        async with platforms(own) as both, own.serving() as address:
            both.actito.world.seed({"customerId": ADA}, {"Newsletter": True})
            own.configure(LISTEN=address.removeprefix("http://"))

            async def told(*words: str) -> Any:
                return await asyncio.to_thread(own.run, monkeypatch, *words)

            paused = await told("pause", "--to", "actito")
            await refuse(own, both, address)
            during = subscribed(both)
            status = await told("status")
            resumed = await told("resume", "--yes")
            await until(lambda: subscribed(both) is False)
            return paused, during, status, resumed

    paused, during, status, resumed = asyncio.run(story())

    assert "Refusals wait, too" in paused.stdout
    assert during is True
    assert status.exit_code == 1
    assert "writing to Actito is paused" in status.stdout
    assert "the oldest opt-out that is not on both sides yet" in status.stdout
    assert "1 pause ended" in resumed.stdout


def test_a_pause_in_the_database_holds_from_the_next_start(
    own: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Paused before a start, resumed after it: the refusal goes out at the start after that."""

    async def first() -> bool | None:
        async with platforms(own) as both:
            both.actito.world.seed({"customerId": ADA}, {"Newsletter": True})
            async with own.serving() as address:
                await refuse(own, both, address)
                return subscribed(both)

    async def second() -> None:
        async with platforms(own) as both:
            both.actito.world.seed({"customerId": ADA}, {"Newsletter": True})
            own.configure(LISTEN="127.0.0.1:0")
            async with own.serving():
                await until(lambda: subscribed(both) is False)

    async def start() -> None:
        async with platforms(own), own.serving():
            pass

    asyncio.run(start())
    own.run(monkeypatch, "pause", "--to", "actito", "--mapping", "brand-a")
    again = own.json(monkeypatch, "pause", "--to", "actito", "--mapping", "brand-a")
    during = asyncio.run(first())
    counted = own.run(monkeypatch, "resume").stdout
    counts = own.json(monkeypatch, "resume")
    resumed = own.json(monkeypatch, "resume", "--yes")
    asyncio.run(second())

    assert [one["mapping"] for one in again["paused"]] == ["brand-a"]
    assert during is True
    assert "Nothing was done. Say --yes to write again." in counted
    assert (len(counts["paused"]), counts["ended"]) == (1, 0)
    assert resumed == {"ended": 1, "paused": []}
    assert "Nothing is paused." in own.run(monkeypatch, "resume").stdout


def test_a_mapping_that_is_not_there_is_a_slip(
    own: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says which there are."""

    async def start() -> None:
        async with own.serving():
            pass

    asyncio.run(start())
    result = own.run(monkeypatch, "pause", "--mapping", "brand-b")

    assert result.exit_code == 2
    assert "no mapping is named brand-b; in force: brand-a" in result.stderr


def test_a_stop_waits_no_longer_than_the_settings_say(own: Installation) -> None:
    """A call that hangs is cut off; after the start its side is looked at, and it comes true."""
    own.configure(STOP_WITHIN_SECONDS="0.2")

    async def story() -> tuple[float, bool | None]:
        async with platforms(own) as both:
            both.actito.world.seed({"customerId": ADA}, {"Newsletter": True})
            hang = Fault(route="profiles.put", kind=FaultKind.HANG, seconds=60)
            both.actito.faults.add(hang)
            async with own.serving() as address:
                connect(both, address)
                both.didomi.click(ADA, {"channels": {"email": False}})
                await until(lambda: not both.actito.faults)
                began = time.monotonic()
            took = time.monotonic() - began
            async with own.serving() as address:
                await until(lambda: subscribed(both) is False)
            return took, subscribed(both)

    took, newsletter = asyncio.run(story())

    assert took < 5
    assert newsletter is False


def test_beside_the_json_nothing_is_printed(
    own: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the parts log is no part of an answer that a program reads, nor of the one for people."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory())
    paused = own.run(monkeypatch, "pause", "--to", "actito", "--json")

    assert [one["to"] for one in json.loads(paused.stdout)["paused"]] == ["actito"]
    assert paused.stderr == ""
