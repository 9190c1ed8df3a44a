"""What is written to the database is read back equal, for every value there can be."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any, TypeVar

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_sync.adapters.storage.codec import (
    decode_record,
    decode_state,
    decode_writes,
    encode_record,
    encode_state,
    encode_writes,
)
from consent_sync.domain.consent import (
    Agreed,
    Choice,
    ConsentTree,
    Guarded,
    Known,
    Node,
    OwnWrite,
    Pick,
    Statement,
    Word,
    WriteOutcome,
)
from consent_sync.domain.errors import StoreError
from consent_sync.domain.events import ProfileMissing, ProfileReading, UserMissing, UserReading
from consent_sync.domain.identity import Names, Side
from consent_sync.domain.ledger import (
    HeldBack,
    ItemsTaken,
    LedgerRecord,
    Unread,
    Write,
    WrittenLine,
)
from consent_sync.domain.mapping import Place
from consent_sync.domain.moments import OPEN
from consent_sync.domain.state import HeldList, LineState, PersonState, Presence, Several, Wanted
from consent_sync.domain.verdicts import Entry, Kind, Verdict
from tests.contracts.store_kit import state

Value = TypeVar("Value")


def whole(
    cls: Callable[..., Value], /, **parts: st.SearchStrategy[Any]
) -> st.SearchStrategy[Value]:
    """Build a dataclass with every field drawn, so that none is left at its default unnoticed."""
    names = {field.name for field in fields(cls)}  # type: ignore[arg-type]  # always a dataclass
    assert names == set(parts), f"{cls} has fields the test does not draw: {names ^ set(parts)}"
    return st.builds(cls, **parts)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
moments = st.integers(0, 2**53) | st.just(OPEN)
numbers = st.integers(0, 2**53)
choices = st.sampled_from(Choice)
sides = st.sampled_from(Side)
outcomes = st.sampled_from(WriteOutcome)
scalars = (
    texts
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.floats(allow_nan=False, allow_infinity=True)
)


def small(keys: st.SearchStrategy[Any], values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.dictionaries(keys, values, max_size=2)


def several(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(values, max_size=2).map(tuple)


names = whole(Names, ouid=texts, actito_key=texts, profile_id=texts)
twins = st.builds(Names, st.just(""), texts, texts)
statements = whole(
    Statement,
    id=texts,
    side=sides,
    choice=choices,
    not_before=moments,
    not_after=moments,
    dated=numbers,
    delay=numbers,
    evidence=texts,
)
known = whole(Known, id=texts, not_after=moments)
agreed = whole(
    Agreed,
    choice=choices,
    as_of=moments,
    known=small(sides, known),
    confirmed=st.booleans(),
)
own_writes = whole(
    OwnWrite,
    side=sides,
    choice=choices,
    sent_at=numbers,
    outcome=outcomes,
    event_id=texts,
    told=small(sides, known),
)
lines = whole(
    LineState,
    latest=small(sides, statements),
    agreed=small(sides, agreed),
    refused_at=small(sides, moments),
    writes=several(own_writes),
    held=texts,
    failed=small(sides, texts),
    shape=texts,
    unshown=small(sides, numbers),
    word=st.none()
    | whole(Word, by=texts, at=moments, lifts=several(texts), basis=texts, seen=moments),
    guarded=st.none() | whole(Guarded, basis=texts, reason=texts),
    written_off=st.frozensets(sides),
)
picks = st.builds(Pick, texts, texts)
option_sets = st.frozensets(texts, max_size=3)
states = whole(
    PersonState,
    names=names,
    profile=st.sampled_from(Presence),
    user=st.sampled_from(Presence),
    lines=small(texts, lines),
    wanted=small(texts, whole(Wanted, value=scalars, dated=moments)),
    sent=small(texts, scalars),
    picks=small(picks, whole(HeldList, options=option_sets, dated=moments)),
    pending=small(texts, moments),
    spellings=several(texts),
    place=st.builds(Place, texts, texts),
    unread=small(numbers, texts),
    several=st.none()
    | whole(Several, twins=several(twins), strangers=several(twins), uneven=option_sets),
)
trees = whole(
    ConsentTree,
    nodes=small(st.builds(Node, texts, texts, texts, texts), choices),
    picks=small(picks, option_sets),
)
writes = whole(
    Write,
    side=sides,
    lines=several(whole(WrittenLine, line=texts, choice=choices)),
    sent_at=numbers,
    dated=moments,
    outcome=outcomes,
    event_id=texts,
    attributes=several(st.tuples(texts, scalars)),
    lists=several(st.tuples(texts, texts, several(texts))),
    created=st.booleans(),
    failure=texts,
    profile_id=texts,
)
reading = {
    "asked_at": moments,
    "read_at": moments,
    "names": names,
    "subscriptions": small(texts, st.booleans()),
}
facts = st.one_of(
    whole(ItemsTaken, events=several(numbers), at=moments),
    whole(ProfileReading, **reading, others=several(st.builds(ProfileReading, **reading))),
    whole(ProfileMissing, read_at=moments),
    whole(
        UserReading,
        asked_at=moments,
        read_at=moments,
        updated_at=st.none() | moments,
        tree=trees,
    ),
    whole(UserMissing, read_at=moments),
    writes,
    whole(HeldBack, line=texts, basis=texts, reason=texts),
    whole(Unread, event=numbers, reason=texts),
)
entries = whole(
    Entry,
    at=numbers,
    kind=st.sampled_from(Kind),
    verdict=st.sampled_from(Verdict),
    reason=texts,
    side=st.none() | sides,
    line=texts,
    line_number=numbers,
    choice=choices,
    event=numbers,
)
records = whole(
    LedgerRecord,
    at=numbers,
    mapping_file=texts,
    mapping_version=texts,
    facts=several(facts),
    entries=several(entries),
    continues=st.booleans(),
)


@given(states)
def test_a_state_is_read_back_equal(value: PersonState) -> None:
    """Whatever a state holds survives the database."""
    assert decode_state(encode_state(value)) == value


@given(states)
def test_a_state_is_read_back_with_its_types(value: PersonState) -> None:
    """A number stays the kind of number it was; equal is not enough for an attribute."""
    back = decode_state(encode_state(value))

    assert repr(back.sent) == repr(dict(value.sent))
    assert repr(back.wanted) == repr(dict(value.wanted))


@given(records)
def test_a_record_is_read_back_equal(value: LedgerRecord) -> None:
    """Every kind of fact and entry survives the database."""
    assert decode_record(encode_record(value)) == value


@given(st.lists(writes, max_size=3))
def test_announced_writes_are_read_back_equal(values: list[Write]) -> None:
    """Writes survive the database, in their order."""
    assert decode_writes(encode_writes(values)) == tuple(values)


def test_a_layout_of_the_future_is_refused() -> None:
    """What another version wrote is not guessed at."""
    _, values = orjson.loads(encode_state(state("ada")))

    with pytest.raises(
        StoreError, match="state in the database has layout 2, this program knows 1"
    ):
        decode_state(orjson.dumps([2, values]))


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b"[1, [1, 2]]", b'[1, "text"]', b"\xff"])
def test_damaged_values_are_told(data: bytes) -> None:
    """Bytes that nobody wrote are an error of the store, not of the program."""
    for decode in (decode_state, decode_record, decode_writes):
        with pytest.raises(StoreError, match="in the database is damaged"):
            decode(data)


def test_text_that_no_database_can_hold_is_refused() -> None:
    """Half of a surrogate pair is no text."""
    with pytest.raises(StoreError, match="cannot be stored"):
        encode_state(state("\ud800"))
