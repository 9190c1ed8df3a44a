"""What the doctor finds: one line each."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How a finding is to be taken."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: what it is, how it is, and what to do about it."""

    what: str
    state: State
    said: str
    do: str = ""


def ok(what: str, said: str) -> Finding:
    """Return a finding that is fine."""
    return Finding(what, State.OK, said)


def warn(what: str, said: str, do: str = "") -> Finding:
    """Return a finding that somebody should know about."""
    return Finding(what, State.WARN, said, do)


def fail(what: str, said: str, do: str = "") -> Finding:
    """Return a finding that keeps something from working."""
    return Finding(what, State.FAIL, said, do)
