"""`erase`: counts first, then in the database itself or through the server that owns it."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from consent_sync.simulators.actito.refusal import RefusalError
from tests.cli.installation import (
    ADA,
    SECRET,
    Installation,
    Platforms,
    at_rest,
    connect,
    fill,
    platforms,
    until,
)
from tests.cli.test_events_replay import beside_server

TOKEN = "a-token-of-forty-characters-for-tests-0001"


@pytest.fixture
def own(tmp_path: Path) -> Installation:
    """A filled installation that a test may change."""
    installation = Installation(tmp_path)
    asyncio.run(fill(installation))
    return installation


def somebody(place: Installation, monkeypatch: pytest.MonkeyPatch) -> str:
    """The organisation user id in the first event."""
    body = place.json(monkeypatch, "events", "show", "1")["body"]
    return str(body["parameters"]["entity"]["user"]["organization_user_id"])


def test_without_yes_only_the_counts_are_shown(
    own: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is removed before somebody says --yes."""
    person = somebody(own, monkeypatch)
    result = own.run(monkeypatch, "erase", person)

    assert result.exit_code == 0
    assert "known in 1 mapping" in result.stdout
    assert "Nothing was done. Say --yes to do it." in result.stdout
    assert own.json(monkeypatch, "events", "show", "1")["body"]


def test_with_yes_the_person_is_gone_and_the_proof_stays(
    own: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the events said is gone, and no file beside the database names the person."""
    person = somebody(own, monkeypatch)
    result = own.run(monkeypatch, "erase", person, "--yes")
    told = own.json(monkeypatch, "erase", person.upper())

    assert result.exit_code == 0
    assert "Erased, with what" in result.stdout
    assert own.json(monkeypatch, "events", "show", "1")["problem"] == "erased"
    assert (told["found"]["persons"], told["found"]["records"]) == (0, 0)
    assert told["found"]["cleared_at"]
    lists = own.database.parent.glob("*.tombstones")
    assert [person in one.read_text() for one in lists] == [False]


def test_a_lift_is_told(own: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once there is something to lift."""
    person = somebody(own, monkeypatch)
    own.run(monkeypatch, "erase", person, "--yes")

    first = own.run(monkeypatch, "erase", person, "--lift", "--yes")
    second = own.run(monkeypatch, "erase", person, "--lift", "--yes")

    assert "this person may come back" in first.stdout
    assert "There was nothing to lift" in second.stdout


def test_a_running_server_does_it(own: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a server owns the database, its API is asked, from this machine without a token."""
    person = somebody(own, monkeypatch)
    result = asyncio.run(beside_server(own, monkeypatch, "erase", person, "--yes"))

    assert result.exit_code == 0
    assert own.json(monkeypatch, "erase", person)["found"]["erased_at"]


def test_an_operator_may_not_erase(own: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only an admin's token is used, and without one the server refuses."""
    person = somebody(own, monkeypatch)
    own.configure(API_TOKENS=f"ann:operator:{TOKEN}")
    result = asyncio.run(beside_server(own, monkeypatch, "erase", person, "--yes"))

    assert result.exit_code == 1
    assert "refuses" in result.stderr
    assert own.json(monkeypatch, "events", "show", "1")["body"]


@pytest.mark.parametrize("policy", ["opt-out", "delete"])
async def test_both_sides_are_dealt_with_before_the_person_is_erased(
    policy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked for first and done by the service; our own deletions come back and make nobody anew."""
    place = Installation(tmp_path)

    def holds() -> tuple[bool | None, bool | None]:
        profiles = both.actito.world.subscriptions(f"customerId={ADA}")
        return profiles.get("Newsletter"), email(both, ADA)

    async with platforms(place) as both:
        both.actito.world.seed({"customerId": ADA})
        async with place.serving() as address:
            connect(both, address)
            both.actito.register_webhook(
                f"{address}/webhooks/actito/brand-a", "DELETE", headers={"X-Webhook-Secret": SECRET}
            )
            both.didomi.click(ADA, {"channels": {"email": True}})
            await until(lambda: holds() == (True, True))
            await at_rest(address, both)
            place.configure(LISTEN=address.removeprefix("http://"))
            words = ("erase", ADA, "--policy", policy, "--yes")
            asked = await asyncio.to_thread(place.run, monkeypatch, *words)
            left = (False, False) if policy == "opt-out" else (None, None)
            await until(lambda: gone_or(holds, left))
            await at_rest(address, both)
        told = await asyncio.to_thread(place.json, monkeypatch, "erase", ADA.upper())

        assert gone_or(holds, left)
    assert "Asked for in 1 mapping" in asked.stdout
    assert (told["found"]["persons"], told["found"]["leaving"]) == (0, 0)
    assert told["found"]["erased_at"]


def test_what_was_asked_for_waits_for_the_service(
    own: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a service nothing is done yet on either side, and that is said."""
    person = somebody(own, monkeypatch)
    asked = own.run(monkeypatch, "erase", person, "--policy", "delete", "--yes")
    told = own.run(monkeypatch, "erase", person)

    assert "Asked for in 1 mapping" in asked.stdout
    assert "still leaves both sides in 1 mapping" in told.stdout


def gone_or(
    holds: Callable[[], tuple[bool | None, bool | None]], left: tuple[bool | None, bool | None]
) -> bool:
    """Say whether both sides hold this; whoever is deleted cannot be asked."""
    try:
        return holds() == left
    except RefusalError:
        return left == (None, None)


def email(both: Platforms, name: str) -> bool | None:
    users = both.didomi.world.users.of(name)
    return users[0].statuses["gdpr"].channels["email"].enabled if users else None


def test_a_lift_has_no_policy(own: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was deleted on a side does not come back."""
    result = own.run(monkeypatch, "erase", ADA, "--lift", "--policy", "delete")

    assert result.exit_code == 2
    assert "--lift undoes nothing" in result.stderr
