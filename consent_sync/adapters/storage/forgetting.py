"""Forgetting the identifiers of people about whom nothing was recorded for long."""

from collections.abc import Sequence
from typing import NamedTuple

from consent_sync.adapters.storage.codec import (
    decode_record,
    decode_state,
    encode_record,
    encode_state,
)
from consent_sync.adapters.storage.counting import Counting
from consent_sync.adapters.storage.keys import person_key
from consent_sync.adapters.storage.statements import Statements
from consent_sync.domain.errors import StoreError
from consent_sync.domain.forgetting import without_names
from consent_sync.domain.identity import Subject, faded_person, is_stand_in, key_of_faded
from consent_sync.domain.ledger import LedgerRecord, checkpoint_of
from consent_sync.domain.moments import Micros
from consent_sync.domain.state import PersonState
from consent_sync.ports.graves import Forgotten


class Left(NamedTuple):
    """What is left of a person: the state, and the one record, of whoever ever had any."""

    state: PersonState | None
    checkpoint: LedgerRecord | None


def left_of(
    subject: Subject, newest: LedgerRecord | None, state: PersonState | None, before: Micros
) -> Left | None:
    """Return what is left of somebody with nothing to do; None when it is too early, or done.

    Nothing is known of whoever has no record, so nothing is lost with their name.
    """
    if not subject.mapping or key_of_faded(subject.person) is not None:
        return None
    if newest is not None and newest.at >= before:
        return None
    left = without_names(subject.person, state or PersonState())
    if left is None:
        return None
    checkpoint = None if newest is None else checkpoint_of(newest, left)
    return Left(None if state is None else left, checkpoint)


class LeftBytes(NamedTuple):
    """What is left of a person, as it is stored."""

    state: bytes | None
    checkpoint: bytes | None


def left_as_bytes(
    subject: Subject, newest: bytes | None, state: bytes | None, before: Micros
) -> LeftBytes | None:
    """Do what `left_of` does with stored values; what cannot be read stays as it is."""
    try:
        left = left_of(
            subject,
            None if newest is None else decode_record(newest),
            None if state is None else decode_state(state),
            before,
        )
    except StoreError:
        # One person's damaged state must not keep the others.
        return None
    if left is None:
        return None
    return LeftBytes(
        None if left.state is None else encode_state(left.state),
        None if left.checkpoint is None else encode_record(left.checkpoint),
    )


class Forgetting:
    """The statements of it."""

    def __init__(self, statements: Statements, counting: Counting) -> None:
        self._statements = statements
        self._counting = counting

    def forget(self, calls: Sequence[tuple[int, Micros, int]]) -> list[Forgotten | None]:
        """Forget who the next quiet people are; return how far each call came."""
        return [self._forget(*call) for call in calls]

    def _forget(self, after: int, before: Micros, limit: int) -> Forgotten | None:
        page = self._statements.rows("quiet_page", after, limit)
        people = 0
        for number, mapping, person, state, newest, quiet in page:
            subject = Subject(mapping, person)
            left = left_as_bytes(subject, newest, state, before) if quiet else None
            if left is not None:
                self._fade(number, subject, left)
                people += 1
        return Forgotten(page[-1][0], people) if page else None

    def _fade(self, number: int, subject: Subject, left: LeftBytes) -> None:
        statements, counting = self._statements, self._counting
        chain = statements.rows("records_of_person", number)
        statements.change_list("delete_records", [record for record, _ in chain])
        record = None
        if left.checkpoint is not None:
            counting.record += 1
            record = counting.record
            statements.write_rows("insert_records", [(record, number, None, left.checkpoint)])
        text = faded_person(person_key(subject))
        statements.change("fade_person", text, left.state, record, number)
        counting.add("faded", 1)
        counting.add("persons", -(not is_stand_in(subject.person)))
