"""Who a person is on each side, and the names of the sides."""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Side(StrEnum):
    """A system that holds or makes choices."""

    DIDOMI = "didomi"
    ACTITO = "actito"


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
    """Return the stand-in person key of an Actito profile whose unique key is not known yet.

    The control character keeps it apart from every key a platform can send.
    """
    return f"\x00profile:{profile_id}"


def unresolved_profile_id(person: str) -> str | None:
    """Return the profile id behind a stand-in person key, or None for a real person key."""
    prefix = "\x00profile:"
    return person.removeprefix(prefix) if person.startswith(prefix) else None
