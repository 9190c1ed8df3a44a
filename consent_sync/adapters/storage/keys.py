"""Short hashes by which persons, profiles and events are found."""

import hashlib

from consent_sync.domain.identity import Subject, is_stand_in, key_of_faded
from consent_sync.ports.store import NewEvent, Settlement


def person_key(subject: Subject) -> bytes:
    """Return the hash a person is found by; the separator is in no mapping's name.

    Of somebody whose identifiers were forgotten that hash is all there is.
    """
    faded = key_of_faded(subject.person)
    if faded is not None:
        return faded
    text = f"{subject.mapping}\x00{subject.person}"
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def profile_key(settlement: Settlement) -> bytes | None:
    """Return the hash of the person's Actito profile; a stand-in for a person has none."""
    mapping, person = settlement.subject
    profile_id = settlement.state.names.profile_id
    if not profile_id or is_stand_in(person):
        return None
    return person_key(Subject(mapping, profile_id))


def event_key(event: NewEvent) -> bytes:
    """Return the hash that equal events of one source and mapping share."""
    scope = f"{event.source}\x00{event.mapping}\x00".encode()
    return hashlib.blake2b(scope + event.digest, digest_size=16).digest()
