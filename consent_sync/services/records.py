"""Ledger records and the entries in them."""

from collections.abc import Iterable, Sequence

from consent_sync.domain.consent import Choice
from consent_sync.domain.identity import Side, Source
from consent_sync.domain.ledger import Fact, LedgerRecord
from consent_sync.domain.mapping import Line, Mapping
from consent_sync.domain.moments import Micros
from consent_sync.domain.verdicts import Entry, Kind, Verdict


def record_of(
    mapping: Mapping,
    at: Micros,
    facts: Iterable[Fact],
    entries: Iterable[Entry],
    *,
    continues: bool = False,
) -> LedgerRecord:
    """Return the record of a turn, naming the mapping file and version that decided."""
    return LedgerRecord(at, mapping.file, mapping.version, tuple(facts), tuple(entries), continues)


def side_of(source: Source) -> Side | None:
    """Return the side that a stored event came from, None where no side sent it."""
    return source if isinstance(source, Side) else None


def line_entry(
    at: Micros,
    kind: Kind,
    verdict: Verdict,
    reason: str,
    line: Line,
    side: Side | None,
    choice: Choice,
) -> Entry:
    """Return an entry about one line."""
    return Entry(
        at, kind, verdict, reason, side, line=line.id, line_number=line.line_number, choice=choice
    )


WEIGHT: Sequence[Verdict] = (
    Verdict.FAILED,
    Verdict.WAITING_RETRY,
    Verdict.HELD_REVIEW,
    Verdict.HELD_GUARD,
    Verdict.AMBIGUOUS_PERSON,
    Verdict.CONFLICT_STRICTEST,
    Verdict.NO_PROFILE,
    Verdict.APPLIED,
    Verdict.NO_CHANGE,
)
"""When an item touched several lines, the first of these words that a line ended in is its own."""


def heaviest(verdicts: Iterable[tuple[Verdict, str]]) -> tuple[Verdict, str]:
    """Return the weightiest verdict and its reason; no_change when there is none."""
    found = list(verdicts)
    for verdict in WEIGHT:
        for one, reason in found:
            if one is verdict:
                return one, reason
    return Verdict.NO_CHANGE, "nothing had to be changed"
