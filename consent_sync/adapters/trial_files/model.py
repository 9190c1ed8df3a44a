"""What a file of tests says: persons as they were, what happened, and what is expected of it."""

from collections.abc import Mapping as MappingView
from dataclasses import dataclass, field

from consent_sync.adapters.mapping_files.problems import Place, Problem
from consent_sync.domain.consent import Choice
from consent_sync.domain.identity import Side
from consent_sync.domain.moments import Micros
from consent_sync.domain.profile import Scalar


@dataclass(frozen=True, slots=True)
class Happening:
    """One event: choices in Didomi, subscriptions changed in Actito, or a whole webhook body.

    `after` is the time since the event before; `delayed` how long its webhook was under way.
    `regulation` empty means the mapping's first one. With a `payload` all choices are in it.
    """

    side: Side
    choices: MappingView[str, Choice] = field(default_factory=dict)
    subscriptions: MappingView[str, bool] = field(default_factory=dict)
    payload: bytes | None = None
    after: Micros = 0
    delayed: Micros = 0
    regulation: str = ""
    metadata: MappingView[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Given:
    """A person before anything happens: what both sides hold, by line.

    A line that is not named holds no choice. `known` says that the program has seen all this
    before; else the first event is also the first contact.
    """

    person: str
    didomi: MappingView[str, Choice] = field(default_factory=dict)
    subscriptions: MappingView[str, bool] = field(default_factory=dict)
    attributes: MappingView[str, Scalar] = field(default_factory=dict)
    profile: bool = True
    profile_id: str = ""
    known: bool = True


@dataclass(frozen=True, slots=True)
class Expected:
    """One thing that must hold in the end: `part` names the block, `name` what in it."""

    part: str
    name: str
    wanted: str
    place: Place


@dataclass(frozen=True, slots=True)
class Trial:
    """One test."""

    name: str
    place: Place
    given: Given
    happenings: tuple[Happening, ...]
    expected: tuple[Expected, ...]


@dataclass(frozen=True, slots=True)
class TrialFile:
    """All tests of one file, or everything that is wrong with it.

    `digest` differs when anything differs that the tests are made of.
    """

    file: str
    trials: tuple[Trial, ...]
    problems: tuple[Problem, ...]
    digest: bytes = b""
    lines: tuple[str, ...] = ()
