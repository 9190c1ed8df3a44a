"""The commands that look: status, tail, explain and events."""

import asyncio

import pytest

from consent_sync.adapters.clock import SystemClock
from consent_sync.adapters.storage.sqlite import SqliteStore
from consent_sync.domain.alerts import Alert, AlertBook
from consent_sync.services.alerting import written
from tests.cli.installation import ADA, BEN, Installation


def test_status_tells_what_is_raised(filled: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Alerts stand where an operator looks first; what is about everything has no brackets."""
    here = Alert("side_silent", "didomi", 1, 1_795_089_600_000_000, "nothing has come")
    whole = Alert("dead_letters", "", 1, 1_795_089_600_000_000, "3 dead letters wait")

    async def note() -> None:
        store = SqliteStore(filled.database, SystemClock())
        await store.open()
        version, _ = await store.notice("alerts")
        assert await store.pin("alerts", version, written(AlertBook("series", 0, (here, whole))))
        await store.close()

    asyncio.run(note())
    said = filled.run(monkeypatch, "status").stdout

    assert "alert side_silent (didomi) since 2026-11-19 12:00:00: nothing has come" in said
    assert "alert dead_letters since 2026-11-19 12:00:00: 3 dead letters wait" in said


def test_status_counts(filled: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Status tells per side what was received, and exits 0 while nothing needs a person."""
    result = filled.run(monkeypatch, "status")
    told = filled.json(monkeypatch, "status")

    assert result.exit_code == 0
    assert f"{told['persons']} persons known" in result.stdout
    assert told["sides"]["didomi"]["refused"] == 1
    assert told["sides"]["actito"]["events"] >= 2
    assert told["waiting_turns"] == 0


def test_nothing_is_there_before_the_first_start(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a database a looking command says what makes one, and makes none itself."""
    result = place.run(monkeypatch, "status")

    assert result.exit_code == 78
    assert "consent-sync serve" in result.stderr
    assert not place.database.exists()


def test_explain_says_why_she_is_unsubscribed(
    filled: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first words about a line are the answer, then the reason with file and line."""
    result = filled.run(monkeypatch, "explain", ADA)

    assert result.exit_code == 0
    assert "Newsletter: not subscribed" in result.stdout
    assert "because: refused in Actito after agreeing in Didomi" in result.stdout
    assert "[brand-a.yaml:6, two-way]" in result.stdout
    assert "DailyDeals: nobody has made a choice, which is not a refusal" in result.stdout
    assert "What happened, newest first" in result.stdout


def test_explain_as_json_holds_the_timeline(
    filled: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As JSON both the state and every entry are there, in the words of the API."""
    told = filled.json(monkeypatch, "explain", ADA)

    assert told["known"] is True
    assert told["mappings"][0]["lines"][0]["desired"] == "denied"
    assert {"received", "decided", "sent"} <= {entry["kind"] for entry in told["timeline"]}


def test_explain_tells_of_a_person_without_a_profile(
    filled: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody unknown to Actito is explained as such."""
    result = filled.run(monkeypatch, "explain", BEN, "--mapping", "brand-a")

    assert "Actito has no profile for this person." in result.stdout
    assert "is the wish, but Actito has no profile" in result.stdout
    assert "no_profile" in result.stdout


def test_explain_of_a_stranger(filled: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is made up: a stranger is told as never heard of."""
    result = filled.run(monkeypatch, "explain", "zoe@example.com")

    assert result.exit_code == 0
    assert "Nothing was ever received about this person." in result.stdout


def test_explain_refuses_an_unknown_mapping(
    filled: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mapping that is not in force is wrong usage, and the known ones are named."""
    result = filled.run(monkeypatch, "explain", ADA, "--mapping", "brand-b")

    assert result.exit_code == 2
    assert "in force: brand-a" in result.stderr


def test_tail_names_nobody_unless_asked(
    filled: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Turns are shown with fingerprints, with --persons by key; reasons are told."""
    discreet = filled.run(monkeypatch, "tail", "-n", "100")
    open_ = filled.run(monkeypatch, "tail", "-n", "100", "--persons")

    assert "example.com" not in discreet.stdout
    assert ADA in open_.stdout
    assert "refused in Actito after agreeing in Didomi" in discreet.stdout


def test_tail_shows_as_many_turns_as_asked(
    filled: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest are shown, oldest first; as JSON one document a line."""
    lines = filled.run(monkeypatch, "tail", "-n", "2", "--json").stdout.splitlines()

    assert len(lines) == 2
    assert lines[0] < lines[1]


def test_events_are_listed_without_what_they_say(
    filled: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list names nobody; it can be narrowed to one side."""
    result = filled.run(monkeypatch, "events", "list")
    actito = filled.json(monkeypatch, "events", "list", "--side", "actito", "--limit", "1")

    assert "event.created" in result.stdout
    assert "example.com" not in result.stdout
    assert [event["side"] for event in actito] == ["actito"]


def test_refused_requests_are_listed_with_the_problem(
    filled: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was refused shows its status and why."""
    found = filled.json(monkeypatch, "events", "list", "--refused")
    nothing = filled.run(monkeypatch, "events", "list", "--refused", "--side", "actito")

    assert [event["status"] for event in found] == [400]
    assert found[0]["problem"].startswith("not-json")
    assert nothing.stdout == "There is none.\n"


def test_one_event_is_shown_with_its_body(
    filled: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The body is printed so that it can be read, and is a value in JSON."""
    result = filled.run(monkeypatch, "events", "show", "1")
    told = filled.json(monkeypatch, "events", "show", "1")

    assert '  "type": "event.created"' in result.stdout
    assert told["body"]["type"] == "event.created"


def test_a_body_that_is_no_json_is_shown_as_text(
    filled: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refused body is shown as it came."""
    number = filled.json(monkeypatch, "events", "list", "--refused")[0]["number"]

    assert filled.json(monkeypatch, "events", "show", str(number))["body"] == "nonsense"
    assert filled.run(monkeypatch, "events", "show", str(number)).stdout.endswith("nonsense\n")


def test_an_event_that_is_not_there(filled: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """A number nobody has is said, with exit code 1."""
    result = filled.run(monkeypatch, "events", "show", "4711")

    assert (result.exit_code, result.stdout) == (1, "")
    assert "no event number 4711" in result.stderr
