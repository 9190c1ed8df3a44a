"""What a row of a loaded file says, line by line, and by which times it is ordered."""

from typing import Any

import pytest

from consent_sync.domain.consent import Choice, Statement
from consent_sync.domain.events import Item, LoadedChoices
from consent_sync.domain.identity import Desk, Names
from consent_sync.domain.lines import Outcome
from consent_sync.domain.loaded import fold_loaded
from consent_sync.domain.moments import OPEN
from consent_sync.domain.state import PersonState
from consent_sync.domain.verdicts import Verdict
from tests.domain.kit import ANN, NO, NONE, YES, a_context, at
from tests.doubles.mappings import EMAIL, MARKETING, a_line, a_mapping

MAPPING = a_mapping(a_line("Marketing", MARKETING), a_line("Newsletter", EMAIL))
TOLD = Names("Ann@example.com", "ANN@example.com")


def load(
    state: PersonState, *, after: int = at(10), until: int = at(20), **choices: Choice
) -> Outcome:
    """Take a row in that was received a hundred seconds after noon."""
    row = LoadedChoices(TOLD, choices, after, until)
    return fold_loaded(state, Item(7, at(100), row), row, a_context(MAPPING, now=100))


def told(**row: Any) -> Statement:
    """Return what a file says about the newsletter."""
    return load(PersonState(), **row).state.lines["Newsletter"].latest[Desk.FILE]


@pytest.mark.parametrize(
    ("choice", "dated"),
    [(YES, at(10)), (NO, at(20))],
)
def test_a_yes_counts_from_the_earliest_moment_and_a_no_from_the_latest(
    choice: Choice, dated: int
) -> None:
    """So nothing that a file leaves open makes a yes newer or a no older."""
    assert told(Newsletter=choice) == Statement(
        id=f"file-{at(10)}-{at(20)}-{choice}",
        side=Desk.FILE,
        choice=choice,
        not_before=at(10),
        not_after=at(20),
        dated=dated,
        delay=at(100) - at(10),
        evidence="event 7",
    )


def test_a_refusal_without_a_time_counts_up_to_its_end() -> None:
    """Nothing is known of its way, so it is not delayed."""
    said = told(Newsletter=NO, after=OPEN)

    assert (said.id, said.not_before, said.dated, said.delay) == (
        "file-undated-denied",
        OPEN,
        at(20),
        0,
    )


def test_an_agreement_without_a_time_says_nothing() -> None:
    """A missing time can only lower."""
    outcome = load(PersonState(), after=OPEN, Newsletter=YES)

    assert (outcome.verdict, outcome.state.lines) == (Verdict.NO_CHANGE, {})


def test_nothing_in_a_file_was_made_after_it_was_received() -> None:
    """Whatever the times in it say."""
    said = told(Newsletter=NO, after=at(200), until=at(300))

    assert (said.not_before, said.not_after, said.delay) == (at(100), at(100), 0)


@pytest.mark.parametrize("other", [{}, {"Marketing": NONE}])
def test_only_the_lines_that_a_row_names_are_touched(other: dict[str, Any]) -> None:
    """A line before them that it leaves out or calls none hinders nothing."""
    outcome = load(PersonState(), Newsletter=NO, **other)

    assert outcome.touched == {"Newsletter"}
    assert set(outcome.state.lines) == {"Newsletter"}
    assert outcome.reason == "loaded from a file"


def test_a_row_once_more_is_no_news_and_an_older_one_is_older() -> None:
    """And both are told so."""
    first = load(PersonState(), Newsletter=NO).state
    again = load(first, Newsletter=NO)
    older = load(first, after=at(1), until=at(2), Newsletter=NO)

    assert (again.verdict, again.touched) == (Verdict.NO_CHANGE, frozenset())
    assert again.reason == "loaded from a file, and nothing in it is new or counts on these lines"
    assert older.verdict is Verdict.OLDER
    assert older.reason == "loaded from a file, and older than what a file has told before"


@pytest.mark.parametrize(
    ("known", "after"),
    [
        (Names(), TOLD),
        (Names("ann@example.com"), Names("ann@example.com", "ANN@example.com")),
        (Names("", "ann@example.com", "7"), Names("Ann@example.com", "ann@example.com", "7")),
        (Names("ann@example.com", ANN.person), Names("ann@example.com", ANN.person)),
    ],
)
def test_the_spelling_of_a_file_counts_where_a_side_has_not_told_its_own(
    known: Names, after: Names
) -> None:
    """What a side itself tells is never overwritten."""
    assert load(PersonState(names=known), Newsletter=NO).state.names == after
