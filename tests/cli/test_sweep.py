"""`sweep`, by hand and in the background: lost webhooks are made up for, and nothing else happens."""

import pytest

from consent_sync.app import sweeping
from tests.cli.installation import (
    ADA,
    Installation,
    Platforms,
    ada_agreed,
    at_rest,
    email,
    platforms,
    until,
)

YES = {"channels": {"email": True}}
NO = {"channels": {"email": False}}
KEY = f"customerId={ADA}"


async def agreed_before(place: Installation, both: Platforms) -> None:
    """Ada agreed while webhooks came; from now on none does."""
    await ada_agreed(place, both)
    both.didomi.sender.connections.clear()
    for hook in list(both.actito.webhooks):
        both.actito.webhooks.delete(hook.entity, str(hook.id))


async def test_counts_come_first(place: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without --yes nothing is handed to a turn."""
    async with platforms(place) as both:
        await agreed_before(place, both)
        both.actito.people.unsubscribe(KEY, "Newsletter")
        told = await place.told(monkeypatch, "sweep")
        async with place.serving() as address:
            await at_rest(address, both)

        assert (told["differing"], told["lowered"], told["repaired"]) == (1, 1, 0)
        assert email(both.didomi) is True


@pytest.mark.parametrize("serving", [False, True])
async def test_a_lost_refusal_in_actito_reaches_didomi(
    serving: bool, place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With --yes the person's turn comes, at the next start or in the server that runs."""
    async with platforms(place) as both:
        await agreed_before(place, both)
        both.actito.people.unsubscribe(KEY, "Newsletter")
        if serving:
            async with place.serving() as address:
                place.configure(LISTEN=address.removeprefix("http://"))
                told = await place.told(monkeypatch, "sweep", "--yes")
                await until(lambda: email(both.didomi) is False)
        else:
            told = await place.told(monkeypatch, "sweep", "--yes")
            async with place.serving():
                await until(lambda: email(both.didomi) is False)
        again = await place.told(monkeypatch, "sweep")

    assert (told["differing"], told["repaired"]) == (1, 1)
    assert again["differing"] == 0


async def test_a_lost_refusal_in_didomi_reaches_actito(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What Didomi shows comes in as its webhook would have brought it."""
    async with platforms(place) as both:
        await agreed_before(place, both)
        both.didomi.click(ADA, NO)
        await place.told(monkeypatch, "sweep", "--yes")
        async with place.serving():
            await until(lambda: both.actito.world.subscriptions(KEY) == {"Newsletter": False})


async def test_strangers_are_not_resubscribed(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thousands who agreed in Didomi before we came are a first load, not a repair."""
    async with platforms(place) as both:
        await agreed_before(place, both)
        for number in range(10):
            name = f"person-{number}@example.com"
            both.actito.world.seed({"customerId": name})
            both.didomi.click(name, YES)
        told = await place.told(monkeypatch, "sweep", "--yes")
        async with place.serving() as address:
            await at_rest(address, both)
        held = both.actito.world.subscriptions("customerId=person-3@example.com")

    assert (told["strangers"], told["repaired"]) == (10, 0)
    assert not held


@pytest.mark.parametrize("repair", ["true", "false"])
async def test_the_service_sweeps_by_itself(
    repair: str, place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the background everybody is compared; whoever differs is put right when that is wished."""
    place.configure(SWEEP_REPAIR=repair)
    async with platforms(place) as both:
        await agreed_before(place, both)
        monkeypatch.setattr(sweeping, "FIRST_AFTER_SECONDS", 0.0)
        both.actito.people.unsubscribe(KEY, "Newsletter")
        notebook = place.database.with_name("consent-sync.db.sweep")
        async with place.serving() as address:
            if repair == "true":
                await until(lambda: email(both.didomi) is False)
            else:
                await until(notebook.exists)
            await at_rest(address, both)

        assert email(both.didomi) is (repair == "false")
