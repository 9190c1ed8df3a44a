"""Logs and metrics: fixed words, and nothing about a person or a secret in either."""

import io
import logging
from collections.abc import Iterator

import orjson
import pytest
import structlog

from consent_sync.adapters.metrics import Metrics
from consent_sync.adapters.telemetry import Fingerprint, LogObserver, configure_logs
from consent_sync.domain.consent import Choice, WriteOutcome
from consent_sync.domain.errors import PermanentError
from consent_sync.domain.identity import Side, Subject
from consent_sync.domain.ledger import LedgerRecord, Write, WrittenLine
from consent_sync.domain.verdicts import Entry, Kind, Verdict

SECRET = "a-known-secret"
ADA = Subject("brand-a", "ada@example.com")


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    stream = io.StringIO()
    configure_logs("json", [SECRET, "abc"], stream)
    yield stream
    root.handlers[:], level = before[0], before[1]
    root.setLevel(level)
    structlog.reset_defaults()


def only(stream: io.StringIO) -> dict[str, object]:
    (line,) = stream.getvalue().splitlines()
    entry = orjson.loads(line)
    assert isinstance(entry, dict)
    return entry


def a_write(outcome: WriteOutcome = WriteOutcome.SENT, **more: object) -> Write:
    fields = {"side": Side.ACTITO, "lines": (WrittenLine("Newsletter", Choice.DENIED),)}
    return Write(**{**fields, "sent_at": 1, "dated": 1, "outcome": outcome, **more})  # type: ignore[arg-type]  # fields by name


def record(*writes: Write) -> LedgerRecord:
    entry = Entry(1, Kind.SENT, Verdict.APPLIED, "because")
    return LedgerRecord(1, "brand-a.yaml", "v", writes, (entry,))


def test_entry_is_one_line_of_json(lines: io.StringIO) -> None:
    """A log entry has its word, its level, its moment, its source and its fields."""
    structlog.get_logger("consent_sync.test").info("turn_settled", mapping="brand-a", number=3)
    entry = only(lines)

    assert entry["event"] == "turn_settled"
    assert entry["level"] == "info"
    assert entry["logger"] == "consent_sync.test"
    assert entry["number"] == 3
    assert "at" in entry


@pytest.mark.parametrize(
    "value",
    [
        f"key {SECRET} refused",
        "for ada@example.com",
        "GET /profile/emailAddress=ada%40example.com",
        ["ada@example.com"],
        {"of": "ada@example.com", "secret": SECRET},
        ValueError(f"ada@example.com {SECRET}"),
        b"ada@example.com",
    ],
)
def test_net_masks_people_and_secrets(lines: io.StringIO, value: object) -> None:
    """Whatever a field holds, addresses and known secrets do not reach the log."""
    structlog.get_logger().info("word", value=value)
    text = lines.getvalue()

    assert "example.com" not in text
    assert SECRET not in text
    assert "***" in text


def test_short_secrets_do_not_hide_the_log(lines: io.StringIO) -> None:
    """A secret too short to be one is not searched for."""
    structlog.get_logger().info("word", value="abcdef")

    assert only(lines)["value"] == "abcdef"


def test_error_is_told_without_its_message(lines: io.StringIO) -> None:
    """Of an unforeseen error the type and the place are logged, never what it says."""
    try:
        int("name of a person")
    except ValueError as error:
        structlog.get_logger().error("unexpected_error", exc_info=error)
    entry = only(lines)

    assert entry["error_type"] == "ValueError"
    assert "test_telemetry.py" in str(entry["error_at"])
    assert "name of a person" not in lines.getvalue()


def test_libraries_are_cleaned_too(lines: io.StringIO) -> None:
    """What a library logs goes through the same net, its tracebacks included."""
    log = logging.getLogger("aiohttp.server")
    try:
        raise RuntimeError("header: Bearer very-private")
    except RuntimeError:
        log.exception("Error handling request from %s", "ada@example.com")
    entry = only(lines)

    assert "very-private" not in lines.getvalue()
    assert "example.com" not in lines.getvalue()
    assert entry["error_type"] == "RuntimeError"


def test_access_log_is_off(lines: io.StringIO) -> None:
    """Addresses of requests, which name persons, are logged by nobody."""
    logging.getLogger("aiohttp.access").info("GET /api/v1/persons/ada")

    assert lines.getvalue() == ""


def test_console(lines: io.StringIO) -> None:
    """The console style is for people and goes through the same net."""
    stream = io.StringIO()
    configure_logs("console", [SECRET], stream)
    structlog.get_logger().info("word", value=f"ada@example.com {SECRET}")

    assert "word" in stream.getvalue()
    assert "example.com" not in stream.getvalue()
    assert SECRET not in stream.getvalue()


def test_fingerprint_is_stable_and_keyed() -> None:
    """The same person has the same fingerprint under one key, and another under another key."""
    one, other = Fingerprint(b"k" * 32), Fingerprint(b"x" * 32)

    assert one("ada") == one("ada")
    assert one("ada") != one("eve")
    assert one("ada") != other("ada")
    assert len(one("\x00profile:7")) == 16


def test_turn_with_writes_is_logged(lines: io.StringIO) -> None:
    """A turn that wrote something is told with its writes and a fingerprint for the person."""
    observer = LogObserver(Metrics("0"), Fingerprint(b"k" * 32))
    observer.turn(ADA, record(a_write(), a_write(failure="refused (400)")), "settled")
    entry = only(lines)

    assert entry["person"] == Fingerprint(b"k" * 32)(ADA.person)
    assert entry["writes"] == ["actito:sent", "actito:refused"]


def test_turn_without_writes_is_only_counted(lines: io.StringIO) -> None:
    """A turn that wrote nothing is counted and not logged."""
    metrics = Metrics("0")
    observer = LogObserver(metrics, Fingerprint(b"k" * 32))
    observer.turn(ADA, record(), "settled")
    observer.turn(ADA, None, "found_person")

    assert lines.getvalue() == ""
    assert b'consent_sync_turns_total{outcome="settled"} 1.0' in metrics.text()
    assert b'consent_sync_turns_total{outcome="found_person"} 1.0' in metrics.text()


def test_trouble_tells_our_errors_in_words(lines: io.StringIO) -> None:
    """Our own errors are logged with their sentence, which quotes nothing."""
    observer = LogObserver(Metrics("0"), Fingerprint(b"k" * 32))
    observer.trouble(ADA, "write", PermanentError("actito update: refused (400)", status=400))
    entry = only(lines)

    assert entry["error"] == "actito update: refused (400)"
    assert "ada" not in lines.getvalue()


def test_trouble_tells_other_errors_without_words(lines: io.StringIO) -> None:
    """Other errors are logged with type and place only."""
    observer = LogObserver(Metrics("0"), Fingerprint(b"k" * 32))
    observer.trouble(ADA, "turn", KeyError("Ada Lovelace"))

    assert only(lines)["error_type"] == "KeyError"
    assert "Lovelace" not in lines.getvalue()


def test_writes_verdicts_and_calls_are_counted(lines: io.StringIO) -> None:
    """Writes by side and outcome, verdicts and calls are counted."""
    metrics = Metrics("0")
    observer = LogObserver(metrics, Fingerprint(b"k" * 32))
    observer.turn(ADA, record(a_write(created=True), a_write(WriteOutcome.UNCLEAR)), "settled")
    observer.call("actito update", "200", 0.2)
    observer.call("actito update", "429", 0.2)
    page = metrics.text()

    assert b'consent_sync_writes_total{outcome="created",side="actito"} 1.0' in page
    assert b'consent_sync_writes_total{outcome="unclear",side="actito"} 1.0' in page
    assert b'consent_sync_verdicts_total{verdict="applied"} 1.0' in page
    assert b'consent_sync_calls_total{outcome="429",route="actito update"} 1.0' in page
    assert lines.getvalue().count("call_failed") == 1


def test_the_backlog_is_reckoned_with_what_turns_cost_so_far() -> None:
    """Calls to Actito for each turn at the pace of the account; one each before the first turn."""
    metrics = Metrics("0", calls_per_minute=90)
    before = metrics.backlog_seconds(900)
    for route in ("actito profile read", "actito profile update", "didomi events"):
        metrics.call(route, "200", 0.1)
    metrics.turn(ADA, None, "settled")

    assert (before, metrics.backlog_seconds(900)) == (600, 1200)
    assert Metrics("0").backlog_seconds(900) is None


def test_mappings_are_counted() -> None:
    """A mapping whose file turned bad is still in force and shown as not valid."""
    metrics = Metrics("0")
    metrics.mappings(["brand-a", "brand-b"], ["brand-b"], 2)
    metrics.mappings(["brand-b"], ["brand-b"], 3)
    page = metrics.text()

    assert b'consent_sync_mapping_valid{mapping="brand-b"} 0.0' in page
    assert b'mapping="brand-a"' not in page
    assert b"consent_sync_mapping_problems 3.0" in page
