"""The parts of one simulated licence, put together without a server."""

import random
from collections.abc import Callable
from datetime import datetime

from consent_sync.simulators.actito.calls import CallLog
from consent_sync.simulators.actito.events import events_of
from consent_sync.simulators.actito.imports import Imports
from consent_sync.simulators.actito.limits import Limits
from consent_sync.simulators.actito.people import People
from consent_sync.simulators.actito.platform import Platform
from consent_sync.simulators.actito.profiles import Change
from consent_sync.simulators.actito.registry import Registry
from consent_sync.simulators.actito.structure import WorldSpec
from consent_sync.simulators.actito.switches import Switches
from consent_sync.simulators.actito.tokens import Tokens
from consent_sync.simulators.actito.webhooks import Sender
from consent_sync.simulators.actito.world import World
from consent_sync.simulators.faults import FaultPlan

Clock = Callable[[], float | datetime]
"""Gives the present moment: an aware datetime, or seconds since 1970."""


class Parts:
    """World, tokens, webhooks, faults and log of one licence; a change in the world becomes events in the outbox."""

    def __init__(
        self,
        spec: WorldSpec,
        switches: Switches,
        api_keys: frozenset[str],
        clock: Clock,
        rng: random.Random,
    ) -> None:
        self.spec = spec
        self.switches = switches
        self._first_switches = switches.model_dump()
        self.world = World(spec, switches, _seconds(clock), self._fire)
        self.people = People(self.world)
        self.tokens = Tokens(api_keys, switches, rng)
        self.registry = Registry(self.world, switches)
        self.sender = Sender(switches, self.world.now, rng)
        self.faults = FaultPlan(rng)
        self.calls = CallLog()
        self.limits = Limits(switches, self.world.now)
        self.imports = Imports(self.world, switches)
        self.platform = Platform(self.world, self.tokens, self.registry, self.imports, switches)

    def reset(self) -> None:
        """Bring everything back to how it was at the first start."""
        self.switches.change(self._first_switches)
        self.world.fill(self.spec)
        self.registry.clear()
        self.sender.forget()
        self.tokens.revoke()
        self.faults.clear()
        self.calls.clear()
        self.limits.clear()
        self.imports.clear()

    async def settled(self) -> None:
        """Wait until late effects have happened and no webhook is waiting, except those held back."""
        await self.faults.settled()
        await self.sender.settled()

    def _fire(self, change: Change) -> None:
        listening = self.registry.listening(change.entity, change.table_id)
        if not listening:
            return
        table = self.world.table(change.entity, change.table_id)
        for event in events_of(change, table, listening, self.switches):
            self.sender.put(event)


def _seconds(clock: Clock) -> Callable[[], float]:
    def now() -> float:
        moment = clock()
        return moment.timestamp() if isinstance(moment, datetime) else float(moment)

    return now
