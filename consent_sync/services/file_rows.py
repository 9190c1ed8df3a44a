"""A row of a loaded file as the body of a stored event, and back."""

import json
from typing import Final

from consent_sync.domain.consent import Choice
from consent_sync.domain.errors import RefusedError
from consent_sync.domain.events import LoadedChoices
from consent_sync.domain.identity import Names, Normalise, person_from_actito_key
from consent_sync.domain.moments import OPEN
from consent_sync.ports.lists import ChoiceRow

TYPE: Final = "choices.loaded"
"""The type of the stored events that keep such rows."""

_HEX: Final = frozenset("0123456789abcdefABCDEF")
_WHENEVER: Final = 2**62


def body_of(row: ChoiceRow) -> bytes:
    """Return the body that keeps a row; the same row gives the same body."""
    said = {
        "person": row.person,
        "lines": {line: row.choices[line].value for line in sorted(row.choices)},
        "between": None if row.between is None else list(row.between),
    }
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()


def loaded_of(body: bytes, how: Normalise) -> LoadedChoices:
    """Return what a body keeps; raise RefusedError when there is no row in it."""
    try:
        said = json.loads(body)
        choices = {str(line): Choice(word) for line, word in said["lines"].items()}
        between = said["between"]
        first, last = (OPEN, _WHENEVER) if between is None else (int(at) for at in between)
        names = names_of(_text(said["person"]), how)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise RefusedError(
            f"no row of a file is in it ({type(error).__name__})", code="no-loaded-row"
        ) from None
    return LoadedChoices(names, choices, first, last)


def names_of(person: str, how: Normalise) -> Names:
    """Return how both sides may spell whom a file names: with hashes by the key or the hash."""
    hashed = len(person.strip()) == 64 and _HEX.issuperset(person.strip())
    if how is not Normalise.SHA256 or hashed:
        return Names(ouid=person)
    return Names(ouid=person_from_actito_key(person, how), actito_key=person)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value
