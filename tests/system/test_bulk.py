"""A long backlog through the whole program: refusals together, agreements one by one."""

from pathlib import Path

import pytest

from tests.cli.installation import Installation, at_rest, connect, platforms, until

PEOPLE = [f"person-{number}@example.com" for number in range(40)]
AGREEING = PEOPLE[:2]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks that wait for seconds wait for moments, and few are enough for an import."""
    monkeypatch.setattr("consent_sync.adapters.actito.bulk._QUIET_SECONDS", 0.1)
    monkeypatch.setattr("consent_sync.adapters.actito.bulk._LOOK_SECONDS", 0.2)
    monkeypatch.setattr("consent_sync.app.bulk_switch.LOOK_SECONDS", 0.02)
    monkeypatch.setattr("consent_sync.app.accounts.LEAST_ROWS", 5)


@pytest.mark.usefixtures("quick")
async def test_a_backlog_of_refusals_goes_together(tmp_path: Path) -> None:
    """Few calls do what forty would; agreements look first, and no echo is answered or looked at."""
    place = Installation(tmp_path)
    async with platforms(place) as both:
        both.actito.switches.calls_per_minute = 0
        for key in PEOPLE:
            both.actito.world.seed({"customerId": key})
        held = both.actito.world.subscriptions
        async with place.serving() as address:
            connect(both, address)
            for key in PEOPLE:
                both.didomi.click(key, {"channels": {"email": True}})
            await at_rest(address, both)
        place.configure(ACTITO_CALLS_PER_MINUTE="120", ACTITO_BULK_ABOVE="1")
        both.actito.calls.clear()
        both.didomi.calls.clear()
        async with place.serving() as address:
            both.actito.webhooks.clear()
            both.didomi.sender.connections.clear()
            connect(both, address)
            for key in PEOPLE:
                purposes = {"purposes": {"marketing": True}} if key in AGREEING else {}
                both.didomi.click(key, {"channels": {"email": False}, **purposes})
            await until(
                lambda: all(held(f"customerId={key}")["Newsletter"] is False for key in PEOPLE)
            )
            await at_rest(address, both)

        agreed = [held(f"customerId={key}").get("DailyDeals") for key in AGREEING]
        calls = both.actito.calls.counters
        assert agreed == [True, True]
        assert calls["imports.start"] >= 1
        assert calls["profiles.put"] + calls["profiles.get"] < 35
        assert both.didomi.calls.counts["events.create"] == 0
