"""What is known about one person within one mapping: a fold of the ledger, as a frozen value."""

from collections.abc import Mapping as MappingView
from dataclasses import field
from enum import StrEnum

from consent_sync.domain.consent import Agreed, Guarded, OwnWrite, Pick, Statement, Word
from consent_sync.domain.identity import Names, Side, Source
from consent_sync.domain.mapping import NOWHERE, Place
from consent_sync.domain.moments import Micros
from consent_sync.domain.profile import Scalar
from consent_sync.domain.values import dataclass


class Presence(StrEnum):
    """Whether a side has a record of the person."""

    UNKNOWN = "unknown"
    PRESENT = "present"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class LineState:
    """One line of one person.

    `refused_at` is, per side, the last moment that side was seen to hold a no, by the clock that
    statements are compared with. `held` is the verdict while a raise waits for a person's word;
    `failed` is, per side, why a write there was refused for good, until something new is decided.
    `shape` is the line's shape when all this was learnt: under another one it means nothing.
    `unshown` counts, per side, the writes in a row that were answered and that nothing has shown.
    `word` is what an operator decided about this line while it was held.
    `guarded` says that a guard held the line back. `written_off` are the sides in `failed` that an
    operator has put away: still not tried, and no dead letters any more.
    """

    latest: MappingView[Source, Statement] = field(default_factory=dict)
    agreed: MappingView[Side, Agreed] = field(default_factory=dict)
    refused_at: MappingView[Side, Micros] = field(default_factory=dict)
    writes: tuple[OwnWrite, ...] = ()
    held: str = ""
    failed: MappingView[Side, str] = field(default_factory=dict)
    shape: str = ""
    unshown: MappingView[Side, int] = field(default_factory=dict)
    word: Word | None = None
    guarded: Guarded | None = None
    written_off: frozenset[Side] = frozenset()


@dataclass(frozen=True, slots=True)
class Wanted:
    """The newest value that metadata gave for one profile attribute, by Didomi's date."""

    value: Scalar
    dated: Micros


@dataclass(frozen=True, slots=True)
class HeldList:
    """The whole list that Didomi holds for a multi-value preference, by Didomi's date."""

    options: frozenset[str]
    dated: Micros


@dataclass(frozen=True, slots=True)
class Several:
    """Further Actito profiles that come to one person: `twins` were read, `strangers` not yet.

    `uneven` are the lines on which the profiles were last seen to hold different choices.
    """

    twins: tuple[Names, ...] = ()
    strangers: tuple[Names, ...] = ()
    uneven: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class PersonState:
    """Everything remembered about one person within one mapping.

    `pending` maps the id of an event that awaits approval to the moment we first received it.
    `sent` holds the attributes last written to the profile. `spellings` are all the organisation
    user ids that came to this same person key, newest last. `place` is where both sides were when
    all this was learnt. `unread` are the events of items that came to nothing, and why.
    `several` is there only where more than one Actito profile is known.
    """

    names: Names = field(default_factory=Names)
    profile: Presence = Presence.UNKNOWN
    user: Presence = Presence.UNKNOWN
    lines: MappingView[str, LineState] = field(default_factory=dict)
    wanted: MappingView[str, Wanted] = field(default_factory=dict)
    sent: MappingView[str, Scalar] = field(default_factory=dict)
    picks: MappingView[Pick, HeldList] = field(default_factory=dict)
    pending: MappingView[str, Micros] = field(default_factory=dict)
    spellings: tuple[str, ...] = ()
    place: Place = NOWHERE
    unread: MappingView[int, str] = field(default_factory=dict)
    several: Several | None = None
