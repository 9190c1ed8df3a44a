"""What is left of a person in the database when the name goes."""

import pytest

from consent_sync.adapters.storage.codec import encode_record, encode_state
from consent_sync.adapters.storage.forgetting import left_as_bytes
from consent_sync.adapters.storage.keys import person_key
from consent_sync.domain.identity import Subject, faded_person
from consent_sync.domain.state import PersonState
from tests.contracts.store_kit import START, record, subject

RECORD, STATE = encode_record(record()), encode_state(PersonState())


@pytest.mark.parametrize(("newest", "state"), [(b"damaged", STATE), (RECORD, b"damaged")])
def test_what_cannot_be_read_stays_as_it_is(newest: bytes, state: bytes) -> None:
    """One damaged person must not keep the others from being forgotten."""
    left = left_as_bytes(subject("ada"), newest, state, START + 1)

    assert left is None


def test_who_was_forgotten_is_found_by_the_same_hash() -> None:
    """What stands for the name leads to the same row as the name."""
    key = person_key(subject("ada"))

    assert person_key(Subject("main", faded_person(key))) == key
