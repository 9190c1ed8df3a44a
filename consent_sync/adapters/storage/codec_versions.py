"""Versions of mappings to rows and back; contents are JSON with named keys, so keys may be added."""

from collections.abc import Sequence
from typing import Any, Final

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
    content = _MAPPING.dump_json(one.content) if one.content is not None else b""
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
            content=_MAPPING.validate_json(content) if content else None,
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
