"""Who a person is on each side, and the names of the sides."""

import hashlib
from collections.abc import Collection
from enum import StrEnum
from typing import Final, NamedTuple

from consent_sync.domain.values import dataclass

_STAND_IN: Final = "\x00"
"""Begins every key that is no person's: a character that keeps it apart from what platforms send."""

_PROFILE: Final = f"{_STAND_IN}profile:"
_HOMELESS: Final = f"{_STAND_IN}homeless"
_FADED: Final = f"{_STAND_IN}faded:"


class Side(StrEnum):
    """A system that holds or makes choices."""

    DIDOMI = "didomi"
    ACTITO = "actito"


class Desk(StrEnum):
    """Where a word comes from that no platform sent: an operator's, or a row of a loaded file."""

    OPERATOR = "operator"
    FILE = "file"


Source = Side | Desk
"""Where a stored event comes from, and who a statement was made to."""

_SOURCES: Final[dict[str, Source]] = {one.value: one for one in (*Side, *Desk)}


def source_of(text: str) -> Source:
    """Return the source of this name; raise ValueError when there is none."""
    try:
        return _SOURCES[text]
    except KeyError:
        raise ValueError(f"no source is named {text}") from None


class Normalise(StrEnum):
    """How an organisation user id and an Actito key become one person key."""

    NONE = "none"
    TRIM = "trim"
    LOWER = "lower"
    SHA256 = "sha256"


class Subject(NamedTuple):
    """One person within one mapping: the unit that turns, state and order belong to."""

    mapping: str
    person: str


@dataclass(frozen=True, slots=True)
class Names:
    """How each side spells one person; empty while a side has not told us.

    `ouid` is Didomi's organization_user_id as received, `actito_key` the value of the profile's
    unique key as Actito returned it, `profile_id` Actito's own number for the profile.
    """

    ouid: str = ""
    actito_key: str = ""
    profile_id: str = ""


def person_from_ouid(ouid: str, how: Normalise) -> str:
    """Return the person key for Didomi's spelling; empty when nothing is left of it."""
    if how is Normalise.NONE:
        return ouid
    trimmed = ouid.strip()
    # A hash is itself hexadecimal text: letter case carries no meaning in it.
    return trimmed if how is Normalise.TRIM else trimmed.lower()


def person_from_actito_key(key: str, how: Normalise) -> str:
    """Return the person key for Actito's spelling; empty when nothing is left of it."""
    if how is Normalise.SHA256:
        plain = key.strip().lower()
        return hashlib.sha256(plain.encode()).hexdigest() if plain else ""
    return person_from_ouid(key, how)


def unresolved_person(profile_id: str) -> str:
    """Return the stand-in person key of an Actito profile whose unique key is not known yet."""
    return f"{_PROFILE}{profile_id}"


def unresolved_profile_id(person: str) -> str | None:
    """Return the profile id behind a stand-in person key, or None for any other key."""
    return person.removeprefix(_PROFILE) if person.startswith(_PROFILE) else None


def homeless(accounts: Collection[str] | None) -> Subject:
    """Return who Didomi's events wait for while these accounts have no mapping in force.

    They all wait together, in the order of their arrival; None stands for all accounts.
    """
    return Subject(
        "", _HOMELESS if accounts is None else f"{_HOMELESS}:{','.join(sorted(accounts))}"
    )


def accounts_of_homeless(subject: Subject) -> frozenset[str] | None:
    """Return whose mappings the events of `homeless` wait for; None for those of all accounts."""
    _, named, accounts = subject.person.removeprefix(_HOMELESS).partition(":")
    return frozenset(accounts.split(",")) if named else None


def is_homeless(subject: Subject) -> bool:
    """Say whether this stands for events that no mapping has taken yet."""
    return not subject.mapping and subject.person.startswith(_HOMELESS)


def is_stand_in(person: str) -> bool:
    """Say whether a person key stands for somebody who is still to be found."""
    return person.startswith(_STAND_IN)


def faded_person(key: bytes) -> str:
    """Return what stands for a person whose identifiers were forgotten: the hash they are found by."""
    return f"{_FADED}{key.hex()}"


def key_of_faded(person: str) -> bytes | None:
    """Return the hash behind what `faded_person` wrote, or None for any other key."""
    return bytes.fromhex(person.removeprefix(_FADED)) if person.startswith(_FADED) else None
