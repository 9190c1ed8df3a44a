"""Choices, the places in Didomi's tree where they stand, and statements made about them."""

from collections.abc import Mapping as MappingView
from dataclasses import field
from enum import StrEnum
from typing import NamedTuple

from consent_sync.domain.identity import Side, Source
from consent_sync.domain.moments import Micros
from consent_sync.domain.values import dataclass


class Choice(StrEnum):
    """What somebody chose. NONE means no choice was made, which is not a refusal."""

    GRANTED = "granted"
    DENIED = "denied"
    NONE = "none"


class Node(NamedTuple):
    """A place in Didomi's consent tree; exactly one of the shapes a mapping file can name.

    channel alone; purpose alone; purpose + channel; purpose + preference;
    purpose + preference + channel; purpose + preference + option. Empty text = part not used.
    """

    purpose: str = ""
    preference: str = ""
    option: str = ""
    channel: str = ""


class Pick(NamedTuple):
    """A preference of one purpose (Didomi's v2 `values` are keyed by it)."""

    purpose: str
    preference: str


@dataclass(frozen=True, slots=True)
class ConsentTree:
    """Didomi's `consents`, v1, v2 or full tree, as the choices that it makes.

    `nodes` holds every explicit true or false; a node without a choice is absent.
    `picks` holds the options chosen of each v2 preference; an empty set is a list that was
    sent empty, which is not the same as a preference that was not mentioned.
    """

    nodes: MappingView[Node, Choice] = field(default_factory=dict)
    picks: MappingView[Pick, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Statement:
    """One choice of one person on one line, made somewhere in `(not_before, not_after]`.

    `dated` is the moment by which its own side orders it; `delay` is how long it was under way to
    us, as far as that is certain. `id` is stable: the same statement seen twice has the same id.
    `side` is the platform it was made on, or a desk: a loaded file tells of choices, too.
    """

    id: str
    side: Source
    choice: Choice
    not_before: Micros
    not_after: Micros
    dated: Micros
    delay: Micros
    evidence: str


@dataclass(frozen=True, slots=True)
class Known:
    """A statement of another side that a side's state already reflects."""

    id: str
    not_after: Micros


@dataclass(frozen=True, slots=True)
class Agreed:
    """What a side was last known to hold on a line.

    `as_of` is by our clock for Actito (a reading: when it was asked for; a write: when it was
    sent) and by Didomi's dates for Didomi. `known` are the other sides' statements it reflects.
    `confirmed` is false while only an answered write of ours says so.
    """

    choice: Choice
    as_of: Micros
    known: MappingView[Source, Known] = field(default_factory=dict)
    confirmed: bool = True


@dataclass(frozen=True, slots=True)
class Word:
    """What an operator decided about a held line; it holds for these very statements alone.

    `lifts` are the doubts that were approved away, none where the agreement was rejected. `basis`
    stands for the statements, `seen` for the refusal that Didomi was known to hold, by its date.
    """

    by: str
    at: Micros
    lifts: tuple[str, ...]
    basis: str
    seen: Micros = 0


@dataclass(frozen=True, slots=True)
class Guarded:
    """That a guard held the agreement back that these statements come to, and why."""

    basis: str
    reason: str


class WriteOutcome(StrEnum):
    """What became of a write of ours."""

    IN_FLIGHT = "in_flight"
    SENT = "sent"
    UNCLEAR = "unclear"
    CONFIRMED = "confirmed"


@dataclass(frozen=True, slots=True)
class OwnWrite:
    """One write of ours on one line of one side: a possible cause of what is seen there later.

    `told` are the other sides' statements that it carried there, once it turns out that it took.
    """

    side: Side
    choice: Choice
    sent_at: Micros
    outcome: WriteOutcome
    event_id: str = ""
    told: MappingView[Source, Known] = field(default_factory=dict)
