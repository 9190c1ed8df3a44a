"""What happened in the world, before it is known who is told and how."""

from dataclasses import dataclass

from consent_sync.simulators.didomi.records import Event, User
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


def about_event(event: Event, kind: str, parameters: JsonObject, *, silent: bool) -> Notice:
    """Return a notice under an event's regulation."""
    return about_user(event.user, kind, event.regulation, parameters, silent=silent)


def about_user(
    user: User, kind: str, regulation: str, parameters: JsonObject, *, silent: bool = False
) -> Notice:
    """Return a notice of a user's status under one regulation."""
    return Notice(kind, regulation, parameters, user.organization_user_id is None, silent)
