"""How far long work is: on a terminal one line, elsewhere a line now and then."""

import io

import pytest

from consent_sync.cli.progress import ProgressLine
from tests.doubles.clock import SettableClock


class Terminal(io.StringIO):
    """What a person watches."""

    def isatty(self) -> bool:
        """Say yes."""
        return True


def test_a_terminal_shows_one_line_that_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each word on how far it is takes the place of the one before; what follows stands below it."""
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    line = ProgressLine(SettableClock())
    line.show("1 compared")
    line.show("2 compared")
    line.end()
    line.end()

    assert terminal.getvalue() == "\r1 compared\x1b[K\r2 compared\x1b[K\n"


def test_a_file_gets_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log of a timer is not filled with every page."""
    written, clock = io.StringIO(), SettableClock()
    monkeypatch.setattr("sys.stderr", written)
    line = ProgressLine(clock)
    for number in range(1, 8):
        clock.advance(10)
        line.show(f"{number} compared")
    line.end()

    assert written.getvalue() == "3 compared\n6 compared\n"
