"""How our own Didomi events are named, so that they are known when they come back."""

import hashlib
import uuid
from typing import Final

from consent_sync.domain.events import ConsentEvent
from consent_sync.domain.identity import Subject

_NAMESPACE: Final = uuid.UUID("6f1d8c52-3f0e-5d39-9a44-0f1c6a3a7b21")


def basis_of(parts: list[str]) -> str:
    """Return a short digest of what an event rests on: the same grounds give the same digest."""
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=10).hexdigest()


def own_event_id(subject: Subject, basis: str) -> str:
    """Return the deterministic event id for a person, a mapping and a basis.

    Didomi verifies that a given id does not exist yet. Source: Didomi, "Batch import".
    """
    return str(uuid.uuid5(_NAMESPACE, "\n".join((subject.mapping, subject.person, basis))))


def is_own(event: ConsentEvent, subject: Subject) -> bool:
    """Say whether this event was created by us for this very person and mapping.

    The id can be computed again from the event's own mark, so an event of ours is known for
    ever, without a list of them.
    """
    origin = event.origin
    return (
        origin is not None
        and origin.mapping == subject.mapping
        and event.id == own_event_id(subject, origin.basis)
    )
