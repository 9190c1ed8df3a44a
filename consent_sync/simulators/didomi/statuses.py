"""How a user's status is computed from events: in date order, only confirmed ones, each regulation by itself."""

from datetime import datetime

from consent_sync.simulators.didomi.merge import Consents, Merger
from consent_sync.simulators.didomi.records import CONFIRMED, Event, User
from consent_sync.simulators.didomi.switches import Switches
from consent_sync.simulators.didomi.wire import JsonObject


class Statuses:
    """Computes and keeps the statuses on user records."""

    def __init__(self, switches: Switches) -> None:
        self._switches = switches

    def order(self, event: Event) -> tuple[datetime, str]:
        """Return an event's place in the order of application; equal dates go by event id."""
        by_creation = self._switches.order_events_by == "created_at"
        return (event.created_at if by_creation else event.updated_at), event.id

    def compute(self, user: User, regulation: str) -> None:
        """Compute a status from scratch."""
        applied = sorted(_applied(user, regulation), key=self.order)
        user.statuses[regulation] = self._merger().fold(event.consents for event in applied)

    def merge_new(self, event: Event) -> None:
        """Let a new confirmed event take effect: on top when no later one counts, else from scratch."""
        user, regulation = event.user, event.regulation
        others = [other for other in _applied(user, regulation) if other is not event]
        if any(self.order(other) > self.order(event) for other in others):
            self.compute(user, regulation)
        else:
            status = user.statuses.setdefault(regulation, Consents())
            self._merger().apply(status, event.consents)

    def _merger(self) -> Merger:
        return Merger(self._switches.null_choice == "clears")


def merged_metadata(held: JsonObject, sent: JsonObject | None) -> JsonObject:
    """Merge metadata key by key, without going deeper."""
    return {**held, **(sent or {})}


def _applied(user: User, regulation: str) -> list[Event]:
    return [
        event
        for event in user.events.values()
        if event.status == CONFIRMED and event.regulation == regulation
    ]
