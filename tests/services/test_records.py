"""What a turn leaves in the ledger, and which word an event with many lines ends in."""

import pytest

from consent_sync.domain.consent import Choice
from consent_sync.domain.identity import Side
from consent_sync.domain.verdicts import Kind, Verdict
from consent_sync.services.records import heaviest, line_entry, record_of
from tests.doubles.mappings import a_line, a_mapping


def test_a_record_names_the_file_and_version_that_decided() -> None:
    """Whoever asks years later finds the rules of that day."""
    record = record_of(a_mapping(), 7, [], [])

    assert (record.at, record.mapping_file, record.mapping_version) == (
        7,
        "brand-a.yaml",
        "0123456789ab",
    )


def test_an_entry_names_the_line_and_where_it_stands() -> None:
    """The reason can be looked up in the file."""
    entry = line_entry(
        7, Kind.SENT, Verdict.APPLIED, "written", a_line(number=14), Side.ACTITO, Choice.DENIED
    )

    assert (entry.line, entry.line_number, entry.choice) == ("Newsletter", 14, Choice.DENIED)


@pytest.mark.parametrize(
    ("lines", "word"),
    [
        ([], Verdict.NO_CHANGE),
        ([Verdict.NO_CHANGE, Verdict.APPLIED], Verdict.APPLIED),
        ([Verdict.APPLIED, Verdict.NO_PROFILE], Verdict.NO_PROFILE),
        ([Verdict.APPLIED, Verdict.CONFLICT_STRICTEST], Verdict.CONFLICT_STRICTEST),
        ([Verdict.CONFLICT_STRICTEST, Verdict.HELD_REVIEW], Verdict.HELD_REVIEW),
        ([Verdict.HELD_REVIEW, Verdict.WAITING_RETRY], Verdict.WAITING_RETRY),
        ([Verdict.WAITING_RETRY, Verdict.FAILED], Verdict.FAILED),
    ],
)
def test_an_event_ends_as_its_most_troubled_line(lines: list[Verdict], word: Verdict) -> None:
    """Nobody reads "applied" where one of two lines has failed; the reason is that line's own."""
    found = heaviest([(one, f"because {one}") for one in lines])

    assert found[0] is word
    assert not lines or found[1] == f"because {word}"
