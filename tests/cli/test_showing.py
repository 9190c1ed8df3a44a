"""What is shown when things are not well, and how it looks on a terminal."""

import dataclasses
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest
from rich.console import Console

from consent_sync.cli import explain, output, status, tail
from consent_sync.domain.consent import Choice
from consent_sync.domain.identity import Side, Subject, unresolved_person
from consent_sync.domain.ledger import LedgerRecord
from consent_sync.domain.moments import MINUTE, SECOND
from consent_sync.domain.verdicts import Entry, Kind, Verdict
from consent_sync.ports.store import SideStatus, StoreStatus
from consent_sync.services.lookup import (
    LineView,
    MappingView,
    PersonView,
    SideView,
    StatementView,
    WaitingView,
)
from tests.cli.installation import Installation

NOON = 1_795_089_600 * SECOND
YES, NO, NONE = Choice.GRANTED, Choice.DENIED, Choice.NONE
SILENT = SideView(Choice.NONE, None, False, None, None)
AT = "2026-11-19T12:00:00.000Z"

Shown = pytest.CaptureFixture[str]


def line(**changes: object) -> LineView:
    plain = LineView(
        line="Newsletter",
        line_number=12,
        sync="two-way",
        didomi=SILENT,
        actito=SILENT,
        desired=Choice.GRANTED,
        reason="agreed in Didomi",
        as_of=AT,
        held=None,
        word=None,
    )
    return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]  # tests name the fields


def person(*lines: LineView, **changes: object) -> PersonView:
    plain = MappingView(
        mapping="brand-a",
        file="brand-a.yaml",
        mapping_version="abc",
        known=True,
        ouid="ada@example.com",
        actito_key=None,
        profile_id=None,
        profile="present",
        user="present",
        ouids=("ada@example.com",),
        profiles=(),
        lines=lines,
        waiting=(),
    )
    view = dataclasses.replace(plain, **changes)  # type: ignore[arg-type]  # tests name the fields
    return PersonView("ada@example.com", view.known, (view,))


def test_a_failed_write_is_told_with_its_reason(capsys: Shown) -> None:
    """Why a platform does not hold what it ought to stands beside that platform."""
    side = SideView(Choice.DENIED, AT, True, None, "Actito refused the write for good")
    explain._show(person(line(actito=side)), [])

    assert "Actito: no, seen there 2026-11-19 12:00:00; writing failed: Actito refused" in (
        capsys.readouterr().out
    )


def test_a_held_line_is_told(capsys: Shown) -> None:
    """What waits for a person says so."""
    explain._show(person(line(held="held_review")), [])

    assert "Held for a person to decide (held_review)." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("not_before", "not_after", "words"),
    [
        (AT, AT, "(event 1, 2026-11-19 12:00:00)"),
        (None, AT, "(event 1, at the latest 2026-11-19 12:00:00)"),
        (
            "2026-11-19T11:00:00.000Z",
            AT,
            "(event 1, between 2026-11-19 11:00:00 and 2026-11-19 12:00:00)",
        ),
    ],
)
def test_an_interval_is_told_as_it_is_known(
    not_before: str | None, not_after: str, words: str, capsys: Shown
) -> None:
    """Nobody is told a moment that nobody knows."""
    said = StatementView(Choice.DENIED, not_before, not_after, AT, "event 1")
    explain._show(person(line(actito=SideView(Choice.DENIED, None, False, said, None))), [])

    assert words in capsys.readouterr().out


@pytest.mark.parametrize(
    ("profile", "held", "actito", "words"),
    [
        ("present", None, YES, "Newsletter: subscribed\n"),
        ("missing", None, NONE, "Newsletter: subscribed is the wish, but Actito has no profile"),
        ("present", "held_review", NO, "Newsletter: subscribed is the wish, but it is held"),
    ],
)
def test_a_wish_is_not_told_as_a_fact(
    profile: str, held: str | None, actito: Choice, words: str, capsys: Shown
) -> None:
    """Where Actito cannot hold what the person wants, both are told."""
    side = SideView(actito, AT, True, None, None)
    explain._show(person(line(held=held, actito=side), profile=profile), [])

    assert words in capsys.readouterr().out


def test_somebody_who_only_waits(capsys: Shown) -> None:
    """Before the first turn there is nothing to explain, and the waiting events are counted."""
    waiting = (WaitingView(7, Side.DIDOMI, "event.created", AT),)
    explain._show(person(known=False, waiting=waiting), [])
    explain._show(person(line(), user="missing", waiting=waiting), [])
    shown = capsys.readouterr().out

    assert "Nothing is decided yet; 1 received and waiting." in shown
    assert "Didomi does not know this person." in shown
    assert "Not decided yet: event 7." in shown


def test_without_a_mapping_nothing_can_be_said(capsys: Shown) -> None:
    """An empty folder is told as such, not as an unknown person."""
    explain._show(PersonView("ada@example.com", False, ()), [])

    assert "No mapping is in force" in capsys.readouterr().out


def test_what_is_late_held_or_failed_stands_in_the_status(capsys: Shown) -> None:
    """An operator sees the oldest opt-out and everything that needs a person."""
    found = StoreStatus(
        sides={
            Side.DIDOMI: SideStatus(NOON - 3 * MINUTE, 5, 0),
            Side.ACTITO: SideStatus(None, 0, 0),
        },
        waiting_turns=1,
        retrying_turns=2,
        oldest_waiting_at=NOON - 26 * 60 * MINUTE,
        oldest_waiting_optout_at=NOON - 90 * MINUTE,
        held=1,
        failed=3,
        persons=1,
    )
    status._show(found, NOON, 7_200)
    shown = capsys.readouterr().out

    assert "1 person known" in shown
    assert "1 turn waiting, the oldest for 1 day" in shown
    assert "with one call each they take 2 hours at the pace of Actito" in shown
    assert "not on both sides yet waits for 1 hour" in shown
    assert "3 dead letters; `dead-letters list` shows them" in shown
    assert "never" in shown


def a_record(verdict: Verdict) -> LedgerRecord:
    entries = (
        Entry(NOON, Kind.DECIDED, Verdict.NO_CHANGE, "nothing new", line="*"),
        Entry(NOON, Kind.DECIDED, verdict, "so it is", Side.ACTITO, "News", 3, Choice.DENIED),
    )
    return LedgerRecord(NOON, "brand-a.yaml", "abc", (), entries)


@pytest.mark.parametrize("verdict", list(Verdict))
def test_every_verdict_can_be_shown(verdict: Verdict, capsys: Shown) -> None:
    """A turn of each kind is one head line, and a line for each thing worth knowing."""
    tail._show((1, Subject("brand-a", "ada"), a_record(verdict)), str.upper, as_json=False)

    assert capsys.readouterr().out.splitlines() == [
        "2026-11-19 12:00:00  brand-a  ADA",
        f"  decided    {verdict:<18}  Actito News denied: so it is",
    ]


def test_following_goes_on_until_ctrl_c(filled: Installation) -> None:
    """`tail --follow` prints what there is, waits for more, and leaves without a word."""
    with subprocess.Popen(
        [sys.executable, "-m", "consent_sync", "tail", "--follow", "-n", "1", "--json"],
        cwd=filled.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"{")
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=20)

    assert (process.returncode, rest, errors) == (0, b"", b"")


def test_a_profile_without_a_person_is_named_by_its_number(
    filled: Installation, monkeypatch: pytest.MonkeyPatch, capsys: Shown
) -> None:
    """A stand-in key is never printed with its control character."""
    name: list[Callable[[str], str]] = []

    async def take(_reader: object, _number: int, given: Callable[[str], str], **_: bool) -> None:
        name.append(given)

    monkeypatch.setattr(tail, "_tail", take)
    filled.run(monkeypatch, "tail", "--persons")

    assert name[0](unresolved_person("1001")) == "profile 1001"


def on_a_terminal(folder: Installation, *words: str, columns: int) -> str:
    """Run a command on a pseudo terminal and return what it showed."""
    mine, its = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm-256color"}
    with subprocess.Popen(
        [sys.executable, "-m", "consent_sync", *words],
        cwd=folder.folder,
        stdout=its,
        stderr=its,
        env=environment,
    ) as process:
        os.close(its)
        shown = b""
        while True:
            try:
                part = os.read(mine, 65_536)
            except OSError:
                break
            if not part:
                break
            shown += part
    os.close(mine)
    assert process.returncode == 0
    return shown.decode()


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize(
    "words", [("explain", "ada@example.com"), ("events", "list"), ("status",), ("tail",)]
)
def test_a_terminal_gets_colours_and_no_line_that_is_too_long(
    columns: int, words: tuple[str, ...], filled: Installation
) -> None:
    """Tables and sentences fit the terminal they are shown on."""
    shown = on_a_terminal(filled, *words, columns=columns)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", shown).replace("\r", "").split("\n")

    assert "\x1b[" in shown
    assert max(map(len, lines)) <= columns


def test_what_others_sent_cannot_steer_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: Shown
) -> None:
    """Control characters are replaced before they are shown, in sentences and tables."""
    monkeypatch.setattr(output, "_console", lambda: Console(force_terminal=True, width=60))
    output.say("a\x1b[2Jb")
    output.show_table(("name",), [("c\x07d",)])
    shown = capsys.readouterr().out

    assert "a�[2Jb" in shown
    assert "c�d" in shown


def test_a_table_in_a_pipe_is_plain(capsys: Shown) -> None:
    """Columns are aligned with blanks, a line is a row, and the title comes first."""
    output.show_table(("name", "n"), [("ada", "1"), ("be\nn", "22")], title="People")

    assert capsys.readouterr().out == "People\nname  n\nada   1\nbe n  22\n"
