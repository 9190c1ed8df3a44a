"""Lists as PostgreSQL's binary arrays: one value of a statement for a whole column of a batch.

The driver's own lists are packed element by element; these are a good part of what an event costs.
Layout: PostgreSQL, "array_recv" (dimensions, has-null flag, element type, length, lower bound).
"""

import struct
from collections.abc import Iterable, Sequence
from typing import Final

from psycopg.abc import AdaptContext
from psycopg.adapt import AdaptersMap, Dumper
from psycopg.postgres import adapters as defaults
from psycopg.pq import Format

_BOOLEAN: Final = 16
_BYTEA: Final = 17
_INT8: Final = 20
_TEXT: Final = 25
_HEAD: Final = struct.Struct("!iiIii")
_LENGTH: Final = struct.Struct("!i")
_INTEGER: Final = struct.Struct("!iq")
_TRUE: Final = struct.pack("!i?", 1, True)
_FALSE: Final = struct.pack("!i?", 1, False)
_NULL: Final = b"\xff\xff\xff\xff"


class Array:
    """A packed array; made by `boolean_array`, `bytes_array`, `integer_array` or `text_array`."""

    __slots__ = ("data",)

    def __init__(self, element: int, length: int, parts: Iterable[bytes]) -> None:
        if not length:
            self.data = struct.pack("!iiI", 0, 0, element)
        else:
            # The flag for nulls is only a hint, so it is always set.
            self.data = b"".join([_HEAD.pack(1, 1, element, length, 1), *parts])


class BytesArray(Array):
    """A `bytea[]`."""

    __slots__ = ()


class BooleanArray(Array):
    """A `boolean[]`."""

    __slots__ = ()


class IntegerArray(Array):
    """A `bigint[]`."""

    __slots__ = ()


class TextArray(Array):
    """A `text[]`."""

    __slots__ = ()


def bytes_array(values: Sequence[bytes | None]) -> BytesArray:
    """Pack bytes and nulls."""
    parts: list[bytes] = []
    for value in values:
        if value is None:
            parts.append(_NULL)
        else:
            parts.append(_LENGTH.pack(len(value)))
            parts.append(value)
    return BytesArray(_BYTEA, len(values), parts)


def boolean_array(values: Sequence[bool]) -> BooleanArray:
    """Pack truths."""
    return BooleanArray(_BOOLEAN, len(values), [_TRUE if value else _FALSE for value in values])


def integer_array(values: Sequence[int | None]) -> IntegerArray:
    """Pack integers of 64 bits and nulls; raise struct.error for larger ones."""
    parts = [_NULL if value is None else _INTEGER.pack(8, value) for value in values]
    return IntegerArray(_INT8, len(values), parts)


def text_array(values: Sequence[str]) -> TextArray:
    """Pack texts without zero characters; raise UnicodeEncodeError for half characters."""
    encoded = [value.encode() for value in values]
    parts = [part for value in encoded for part in (_LENGTH.pack(len(value)), value)]
    return TextArray(_TEXT, len(values), parts)


class _ArrayDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Array) -> bytes:
        return obj.data


class _BooleanDumper(_ArrayDumper):
    oid = 1000


class _BytesDumper(_ArrayDumper):
    oid = 1001


class _IntegerDumper(_ArrayDumper):
    oid = 1016


class _TextDumper(_ArrayDumper):
    oid = 1009


def adapters() -> AdaptContext:
    """Return what teaches a connection these arrays."""
    known = AdaptersMap(defaults)
    known.register_dumper(BooleanArray, _BooleanDumper)
    known.register_dumper(BytesArray, _BytesDumper)
    known.register_dumper(IntegerArray, _IntegerDumper)
    known.register_dumper(TextArray, _TextDumper)
    return known
