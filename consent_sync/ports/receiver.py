"""Turning what a platform posts into items, in two steps: at the door, and in the turn."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from consent_sync.domain.events import DidomiItem, ProfileHint, UnknownItem
from consent_sync.domain.identity import Names
from consent_sync.domain.urgency import Urgency


class Arrival(NamedTuple):
    """One event as it came in at the door.

    `body` is this event alone as JSON (the element, when a request brings many); `digest` is 16
    bytes over its canonical content; `type` is the platform's word or a short description; `urgency` is judged by what it
    says alone, and may be too high.
    """

    type: str
    body: bytes
    digest: bytes
    names: Names
    urgency: Urgency = Urgency.OPT_OUT


class DidomiReceiver(Protocol):
    """Didomi's webhook bodies."""

    def arrivals(self, body: bytes) -> Sequence[Arrival]:
        """Return the events in a request body, one or many; raise RefusedError when it is none."""
        ...

    def understand(self, body: bytes) -> DidomiItem | UnknownItem:
        """Return what one stored event says; raise RefusedError when it cannot be read."""
        ...


class ActitoReceiver(Protocol):
    """Actito's webhook bodies, in all four envelopes."""

    def arrivals(self, body: bytes, key_attribute: str) -> Sequence[Arrival]:
        """Return the events in a request body, one or many; raise RefusedError when it is none."""
        ...

    def understand(self, body: bytes, key_attribute: str) -> ProfileHint | UnknownItem:
        """Return what one stored event says; raise RefusedError when it cannot be read."""
        ...
