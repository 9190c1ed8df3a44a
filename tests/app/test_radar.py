"""The periodic look: two looks stop a line, one lets it go on, and all of it is told once."""

import asyncio
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
import structlog

from consent_sync.adapters.metrics import Metrics
from consent_sync.app.radar import Radar
from consent_sync.domain.identity import Side
from consent_sync.domain.inventory import Inventory
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.profile import TableStructure
from consent_sync.services.stops import LineStops
from tests.doubles.clock import SettableClock
from tests.doubles.mappings import a_mapping

MAPPING = a_mapping()


class Platforms:
    """Answers with what the test says exists."""

    def __init__(self, *subscriptions: str) -> None:
        self.subscriptions = subscriptions
        self.unasked: tuple[tuple[Side, str], ...] = ()
        self.looks = 0

    async def of_all(self, mappings: Iterable[Mapping]) -> dict[str, Inventory]:
        self.looks += 1
        table = TableStructure("21", "Customers", {}, frozenset(self.subscriptions))
        inventory = Inventory(frozenset({"Customers"}), table, unasked=self.unasked)
        return {one.name: inventory for one in mappings}


class Source:
    """The mapping in force."""

    def current(self) -> dict[str, Mapping]:
        return {MAPPING.name: MAPPING}


class Waiting(SettableClock):
    """Counts how long was waited, and ends the test's patience after a few waits."""

    def __init__(self, patience: int) -> None:
        super().__init__()
        self.waits: list[float] = []
        self.enough = asyncio.Event()
        self._patience = patience

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        if len(self.waits) > self._patience:
            self.enough.set()
            await asyncio.Event().wait()


@pytest.fixture
def told() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as entries:
        yield entries


def radar(platforms: Platforms, patience: int = 0) -> tuple[Radar, Metrics, Waiting]:
    metrics, clock = Metrics("0"), Waiting(patience)
    made = Radar(platforms, Source(), LineStops(), clock, metrics)
    return made, metrics, clock


async def test_vanished_subscription_is_told_and_counted(told: list[Any]) -> None:
    """The log names file, line and reason; the metrics count."""
    platforms = Platforms("Newsletter")
    made, metrics, _ = radar(platforms)
    await made.look()
    platforms.subscriptions = ("News2",)
    await made.look()
    await made.look()
    await made.look()

    (rests,) = [one for one in told if one["event"] == "line_rests"]
    assert (rests["line"], rests["where"]) == ("Newsletter", "brand-a.yaml:14")
    assert "the subscription `Newsletter`" in rests["why"]
    assert b'consent_sync_lines_resting{mapping="brand-a"} 1.0' in metrics.text()
    assert b'consent_sync_not_in_a_mapping{mapping="brand-a"} 1.0' in metrics.text()


async def test_line_that_is_back_is_told(told: list[Any]) -> None:
    """One look is enough to go on."""
    platforms = Platforms("News2")
    made, metrics, _ = radar(platforms)
    await made.look()
    await made.look()
    platforms.subscriptions = ("Newsletter",)
    await made.look()

    assert [one["event"] for one in told if one["event"].startswith("line_")] == [
        "line_rests",
        "line_goes_on",
    ]
    assert b'consent_sync_lines_resting{mapping="brand-a"} 0.0' in metrics.text()


async def test_what_does_not_change_is_told_once(told: list[Any]) -> None:
    """The log is not filled every hour with the same."""
    platforms = Platforms("Newsletter", "Other")
    platforms.unasked = ((Side.DIDOMI, "our key is refused"),)
    made, _, _ = radar(platforms)
    for _ in range(3):
        await made.look()

    assert sorted(one["event"] for one in told) == ["not_in_a_mapping", "radar_blind"]


@pytest.mark.parametrize(
    ("subscriptions", "waits"),
    [(("Newsletter",), [60.0, 3600.0, 3600.0]), (("News2",), [60.0, 60.0, 3600.0])],
)
async def test_look_is_repeated_soon_after_one_that_missed_something(
    subscriptions: tuple[str, ...], waits: list[float]
) -> None:
    """The first look follows the start after a minute, a confirming one after another."""
    platforms = Platforms(*subscriptions)
    made, _, clock = radar(platforms, patience=2)
    task = asyncio.create_task(made.run(3600))
    await asyncio.wait_for(clock.enough.wait(), 5)
    task.cancel()

    assert clock.waits == waits
    assert platforms.looks == 2
