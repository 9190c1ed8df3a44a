"""`audit` between the simulated platforms: exactly those who differ, and nothing else is touched."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from consent_sync.adapters.clock import SystemClock
from consent_sync.adapters.storage.sqlite import SqliteStore
from tests.cli.installation import Installation, Platforms, at_rest, connect, platforms, until

CHOICES = {"channels": {"email": True}, "purposes": {"marketing": False}}
HELD = {"Newsletter": True, "DailyDeals": False}


async def empty_database(place: Installation) -> None:
    store = SqliteStore(place.database, SystemClock())
    await store.open()
    await store.close()


def people(both: Platforms, number: int, *, first: int = 0) -> list[str]:
    """Make people who hold the same on both sides."""
    names = [f"person-{one:04}@example.com" for one in range(first, first + number)]
    for name in names:
        both.didomi.click(name, CHOICES)
        both.actito.world.seed({"customerId": name}, dict(HELD))
    return names


def drift(both: Platforms, name: str, **subscriptions: bool) -> None:
    """Change what a profile holds without anybody being told."""
    for line, value in subscriptions.items():
        change = both.actito.people.subscribe if value else both.actito.people.unsubscribe
        change(f"customerId={name}", line)


def persons(told: Any) -> set[str]:
    return {one["person"] for one in told["differences"]}


async def run(place: Installation, monkeypatch: pytest.MonkeyPatch, *words: str) -> Any:
    return await asyncio.to_thread(place.run, monkeypatch, "audit", *words)


async def told(place: Installation, monkeypatch: pytest.MonkeyPatch, *words: str) -> Any:
    return await asyncio.to_thread(place.json, monkeypatch, "audit", *words)


async def test_nobody_differs(place: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where both sides hold the same the exit code is 0, and nothing was written anywhere."""
    await empty_database(place)
    async with platforms(place) as both:
        people(both, 5)
        result = await run(place, monkeypatch)
        writes = both.actito.calls.count("profiles.put")

    assert result.exit_code == 0, result.output
    assert "5 persons compared" in result.stdout
    assert "0 persons differ" in result.stdout
    assert writes == 0


async def test_exactly_those_who_differ_are_listed(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over several pages, each with both values and the outcome that the rules propose."""
    await empty_database(place)
    async with platforms(place) as both:
        both.didomi.turn(page_size=7)
        names = people(both, 30)
        drift(both, names[3], Newsletter=False)
        drift(both, names[20], DailyDeals=True)
        found = await told(place, monkeypatch)
        result = await run(place, monkeypatch)

    lines = {one["person"]: one["lines"] for one in found["differences"]}
    assert set(lines) == {names[3], names[20]}
    assert [(one["line"], one["didomi"], one["actito"]) for one in lines[names[3]]] == [
        ("Newsletter", "granted", "denied")
    ]
    assert lines[names[3]][0]["verdict"] == "held_review"
    assert lines[names[20]][0]["proposed"] == "denied"
    assert lines[names[20]][0]["writes"] == ["actito"]
    assert result.exit_code == 1
    assert "2 persons differ" in result.stdout


@pytest.mark.parametrize("switch", ["repeats", "expires"])
async def test_a_restless_list_is_read_to_its_end(
    switch: str, place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list that repeats people, or whose cursors end, neither hides nor doubles anybody."""
    await empty_database(place)
    async with platforms(place) as both:
        both.didomi.turn(page_size=4, cursor=switch, cursor_life_seconds=30)
        names = people(both, 12)
        drift(both, names[3], Newsletter=False)
        found = await told(place, monkeypatch)

    assert [one["person"] for one in found["differences"]] == [names[3]]


async def test_what_we_believe_is_told_with_since_when(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lost webhook shows as a belief that Actito does not hold any more."""
    async with platforms(place) as both:
        async with place.serving() as address:
            connect(both, address)
            both.actito.world.seed({"customerId": "ada@example.com"})
            both.didomi.click("ada@example.com", {"channels": {"email": True}})
            key = "customerId=ada@example.com"
            await until(lambda: both.actito.world.subscriptions(key) == {"Newsletter": True})
            await at_rest(address, both)
        for hook in list(both.actito.webhooks):
            both.actito.webhooks.delete(hook.entity, str(hook.id))
        drift(both, "ada@example.com", Newsletter=False)
        found = await told(place, monkeypatch)

    [line] = found["differences"][0]["lines"]
    assert line["believed"]["actito"]["choice"] == "granted"
    assert line["believed"]["actito"]["as_of"].startswith("20")
    assert (line["proposed"], line["writes"]) == ("denied", ["didomi"])


async def test_an_export_spares_the_calls(
    place: Installation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With a file of the table only those who seem to differ are asked for."""
    await empty_database(place)
    export = tmp_path / "customers.csv"
    async with platforms(place) as both:
        names = people(both, 10)
        drift(both, names[4], Newsletter=False)
        rows = ["customerId;subscriptions#Newsletter;subscriptions#DailyDeals"]
        rows += [f"{name};{'false' if name == names[4] else 'true'};false" for name in names]
        export.write_text("\n".join(rows), encoding="utf-8")
        both.actito.calls.clear()
        found = await told(place, monkeypatch, "--actito-export", str(export))
        reads = both.actito.calls.count("profiles.get")

    assert persons(found) == {names[4]}
    assert reads == 1


async def test_an_export_that_does_not_fit_is_refused(
    place: Installation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The column that is missing is named."""
    await empty_database(place)
    export = tmp_path / "customers.csv"
    export.write_text("customerId;Newsletter\nada@example.com;true\n", encoding="utf-8")
    async with platforms(place):
        result = await run(place, monkeypatch, "--actito-export", str(export))

    assert result.exit_code == 1
    assert "missing: DailyDeals" in result.stderr


async def test_a_platform_that_looks_empty_stops_the_comparison(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When Actito shows nothing for many of whom it held choices, nothing is concluded."""
    async with platforms(place) as both:
        async with place.serving() as address:
            connect(both, address)
            names = [f"person-{one:04}@example.com" for one in range(30)]
            for name in names:
                both.actito.world.seed({"customerId": name})
                both.didomi.click(name, {"channels": {"email": True}})
            keys = [f"customerId={name}" for name in names]
            held = both.actito.world.subscriptions
            await until(lambda: all(held(key) == {"Newsletter": True} for key in keys))
            await at_rest(address, both)
        for key in keys:
            both.actito.people.delete(key)
        both.actito.world.seed({"customerId": "somebody@example.com"})
        result = await run(place, monkeypatch)

    assert result.exit_code == 1
    assert "looks like a fault" in result.stderr
    assert "differ" not in result.stdout


async def test_an_unknown_mapping_is_wrong_usage(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The names in force are told."""
    await empty_database(place)
    result = await run(place, monkeypatch, "--mapping", "brand-z")

    assert result.exit_code == 2
    assert "in force: brand-a" in result.stderr
