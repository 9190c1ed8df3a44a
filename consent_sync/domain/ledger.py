"""The append-only record of turns: what was received, seen, decided, sent and confirmed."""

from typing import Final

from consent_sync.domain.consent import Choice, WriteOutcome
from consent_sync.domain.events import ProfileMissing, ProfileReading, UserMissing, UserReading
from consent_sync.domain.identity import Side
from consent_sync.domain.moments import Micros
from consent_sync.domain.profile import Scalar
from consent_sync.domain.state import PersonState
from consent_sync.domain.values import dataclass
from consent_sync.domain.verdicts import Entry


@dataclass(frozen=True, slots=True)
class WrittenLine:
    """One line of a write: the choice set there."""

    line: str
    choice: Choice


@dataclass(frozen=True, slots=True)
class Write:
    """One write of ours to one side, before (`in_flight`) or after its answer.

    `dated` is the date a Didomi event carried, else equal to `sent_at`. `created` is true when
    the write made the profile, `profile_id` Actito's number for it where the answer told.
    `failure` is the reason a refused write was refused with; its outcome then stays `in_flight`,
    because it changed nothing.
    """

    side: Side
    lines: tuple[WrittenLine, ...]
    sent_at: Micros
    dated: Micros
    outcome: WriteOutcome
    event_id: str = ""
    attributes: tuple[tuple[str, Scalar], ...] = ()
    lists: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    created: bool = False
    failure: str = ""
    profile_id: str = ""


@dataclass(frozen=True, slots=True)
class ItemsTaken:
    """The turn took these stored items, by their event numbers, in this order."""

    events: tuple[int, ...]
    at: Micros


@dataclass(frozen=True, slots=True)
class HeldBack:
    """A guard held a line back; `basis` stands for the statements it was about to carry over."""

    line: str
    basis: str
    reason: str


@dataclass(frozen=True, slots=True)
class Unread:
    """The item of this stored event came to nothing: it could not be read, or was given up."""

    event: int
    reason: str


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What was known of the person at this point; what had led there is kept no more."""

    state: PersonState


Fact = (
    ItemsTaken
    | ProfileReading
    | ProfileMissing
    | UserReading
    | UserMissing
    | Write
    | HeldBack
    | Unread
    | Checkpoint
)
"""What a turn learnt or did, in order; a person's state is the fold of all of them."""


READINGS: Final = (ProfileReading, ProfileMissing, UserReading, UserMissing)
"""The facts that come from looking at a side, which may show something else the next time."""


@dataclass(frozen=True, slots=True)
class LedgerRecord:
    """One turn of one person: facts in order, and the entries that explain them.

    `mapping_file` and `mapping_version` name the rules that decided. A turn that wrote after it
    had looked has several records: each but the first `continues` the one before.
    """

    at: Micros
    mapping_file: str
    mapping_version: str
    facts: tuple[Fact, ...]
    entries: tuple[Entry, ...]
    continues: bool = False


def is_checkpoint(record: LedgerRecord) -> bool:
    """Say whether a record is no turn, but stands for those that are kept no more."""
    return any(isinstance(fact, Checkpoint) for fact in record.facts)


def checkpoint_of(newest: LedgerRecord, state: PersonState) -> LedgerRecord:
    """Return the record of what is known behind a person's newest turn, under the same rules."""
    facts = (Checkpoint(state),)
    return LedgerRecord(newest.at, newest.mapping_file, newest.mapping_version, facts, ())
