"""What people do outside the API: choose in the preference centre, approve, delete."""

from consent_sync.simulators.didomi.clicks import Click
from consent_sync.simulators.didomi.records import DEFAULT_REGULATION, Event, User
from consent_sync.simulators.didomi.wire import EventPatch
from consent_sync.simulators.didomi.world import World

WEB = "web"
"""The device that clicks come from unless they name another."""


class People:
    """Acts on a world; every act yields webhooks as on the platform."""

    def __init__(self, world: World) -> None:
        self._world = world

    def perform(self, click: Click) -> Event:
        """Save the choices of a click; raises RefusalError for ids that the organisation does not have."""
        shown = self._shown_to(click)
        held = shown.statuses.get(click.regulation or DEFAULT_REGULATION) if shown else None
        body = click.event(self._world.organisation, held)
        return self._world.post_event(body, device=click.device or WEB)

    def approve(self, event_id: str) -> Event:
        """Confirm a pending event; raises RefusalError when there is none of this id."""
        event = self._world.event(event_id)
        self._world.patch_event(event, EventPatch(status="confirmed"))
        return event

    def delete_event(self, event_id: str) -> None:
        """Delete an event; raises RefusalError when there is none of this id."""
        self._world.delete_events([self._world.event(event_id)])

    def delete_user(self, ouid: str) -> int:
        """Delete every record of a person and return how many there were."""
        users = self._world.users.of(ouid)
        for user in users:
            self._world.delete_user(user)
        return len(users)

    def _shown_to(self, click: Click) -> User | None:
        if click.device is not None:
            return self._world.users.get(click.device)
        return next(iter(self._world.users.of(click.ouid)), None) if click.ouid else None
