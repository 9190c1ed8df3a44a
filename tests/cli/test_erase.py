"""`erase`: counts first, then in the database itself or through the server that owns it."""

import asyncio
from pathlib import Path

import pytest

from tests.cli.installation import Installation, fill
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
