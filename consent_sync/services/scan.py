"""How far a comparison is, what it counted, and what it found; as text for the notebook."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import Final

from consent_sync.domain.compare import Difference
from consent_sync.domain.identity import Side, Subject
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.moments import Micros

LISTED: Final = "listed"
KNOWN: Final = "known"
DONE: Final = "done"
"""The stages of one mapping: Didomi's list, then whom we know beside it, then nothing more."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of the people of one mapping.

    `compared` were looked at on both sides; of these `differing` differ, and `under_way` differed
    but have something waiting. `no_profile` are in Didomi alone, `no_user` were known in Didomi
    and are not listed there any more, `only_actito` never were in Didomi. `guests` have no
    organisation user id; of `hash_only` nobody has told the key. `emptied` seem to have lost what
    Actito held, `emptied_didomi` what Didomi held.
    """

    compared: int = 0
    differing: int = 0
    under_way: int = 0
    no_profile: int = 0
    no_user: int = 0
    only_actito: int = 0
    guests: int = 0
    hash_only: int = 0
    emptied: int = 0
    emptied_didomi: int = 0

    def plus(self, **more: int) -> "Counts":
        """Return the counts with these added."""
        return replace(self, **{name: getattr(self, name) + count for name, count in more.items()})


@dataclass(frozen=True, slots=True)
class Place:
    """How far one mapping is: its stage, the cursor in Didomi's list, the number in our own."""

    version: str
    stage: str = LISTED
    cursor: str | None = None
    after: int = 0
    restarts: int = 0
    counts: Counts = field(default_factory=Counts)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a whole comparison is, by mapping; `started_at` is when it began."""

    started_at: Micros
    places: dict[str, Place]

    @property
    def complete(self) -> bool:
        """Whether every mapping is done."""
        return all(one.stage == DONE for one in self.places.values())

    @property
    def counts(self) -> Counts:
        """What became of the people of all mappings together."""
        total = Counts()
        for place in self.places.values():
            total = total.plus(**asdict(place.counts))
        return total

    def with_place(self, mapping: str, place: Place) -> "Progress":
        """Return the progress with one mapping further on."""
        return replace(self, places={**self.places, mapping: place})


def new_progress(mappings: Iterable[Mapping], now: Micros) -> Progress:
    """Return the beginning."""
    return Progress(now, {one.name: Place(one.version) for one in mappings})


def progress_text(progress: Progress) -> str:
    """Return the progress as the notebook keeps it."""
    return json.dumps(asdict(progress))


def progress_from(text: str) -> Progress:
    """Return what `progress_text` wrote."""
    told = json.loads(text)
    places = {
        name: Place(**{**place, "counts": Counts(**place["counts"])})
        for name, place in told["places"].items()
    }
    return Progress(told["started_at"], places)


def fits(progress: Progress, mappings: Iterable[Mapping]) -> bool:
    """Say whether a comparison that was begun is one of these mappings in these versions."""
    now = {one.name: one.version for one in mappings}
    return {name: place.version for name, place in progress.places.items()} == now


@dataclass(frozen=True, slots=True)
class Found:
    """One person who differs: how Didomi spells them, and every line that differs.

    `known` says that we knew something of them before, `creates` that a profile would be made.
    `bodies` are their Didomi users as webhooks would show them, `key` the value that names their
    profile.
    """

    subject: Subject
    ouid: str
    at: Micros
    differences: tuple[Difference, ...]
    known: bool = True
    creates: bool = False
    bodies: tuple[bytes, ...] = ()
    key: str = ""


def found_text(found: Found) -> str:
    """Return a finding as the notebook keeps it and `--json` prints it; moments in microseconds."""
    return json.dumps(
        {
            "mapping": found.subject.mapping,
            "person": found.ouid or found.subject.person,
            "at": found.at,
            "lines": [_line(one) for one in found.differences],
        }
    )


def _line(one: Difference) -> dict[str, object]:
    return {
        "line": one.line.id,
        "didomi": one.didomi,
        "actito": one.actito,
        "believed": {side.value: _believed(one, side) for side in Side},
        "proposed": one.proposed,
        "verdict": one.verdict,
        "reason": one.reason,
        "writes": [side.value for side in one.writes],
    }


def _believed(one: Difference, side: Side) -> dict[str, object] | None:
    held = one.believed.get(side)
    return None if held is None else {"choice": held.choice, "as_of": held.as_of}
