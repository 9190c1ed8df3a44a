"""`dead-letters`: what was given up, counted first, tried again here or through the server."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from consent_sync.simulators.faults import Fault
from tests.cli.installation import ADA, Installation, Platforms, at_rest, connect, platforms

KEY = f"customerId={ADA}"
REFUSAL = Fault(route="profiles.put", status=400, body={"message": "not today"}, count=None)


async def refused(place: Installation, both: Platforms, address: str) -> None:
    """Let Ada's no in Didomi be refused by Actito for good."""
    both.actito.world.seed({"customerId": ADA}, {"Newsletter": True})
    both.actito.faults.add(REFUSAL)
    place.configure(LISTEN=address.removeprefix("http://"))
    connect(both, address)
    both.didomi.click(ADA, {"channels": {"email": False}})
    await at_rest(address, both)


def subscribed(both: Platforms) -> bool | None:
    return both.actito.world.subscriptions(KEY).get("Newsletter")


@pytest.fixture
def own(tmp_path: Path) -> Installation:
    """An installation that a test may change."""
    return Installation(tmp_path)


def test_a_dead_letter_is_listed_shown_and_tried_again_through_the_server(
    own: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counts first; with --yes its person's turn comes, and the choice is carried over."""

    async def story() -> tuple[Any, ...]:
        async with platforms(own) as both, own.serving() as address:
            await refused(own, both, address)

            async def told(*words: str) -> Any:
                return await asyncio.to_thread(own.run, monkeypatch, "dead-letters", *words)

            listed = await asyncio.to_thread(own.json, monkeypatch, "dead-letters", "list")
            table = await told("list")
            shown = await told("show", listed["letters"][0]["id"])
            both.actito.faults.clear()
            done = await told("replay", listed["letters"][0]["id"], "--yes")
            await at_rest(address, both)
            return listed, table, shown, done, subscribed(both)

    listed, table, shown, done, newsletter = asyncio.run(story())

    assert listed["total"] == 1
    assert table.exit_code == 1
    assert "Newsletter denied to actito" in table.stdout
    assert "denied on line Newsletter could not be written to Actito" in shown.stdout
    assert "not today" in shown.stdout
    assert "1 refusal among them not carried over." in table.stdout
    assert "1 dead letter tried again" in done.stdout
    assert newsletter is False


def test_a_dead_letter_is_put_away_in_the_database_itself(
    own: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While no server runs, the word waits for the next start."""

    async def before() -> None:
        async with platforms(own) as both, own.serving() as address:
            await refused(own, both, address)

    async def after() -> tuple[bool | None, Any]:
        async with platforms(own) as both:
            own.configure(LISTEN="127.0.0.1:0")
            both.actito.world.seed({"customerId": ADA}, {"Newsletter": True})
            async with own.serving() as address:
                await at_rest(address, both)
                return subscribed(both), await asyncio.to_thread(
                    own.json, monkeypatch, "dead-letters", "list"
                )

    asyncio.run(before())
    counted = own.run(monkeypatch, "dead-letters", "purge", "--all").stdout
    wishes = (("--person", "ben@example.com"), ("--since", "1h", "--person", ADA))
    counts = [own.json(monkeypatch, "dead-letters", "purge", *one, "--yes") for one in wishes]
    newsletter, listed = asyncio.run(after())

    assert "Nothing was done. Say --yes to do it." in counted
    assert [one["taken"] for one in counts] == [0, 1]
    assert newsletter is True
    assert listed == {"total": 0, "letters": []}


@pytest.mark.parametrize("words", [("purge", "--yes"), ("replay", "--all", "--mapping", "brand-a")])
def test_what_is_meant_must_be_said(
    words: tuple[str, ...], own: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A decision about everything by a slip is no decision."""
    result = own.run(monkeypatch, "dead-letters", *words)

    assert result.exit_code == 2
