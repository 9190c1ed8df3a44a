"""`events replay`: counts first, then in the database itself or through the server that owns it."""

import asyncio
from pathlib import Path

import pytest
from typer.testing import Result

from tests.cli.installation import Installation, fill

TOKEN = "a-token-of-forty-characters-for-tests-0001"


@pytest.fixture
def own(tmp_path: Path) -> Installation:
    """A filled installation that a test may change."""
    installation = Installation(tmp_path)
    asyncio.run(fill(installation))
    return installation


def refused_number(place: Installation, monkeypatch: pytest.MonkeyPatch) -> str:
    return str(place.json(monkeypatch, "events", "list", "--refused")[0]["number"])


def test_without_yes_only_the_counts_are_shown(
    own: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is done before somebody says --yes."""
    result = own.run(monkeypatch, "events", "replay", "1")

    assert result.exit_code == 0
    assert "Nothing was done. Say --yes to do it." in result.stdout
    assert own.json(monkeypatch, "status")["waiting_turns"] == 0


def test_with_yes_it_waits_again(own: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """While no server runs, the event is queued in the database itself."""
    result = own.run(monkeypatch, "events", "replay", "1", "--yes")

    assert result.exit_code == 0
    assert "1 event taken once more, 0 duplicates." in result.stdout
    assert own.json(monkeypatch, "status")["waiting_turns"] == 1


def test_what_cannot_be_taken_does_not_stop_the_rest(
    own: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nonsense and unknown numbers are named; the others are taken; the exit code is 1."""
    bad = refused_number(own, monkeypatch)
    result = own.run(monkeypatch, "events", "replay", "1", bad, "4711", "--yes")

    assert result.exit_code == 1
    assert "1 event taken once more" in result.stdout
    assert f"{bad}: cannot be taken: The body is not JSON" in result.stdout
    assert "4711: cannot be taken: there is no event number 4711" in result.stdout


def test_as_json_all_three_outcomes_are_told(
    own: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program reads what was planned, what was done, and what stood in the way."""
    told = own.json(monkeypatch, "events", "replay", "1", "4711", "--yes")

    assert [one["number"] for one in told["planned"]] == [1]
    assert [one["accepted"] for one in told["replayed"]] == [1]
    assert [one["number"] for one in told["troubles"]] == [4711]


async def beside_server(
    place: Installation, monkeypatch: pytest.MonkeyPatch, *words: str
) -> Result:
    """Run a command while the service runs, with the port it listens on in the settings."""
    async with place.serving() as address:
        place.configure(LISTEN=address.removeprefix("http://"))
        return await asyncio.to_thread(place.run, monkeypatch, *words)


def test_a_running_server_does_it(own: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a server owns the database, its API is asked, from this machine without a token."""
    result = asyncio.run(beside_server(own, monkeypatch, "events", "replay", "1", "4711", "--yes"))

    assert result.exit_code == 1
    assert "1 event taken once more" in result.stdout
    assert "4711: cannot be taken" in result.stdout


@pytest.mark.parametrize(("role", "exit_code"), [("operator", 0), ("viewer", 1)])
def test_a_server_with_tokens_is_asked_with_one(
    role: str, exit_code: int, own: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token of the settings is used when its role allows it; else the server's no is told."""
    own.configure(API_TOKENS=f"somebody:{role}:{TOKEN}")
    result = asyncio.run(beside_server(own, monkeypatch, "events", "replay", "1", "--yes"))

    assert result.exit_code == exit_code
    assert TOKEN not in result.output
    assert ("refuses" in result.stderr) is (exit_code == 1)


def test_a_port_that_nobody_knows_is_said(
    own: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With port 0 in the settings the server cannot be found, and the way out is named."""

    async def beside() -> Result:
        async with own.serving():
            return await asyncio.to_thread(own.run, monkeypatch, "events", "replay", "1", "--yes")

    result = asyncio.run(beside())

    assert result.exit_code == 78
    assert "CONSENT_SYNC_LISTEN" in result.stderr


def test_a_server_that_does_not_answer_is_said(
    own: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When somebody else listens there, or nobody, the address is named."""

    async def beside() -> Result:
        async with own.serving():
            own.configure(LISTEN="127.0.0.1:9")
            return await asyncio.to_thread(own.run, monkeypatch, "events", "replay", "1", "--yes")

    result = asyncio.run(beside())

    assert result.exit_code == 1
    assert "http://127.0.0.1:9" in result.stderr
