"""A state worked out anew from the ledger: each kind of fact, folded as its turn did."""

from dataclasses import replace

import pytest

from consent_sync.domain.consent import WriteOutcome
from consent_sync.domain.errors import AbsentError
from consent_sync.domain.events import Item, ProfileMissing, UserMissing
from consent_sync.domain.identity import Side
from consent_sync.domain.ledger import Fact, ItemsTaken, LedgerRecord, Write, WrittenLine
from consent_sync.domain.replay import replay
from consent_sync.domain.rules import Rules
from consent_sync.domain.state import PersonState, Presence
from consent_sync.domain.verdicts import Entry, Kind, Verdict
from tests.domain.kit import (
    ACTITO,
    ANN,
    DIDOMI,
    NO,
    YES,
    a_hint,
    a_reading,
    a_user_reading,
    a_webhook,
    an_event,
    at,
)
from tests.doubles.mappings import EMAIL, a_mapping

MAPPING = a_mapping()
EVENT = Item(1, at(41), a_webhook(an_event(40, {EMAIL: NO})))
HINT = replace(a_hint(50, Newsletter=False).item, id=2)
SENT = Write(
    Side.ACTITO, (WrittenLine("Newsletter", NO),), at(42), at(42), WriteOutcome.SENT, profile_id="7"
)


def a_record(when: float, *facts: Fact, entries: tuple[Entry, ...] = ()) -> LedgerRecord:
    return LedgerRecord(at(when), MAPPING.file, MAPPING.version, facts, entries)


def state_of(*records: LedgerRecord) -> PersonState:
    items = {item.id: item for item in (EVENT, HINT)}
    return replay(records, items, {MAPPING.version: MAPPING}, Rules(), ANN)


def test_a_record_whose_version_is_gone_is_told() -> None:
    """Under another version it could mean something else, so nothing is guessed."""
    with pytest.raises(AbsentError):
        state_of(replace(a_record(43, SENT), mapping_version="another"))


def test_what_a_turn_kept_before_a_write_is_the_beginning_of_its_end() -> None:
    """Two records of one turn fold as one: the look is still that of the webhook before it."""
    kept = a_record(52, ItemsTaken((2,), at(51)))
    ended = replace(a_record(53, a_reading(52, Newsletter=False)), continues=True)

    assert state_of(kept, ended) == state_of(
        a_record(53, ItemsTaken((2,), at(51)), a_reading(52, Newsletter=False))
    )


def test_no_records_no_knowledge() -> None:
    """A ledger without a person leads to nobody."""
    assert state_of() == PersonState()


def test_items_are_taken_with_the_moment_of_their_turn() -> None:
    """An event that was received counts from its own date."""
    line = state_of(a_record(43, ItemsTaken((1,), at(42)))).lines["Newsletter"]

    assert line.latest[DIDOMI].not_after == at(40)


def test_an_item_that_could_not_be_read_is_left_out() -> None:
    """The turn left it out too, and said so."""
    assert state_of(a_record(43, ItemsTaken((99,), at(42)))).lines == {}


def test_a_write_is_known_with_its_outcome() -> None:
    """An answered one is believed, and its answer names the profile."""
    state = state_of(a_record(43, ItemsTaken((1,), at(42)), SENT))

    assert state.lines["Newsletter"].agreed[ACTITO].choice is NO
    assert (state.profile, state.names.profile_id) == (Presence.PRESENT, "7")


def test_a_webhook_is_decided_by_the_look_that_it_asked_for() -> None:
    """Also where that look came in a later turn."""
    first = a_record(43, a_reading(42, Newsletter=True))
    second = a_record(60, ItemsTaken((2,), at(51)), a_reading(52, Newsletter=False))
    line = state_of(first, second).lines["Newsletter"]

    assert line.latest[ACTITO].choice is NO
    assert line.latest[ACTITO].evidence == "event 2"


def test_a_profile_that_was_missing_is_missing() -> None:
    """Until something else is seen."""
    assert state_of(a_record(43, ProfileMissing(at(42)))).profile is Presence.MISSING


def test_a_user_is_missing_only_when_no_spelling_is_known() -> None:
    """The readings of one look belong together."""
    found = a_record(43, a_user_reading(42, {EMAIL: YES}, dated=1))

    assert state_of(a_record(43, UserMissing(at(42)))).user is Presence.MISSING
    assert state_of(found).user is Presence.PRESENT


def test_refusals_that_nobody_could_look_after_count() -> None:
    """The record says that their webhook was given up."""
    given_up = Entry(at(60), Kind.RECEIVED, Verdict.FAILED, "given up", ACTITO, event=2)
    record = a_record(60, ItemsTaken((2,), at(51)), entries=(given_up,))

    assert state_of(record).lines["Newsletter"].latest[ACTITO].choice is NO
    assert state_of(replace(record, entries=())).lines == {}
