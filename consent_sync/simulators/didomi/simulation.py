"""Everything that one simulated organisation consists of, wired together."""

import random
from collections.abc import Iterable, Mapping

from consent_sync.simulators.didomi import dates
from consent_sync.simulators.didomi.calls import Calls
from consent_sync.simulators.didomi.connections import Connection, OAuth
from consent_sync.simulators.didomi.limits import Limiter
from consent_sync.simulators.didomi.organisation import Organisation
from consent_sync.simulators.didomi.sessions import Sessions
from consent_sync.simulators.didomi.switches import Switches
from consent_sync.simulators.didomi.webhooks import WebhookSender
from consent_sync.simulators.didomi.world import World
from consent_sync.simulators.faults import FaultPlan


class Simulation:
    """The parts of the simulator; they all read the same switches, clock and generator."""

    def __init__(
        self,
        organisation: Organisation,
        switches: Switches,
        clock: dates.Clock,
        chance: random.Random,
    ) -> None:
        self.switches = switches
        self.sender = WebhookSender(switches, chance)
        self.sessions = Sessions(organisation, switches, clock, chance)
        self.limiter = Limiter(switches, clock)
        self.calls = Calls()
        self.faults = FaultPlan(chance)
        self.world = World(
            organisation, switches, clock=clock, chance=chance, publish=self.sender.publish
        )

    def turn(self, changes: Mapping[str, object]) -> None:
        """Turn switches, all or none; going to one record per person merges the records there are."""
        self.switches.change(changes)
        if changes.get("records_per_ouid") == "one":
            self.world.merge_records()

    def connect(
        self,
        url: str,
        *,
        headers: dict[str, str] | None = None,
        oauth: OAuth | None = None,
        event_types: Iterable[str] = (),
    ) -> Connection:
        """Register a webhook without asking the API."""
        return self.sender.connect(
            self.world.new_id(), url, headers=headers, oauth=oauth, event_types=event_types
        )

    def reset(self) -> None:
        """Forget users, events, sessions, calls, faults and deliveries; switches and webhooks stay."""
        self.world.clear()
        self.sessions.expire_all()
        self.limiter.reset()
        self.calls.clear()
        self.faults.clear()
        self.sender.clear()
