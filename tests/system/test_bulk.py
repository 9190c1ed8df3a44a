"""A long backlog through the whole program: refusals together, agreements one by one."""

from pathlib import Path

import pytest

from tests.cli.installation import Installation, at_rest, connect, platforms, until
from tests.system.harness import town
from tests.system.harness import until as comes_about

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


async def test_a_kill_in_the_middle_of_an_import_loses_no_refusal(tmp_path: Path) -> None:
    """Nobody learnt how it ended: everybody in it is looked at, and nothing comes back."""
    async with town(tmp_path) as place:
        people = [place.person(f"ida_{n}", Newsletter=False) for n in range(24)]
        for person in people:
            place.didomi.click(person.ouid, {"channels": {"email": True}})
        await place.all_agree(people, "Newsletter", wanted=True)
        await place.service.stop()
        await place.service.start(
            ACTITO_CALLS_PER_MINUTE="30",
            ACTITO_BULK_ABOVE="1",
            ACTITO_BULK_ROWS="8",
            TURNS_CONCURRENCY="2",
        )
        place.actito.switches.import_seconds = 3
        for person in people:
            place.didomi.click(person.ouid, {"channels": {"email": False}})
        begun = "actito imports.start"
        await comes_about("an import begins", lambda: bool(place.calls()[begun]), 30)
        await place.service.kill()
        place.actito.calls.clear()
        await place.service.start(ACTITO_CALLS_PER_MINUTE="0", ACTITO_BULK_ABOVE="0")
        place.didomi.sender.replay_stored()
        await place.all_agree(people, "Newsletter", wanted=False)

        assert [place.both(person, "Newsletter") for person in people] == [(False, False)] * 24
        assert place.calls()["didomi events.create"] == 0
        # The import may land after the look; then a refusal is written once more, and no more than that.
        assert place.calls()["actito profiles.put"] <= 24
