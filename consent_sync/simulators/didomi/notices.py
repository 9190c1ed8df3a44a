"""What happened in the world, before it is known who is told and how."""

from dataclasses import dataclass

from consent_sync.simulators.didomi.wire import JsonObject

EVENT_TYPES = (
    "event.created",
    "event.updated",
    "event.deleted",
    "user.created",
    "user.updated",
    "user.deleted",
)


@dataclass(frozen=True, slots=True)
class Notice:
    """One platform event: a type of `EVENT_TYPES`, its regulation and the entities as they were at that moment."""

    type: str
    regulation: str
    parameters: JsonObject
    guest: bool = False
    """The user has no organisation user id."""
    silent: bool = False
    """The call asked not to forward this to integrations."""
