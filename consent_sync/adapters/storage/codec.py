"""Values as compact JSON in the database, and back.

Each text starts with the version of its layout. A version that this program does not know is
refused, never guessed at; so is a value that holds more than this program knows, because written
back without it the rest would be lost.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import orjson

from consent_sync.adapters.storage.codec_ledger import from_record, from_write, record_of, write_of
from consent_sync.adapters.storage.codec_state import from_state, state_of
from consent_sync.domain.errors import StoreError
from consent_sync.domain.ledger import LedgerRecord, Write
from consent_sync.domain.state import PersonState

VERSION: Final = 1

Value = TypeVar("Value")


def encode_state(state: PersonState) -> bytes:
    """Return a person's state as bytes; raise StoreError when a text in it cannot be stored."""
    return _encode(from_state(state))


def decode_state(data: bytes) -> PersonState:
    """Return the state that `encode_state` wrote; raise StoreError when it is not readable."""
    return _decode("a person's state", data, state_of)


def encode_record(record: LedgerRecord) -> bytes:
    """Return a ledger record as bytes; raise StoreError when a text in it cannot be stored."""
    return _encode(from_record(record))


def decode_record(data: bytes) -> LedgerRecord:
    """Return the record that `encode_record` wrote; raise StoreError when it is not readable."""
    return _decode("a ledger record", data, record_of)


def encode_writes(writes: Sequence[Write]) -> bytes:
    """Return writes as bytes; raise StoreError when a text in them cannot be stored."""
    return _encode([from_write(write) for write in writes])


def decode_writes(data: bytes) -> tuple[Write, ...]:
    """Return the writes that `encode_writes` wrote; raise StoreError when they are not readable."""
    return _decode("announced writes", data, lambda values: tuple([write_of(v) for v in values]))


def _encode(values: list[Any]) -> bytes:
    try:
        return orjson.dumps([VERSION, values])
    except orjson.JSONEncodeError as error:
        raise StoreError(f"a value cannot be stored: {error}") from error


def _decode(what: str, data: bytes, build: Callable[[list[Any]], Value]) -> Value:
    try:
        version, values = orjson.loads(data)
        if version == VERSION:
            return build(values)
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise StoreError(
            f"{what} in the database is damaged, or a newer version of the program wrote it "
            f"({type(error).__name__})"
        ) from error
    raise StoreError(
        f"{what} in the database has layout {version}, this program knows {VERSION}: "
        "it was written by another version of the program"
    )
