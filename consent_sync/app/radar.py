"""The periodic look at both platforms: what vanished stops its line, what is new is told.

It asks a handful of questions per organisation and entity, and never about a person.
"""

from collections.abc import Iterable
from collections.abc import Mapping as MappingView
from typing import Final, Protocol

import structlog

from consent_sync.adapters.metrics import Metrics
from consent_sync.app.hook_watch import HookWatch
from consent_sync.domain.inventory import Inventory, Newcomers, newcomers
from consent_sync.domain.mapping import Mapping
from consent_sync.ports.clock import Clock
from consent_sync.ports.mappings import MappingSource
from consent_sync.services.stops import LineStops

CONFIRM_SECONDS: Final = 60.0
"""After so long the first look follows the start, and a second look one that missed something."""

_log = structlog.get_logger(__name__)


class Platforms(Protocol):
    """What can be asked what exists."""

    async def of_all(self, mappings: Iterable[Mapping]) -> MappingView[str, Inventory]:
        """Return what exists for each mapping, by its name."""
        ...


class Radar:
    """Looks now and then; what it finds goes to the log, the metrics and the turns."""

    def __init__(
        self,
        platforms: Platforms,
        mappings: MappingSource,
        stops: LineStops,
        clock: Clock,
        metrics: Metrics,
        hooks: HookWatch | None = None,
    ) -> None:
        self._platforms = platforms
        self._mappings = mappings
        self._stops = stops
        self._clock = clock
        self._metrics = metrics
        self._hooks = hooks
        self._told: dict[tuple[str, str], object] = {}

    async def run(self, every_seconds: float) -> None:
        """Look every so often until cancelled; sooner after a look that missed something."""
        soon = min(CONFIRM_SECONDS, every_seconds)
        pause = soon
        while True:
            await self._clock.sleep(pause)
            await self.look()
            pause = soon if self._stops.suspects else every_seconds

    def resting(self) -> dict[str, int]:
        """Return how many lines of each mapping rest, where any does."""
        counts = {name: self._stops.count(name) for name in self._mappings.current()}
        return {name: number for name, number in counts.items() if number}

    async def look(self) -> None:
        """Look once at everything that the mappings in force name."""
        mappings = [*self._mappings.current().values()]
        found = await self._platforms.of_all(mappings)
        for change in self._stops.look(mappings, found):
            words = {"mapping": change.mapping, "line": change.line}
            where = f"{change.file}:{change.line_number}"
            if change.stop is None:
                _log.info("line_goes_on", **words, where=where)
            else:
                _log.warning("line_rests", **words, where=where, why=change.stop.reason)
        new = newcomers(mappings, found)
        for mapping in mappings:
            self._tell(mapping.name, found[mapping.name], new[mapping.name])
        self._told = {key: said for key, said in self._told.items() if key[0] in found}
        self._metrics.radar(
            {one.name: self._stops.count(one.name) for one in mappings},
            {name: len(one) for name, one in new.items()},
        )
        if self._hooks is not None:
            await self._hooks.look(mappings)

    def _tell(self, mapping: str, inventory: Inventory, new: Newcomers) -> None:
        """Say what is new and what could not be asked, each once until it changes."""
        if self._is_news(mapping, "blind", inventory.unasked) and inventory.unasked:
            why = "; ".join(f"{side.value}: {words}" for side, words in inventory.unasked)
            _log.warning("radar_blind", mapping=mapping, why=why)
        if self._is_news(mapping, "new", new) and new:
            places = ["/".join(part for part in node if part) for node in new.places]
            subscriptions = list(new.subscriptions)
            _log.info(
                "not_in_a_mapping", mapping=mapping, subscriptions=subscriptions, places=places
            )

    def _is_news(self, mapping: str, what: str, said: object) -> bool:
        before = self._told.get((mapping, what))
        self._told[mapping, what] = said
        return before != said
