"""`recover` and the recovery at a start: what was missed comes in once, in order, and not twice."""

import pytest

from consent_sync.adapters.notebook import SqliteNotebook
from consent_sync.cli.exits import CommandError
from consent_sync.cli.recover import moment_from
from consent_sync.domain.moments import HOUR
from consent_sync.simulators.faults import Fault
from tests.cli.installation import (
    ADA,
    BEN,
    Installation,
    Platforms,
    ada_agreed,
    at_rest,
    connect,
    platforms,
    until,
)

YES = {"channels": {"email": True}}
NO = {"channels": {"email": False}}
KEY = f"customerId={ADA}"


def lose_webhooks(both: Platforms) -> None:
    """Nothing that Didomi posts arrives any more."""
    both.didomi.sender.connections.clear()


async def test_what_was_missed_is_counted_first(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without --yes nothing is taken in; what came by webhook is not missed."""
    async with platforms(place) as both:
        await ada_agreed(place, both)
        lose_webhooks(both)
        both.didomi.click(ADA, NO)
        both.didomi.click(ADA, YES)
        both.didomi.click(ADA, NO)
        told = await place.told(monkeypatch, "recover", "--since", "1h")
        again = await place.told(monkeypatch, "recover", "--since", "1h")

    assert (told["users"], told["changed"], told["missed"], told["taken"]) == (1, 1, 3, None)
    assert again == {**told, "since": again["since"]}


async def test_a_lost_refusal_reaches_actito(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With --yes the events wait for their turns, once, however often it is said."""
    async with platforms(place) as both:
        await ada_agreed(place, both)
        lose_webhooks(both)
        both.didomi.click(ADA, NO)
        first = await place.told(monkeypatch, "recover", "--since", "1h", "--yes")
        second = await place.told(monkeypatch, "recover", "--since", "1h", "--yes")
        async with place.serving() as address:
            await until(lambda: both.actito.world.subscriptions(KEY) == {"Newsletter": False})
            await at_rest(address, both)
        third = await place.told(monkeypatch, "recover", "--since", "1h")

    assert (first["missed"], first["taken"]) == (1, 1)
    assert (second["missed"], second["taken"]) == (0, 0)
    assert third["missed"] == 0


@pytest.mark.parametrize("how", ["secret", "token"])
async def test_a_running_server_takes_them_in(
    how: str, place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a server owns the database, its own webhook address is used, opened as Didomi opens it."""
    if how == "token":
        place.configure(
            DIDOMI_WEBHOOK_SECRETS="",
            DIDOMI_WEBHOOK_CLIENT_ID="didomi",
            DIDOMI_WEBHOOK_CLIENT_SECRET="client-secret-of-forty-characters-tests-1",
        )
    async with platforms(place) as both:
        both.actito.world.seed({"customerId": ADA}, {"Newsletter": True})
        async with place.serving() as address:
            place.configure(LISTEN=address.removeprefix("http://"))
            both.didomi.click(ADA, NO)
            told = await place.told(monkeypatch, "recover", "--since", "1h", "--yes")
            await until(lambda: both.actito.world.subscriptions(KEY) == {"Newsletter": False})

    assert (told["missed"], told["taken"]) == (1, 1)


async def test_a_start_recovers_by_itself(place: Installation) -> None:
    """When Didomi's last event is older than the setting, what came since is pulled."""
    place.configure(RECOVER_AFTER_SECONDS="0.001")
    async with platforms(place) as both:
        await ada_agreed(place, both)
        lose_webhooks(both)
        both.didomi.click(ADA, NO)
        async with place.serving():
            await until(lambda: both.actito.world.subscriptions(KEY) == {"Newsletter": False})

        notebook = SqliteNotebook(place.database.with_name("consent-sync.db.recover"))
        assert await notebook.read() is None


async def test_a_late_agreement_does_not_wake_what_was_refused_meanwhile(
    place: Installation,
) -> None:
    """Ada agreed in Didomi while nobody listened, and refused in Actito after that: she stays off."""
    place.configure(RECOVER_AFTER_SECONDS="0.001", LATE_AFTER_SECONDS="0")
    async with platforms(place) as both:
        await ada_agreed(place, both)
        lose_webhooks(both)
        both.didomi.click(ADA, YES)
        both.actito.people.unsubscribe(KEY, "Newsletter")
        async with place.serving() as address:
            for hook in list(both.actito.webhooks):
                both.actito.webhooks.delete(hook.entity, str(hook.id))
            connect(both, address)
            await at_rest(address, both)

    assert both.actito.world.subscriptions(KEY) == {"Newsletter": False}


async def test_what_a_start_could_not_finish_the_next_one_does(place: Installation) -> None:
    """Trouble with Didomi's list is noted, so that events pulled so far hide no outage."""
    place.configure(RECOVER_AFTER_SECONDS="0.001")
    async with platforms(place) as both:
        await ada_agreed(place, both)
        lose_webhooks(both)
        both.didomi.click(ADA, NO)
        both.didomi.faults.add(Fault(route="consents.users", status=500, count=None))
        async with place.serving():
            pass
        both.didomi.faults.clear()
        place.configure(RECOVER_AFTER_SECONDS="3600")
        async with place.serving():
            await until(lambda: both.actito.world.subscriptions(KEY) == {"Newsletter": False})


async def test_a_fresh_database_has_missed_nothing(place: Installation) -> None:
    """Before anything was ever received there is no outage; a first load is something else."""
    place.configure(RECOVER_AFTER_SECONDS="0.001")
    async with platforms(place) as both:
        both.didomi.click(BEN, YES)
        async with place.serving() as address:
            await at_rest(address, both)

        assert not [name for name in both.didomi.calls.counts if "users" in name]


@pytest.mark.parametrize("text", ["yesterday", "2026-03-01T10:00:00", "2999-01-01T00:00:00Z", "5w"])
def test_a_moment_that_is_none_is_wrong_usage(text: str) -> None:
    """It says what was found and what is expected."""
    with pytest.raises(CommandError) as error:
        moment_from(text, 0)

    assert error.value.code == 2


def test_a_moment_may_be_a_span_or_a_date() -> None:
    """Spans count back from now; dates have a zone."""
    now = 1_772_360_100_000_000

    assert moment_from("6h", now) == now - 6 * HOUR
    assert moment_from("2026-03-01T11:15:00+01:00", now) == now
