"""Shortening timelines inside a transaction: what is old goes, and a checkpoint stands for it."""

from collections.abc import Sequence
from typing import NamedTuple

from consent_sync.adapters.storage.codec import decode_record, decode_state, encode_record
from consent_sync.adapters.storage.counting import Counting
from consent_sync.adapters.storage.hashes import PersonKeys
from consent_sync.adapters.storage.keys import person_key
from consent_sync.adapters.storage.statements import Statements
from consent_sync.domain.identity import Subject
from consent_sync.domain.ledger import LedgerRecord, checkpoint_of, is_checkpoint
from consent_sync.domain.moments import Micros
from consent_sync.domain.state import PersonState

Chain = Sequence[tuple[int, bytes]]
"""A person's records as bytes with their numbers, newest first."""


class Cut(NamedTuple):
    """What becomes of a chain: the records that go, the oldest that stays, and the checkpoint.

    `checkpoint` None means that the newest record is one already, and stays.
    """

    gone: tuple[int, ...]
    oldest: int | None
    checkpoint: LedgerRecord | None


def cut(chain: Chain, state: bytes | None, before: Micros) -> Cut | None:
    """Return how to shorten a chain to what is not older than a moment; None when nothing is."""
    if not chain:
        return None
    newest = decode_record(chain[0][1])
    held = chain[1:] if is_checkpoint(newest) else chain
    gone = [number for number, body in held if decode_record(body).at < before]
    if not gone:
        return None
    kept = [number for number, _ in chain if number not in gone]
    if is_checkpoint(newest):
        return Cut(tuple(gone), kept[-1], None)
    known = decode_state(state) if state is not None else PersonState()
    return Cut(tuple(gone), kept[-1] if kept else None, checkpoint_of(newest, known))


class Compacting:
    """The statements of it."""

    def __init__(self, statements: Statements, counting: Counting, person_keys: PersonKeys) -> None:
        self._statements = statements
        self._counting = counting
        self._person_keys = person_keys

    def compact(self, calls: Sequence[tuple[Subject, Micros]]) -> list[int]:
        """Shorten timelines; return how many records went from each."""
        return [self._compact(*call) for call in calls]

    def _compact(self, subject: Subject, before: Micros) -> int:
        key = person_key(subject)
        person = self._person_keys.find([key]).get(key)
        if person is None or self._statements.value("is_busy", person, person, person):
            return 0
        chain = self._statements.rows("records_of_person", person)
        how = cut(chain, self._statements.value("person_state", person), before)
        if how is None:
            return 0
        self._statements.change_list("delete_records", how.gone)
        if how.oldest is not None:
            self._statements.change("unlink_record", how.oldest)
        if how.checkpoint is not None:
            self._counting.record += 1
            number, previous = self._counting.record, chain[0][0] if how.oldest else None
            body = encode_record(how.checkpoint)
            self._statements.write_rows("insert_records", [(number, person, previous, body)])
            self._statements.change("set_record", number, person)
        return len(how.gone)
