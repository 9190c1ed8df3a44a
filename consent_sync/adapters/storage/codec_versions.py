"""Versions of mappings to rows and back; contents are JSON with named keys, so keys may be added.

What is as it always was is left out, so that an older program reads every mapping that needs
nothing of what is new; one that does need it is refused there, because without it the mapping
might let more pass.
"""

from collections.abc import Sequence
from typing import Any, Final

import orjson
from pydantic import TypeAdapter, ValidationError

from consent_sync.adapters.storage.statements import SqlValue
from consent_sync.domain.errors import StoreError
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.versions import Difference
from consent_sync.ports.versions import MappingVersion

_MAPPING: Final[TypeAdapter[Mapping]] = TypeAdapter(Mapping)
_DIFFERENCE: Final[TypeAdapter[tuple[Difference, ...]]] = TypeAdapter(tuple[Difference, ...])


def version_row(one: MappingVersion) -> tuple[SqlValue, ...]:
    """Return what `insert_version` takes."""
    new = one.content
    content = _MAPPING.dump_json(new, exclude_defaults=True) if new is not None else b""
    difference = _DIFFERENCE.dump_json(one.difference)
    return one.mapping, one.version, one.file, one.at, difference, content, one.text


def version_of(row: Sequence[Any]) -> MappingVersion:
    """Return the version in a row; raise StoreError when it is not readable."""
    number, mapping, _, file, at, difference, content, text = row
    try:
        return MappingVersion(
            mapping=mapping,
            at=at,
            file=file,
            content=_mapping(number, mapping, content) if content else None,
            difference=_DIFFERENCE.validate_json(difference),
            text=text,
            number=number,
        )
    except ValidationError as error:
        kinds = ", ".join(sorted({one["type"] for one in error.errors()}))
        raise StoreError(
            f"version {number} of mapping {mapping} in the database is damaged ({kinds}); "
            "restore a backup"
        ) from error


def _mapping(number: int, name: str, content: bytes) -> Mapping:
    read = _MAPPING.validate_json(content)
    if _cut(orjson.loads(content), _MAPPING.dump_python(read, mode="json")):
        raise StoreError(
            f"version {number} of mapping {name} in the database holds more than this program "
            "knows: a newer version of the program wrote it, so use that version"
        )
    return read


def _cut(told: Any, read: Any) -> bool:
    """Say whether a key that was told is not there in what was read."""
    if isinstance(told, dict):
        return not told.keys() <= read.keys() or any(_cut(told[key], read[key]) for key in told)
    return isinstance(told, list) and any(map(_cut, told, read))
