"""Which lines rest because what they name has vanished from a platform.

One look is not believed: a line rests when two looks in a row miss what it names, and goes on as
soon as one look shows it again.
"""

from collections.abc import Iterable
from collections.abc import Mapping as MappingView
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple

from consent_sync.domain.identity import Side
from consent_sync.domain.inventory import Inventory, Lack, lacks
from consent_sync.domain.lines import NO_STOPS, Stop
from consent_sync.domain.mapping import Line, Mapping, SyncMode


class _Key(NamedTuple):
    mapping: str
    line: str
    shape: str


@dataclass(frozen=True, slots=True)
class StopChange:
    """A line that begins to rest, or goes on (`stop` None)."""

    mapping: str
    file: str
    line: str
    line_number: int
    stop: Stop | None


_EMPTY: Final[MappingView[str, dict[tuple[str, str], Stop]]] = MappingProxyType({})


class LineStops:
    """The lines that rest, as far as the looks have shown. Kept in memory: a start looks anew."""

    def __init__(self) -> None:
        self._suspects: frozenset[_Key] = frozenset()
        self._stopped: dict[_Key, Stop] = {}
        self._by_mapping: MappingView[str, dict[tuple[str, str], Stop]] = _EMPTY

    def of(self, mapping: Mapping) -> MappingView[str, Stop]:
        """Return the lines of a mapping that rest, by their subscription; cheap."""
        stopped = self._by_mapping.get(mapping.name)
        if stopped is None:
            return NO_STOPS
        keys = {line.id: (line.id, line.shape) for line in mapping.lines}
        return {name: stopped[key] for name, key in keys.items() if key in stopped}

    @property
    def suspects(self) -> bool:
        """Say whether the last look missed something for the first time."""
        return bool(self._suspects - self._stopped.keys())

    def count(self, mapping: str) -> int:
        """Return how many lines of a mapping rest."""
        return len(self._by_mapping.get(mapping, {}))

    def look(
        self, mappings: Iterable[Mapping], found: MappingView[str, Inventory]
    ) -> tuple[StopChange, ...]:
        """Take in one look; return what changed by it.

        A side that could not be asked leaves everything about it as it was.
        """
        missing: dict[_Key, Stop] = {}
        changes: list[StopChange] = []
        every = list(mappings)
        for mapping in every:
            inventory = found.get(mapping.name, Inventory())
            for line in mapping.lines:
                stop = self._missing(mapping, line, inventory)
                if stop is not None:
                    missing[_Key(mapping.name, line.id, line.shape)] = stop
        stopped = {
            key: stop
            for key, stop in missing.items()
            if key in self._suspects or key in self._stopped
        }
        for mapping in every:
            for line in mapping.lines:
                key = _Key(mapping.name, line.id, line.shape)
                if (key in stopped) != (key in self._stopped):
                    stop = stopped.get(key)
                    changes.append(
                        StopChange(mapping.name, mapping.file, line.id, line.line_number, stop)
                    )
        self._suspects = frozenset(missing)
        self._put(stopped)
        return tuple(changes)

    def _missing(self, mapping: Mapping, line: Line, inventory: Inventory) -> Stop | None:
        if line.sync is SyncMode.OFF:
            return None
        lack = next(lacks(line, inventory), None)
        if lack is not None:
            return Stop(lack.side, _reason(lack))
        before = self._stopped.get(_Key(mapping.name, line.id, line.shape))
        # Only a look that shows what was missing lets the line go on.
        return before if before is not None and not _told(before.side, line, inventory) else None

    def _put(self, stopped: dict[_Key, Stop]) -> None:
        self._stopped = stopped
        by_mapping: dict[str, dict[tuple[str, str], Stop]] = {}
        for key, stop in stopped.items():
            by_mapping.setdefault(key.mapping, {})[key.line, key.shape] = stop
        self._by_mapping = MappingProxyType(by_mapping)


def _told(side: Side, line: Line, inventory: Inventory) -> bool:
    """Say whether the look has shown what the line names on this side."""
    if side is Side.ACTITO:
        return bool(inventory.subscriptions)
    if line.node.preference and not inventory.preferences:
        return False
    return bool(inventory.purposes) or not line.node.purpose


def _reason(lack: Lack) -> str:
    return f"it names {lack.words}; the line rests until it is there, or the file names another"
