"""What is worth an alert: one function each, from the facts of a look to what is wrong.

docs/how-to/be-alerted.md tells people what each one means and what to do.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from consent_sync.domain.alerts import Trouble
from consent_sync.domain.identity import Side
from consent_sync.domain.mapping import Mapping as MappingFile
from consent_sync.domain.mapping import SyncMode
from consent_sync.domain.moments import HOUR, MINUTE, SECOND, Micros
from consent_sync.ports.store import StoreStatus

STORE_DOWN = "store_down"
"""The one alert that is told while nothing can be kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What one look saw; `status` is None when the store could not commit or be read.

    `problems` are counted by file; `differing` is how many people differed at the end of the last
    whole sweep, None when none has ended.
    """

    now: Micros
    status: StoreStatus | None
    since: Micros = 0
    mappings: Collection[MappingFile] = ()
    problems: Mapping[str, int] = field(default_factory=dict)
    differing: int | None = None


Condition: TypeAlias = Callable[[Facts], Sequence[Trouble] | None]
"""Returns what is wrong, nothing when all is well, None when it cannot tell; touches nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertLimits:
    """From when on something is worth an alert; 0 = never."""

    silent: Micros = 24 * HOUR
    optout: Micros = 10 * MINUTE


def conditions_within(limits: AlertLimits) -> dict[str, Condition]:
    """Return every condition that the store and the mapping files can answer, by its alert."""
    return {
        STORE_DOWN: lambda _facts: (),
        "optout_waiting": lambda facts: _optout_waiting(facts, limits.optout),
        "side_silent": lambda facts: _side_silent(facts, limits.silent),
        "dead_letters": _dead_letters,
        "drift_found": _drift_found,
        "mapping_invalid": _mapping_invalid,
    }


def _optout_waiting(facts: Facts, limit: Micros) -> Sequence[Trouble] | None:
    if facts.status is None:
        return None
    since = facts.status.oldest_waiting_optout_at
    if not limit or since is None or facts.now - since <= limit:
        return ()
    return [Trouble("", f"an opt-out is not on both sides after {_span(facts.now - since)}")]


def _side_silent(facts: Facts, limit: Micros) -> Sequence[Trouble] | None:
    if facts.status is None:
        return None
    found = []
    for side in sorted(_speaking(facts.mappings)) if limit else ():
        known = facts.status.sides.get(side)
        last = known.last_event_at if known is not None else None
        age = facts.now - (facts.since if last is None else last)
        if age > limit:
            found.append(Trouble(side.value, f"nothing has come from this side for {_span(age)}"))
    return found


def _speaking(mappings: Collection[MappingFile]) -> set[Side]:
    """Return the sides that are expected to send webhooks."""
    modes = {(line.sync, one.enable_webhooks) for one in mappings for line in one.lines}
    flows = {mode for mode, _ in modes}
    sides = set[Side]()
    if flows - {SyncMode.OFF, SyncMode.TO_DIDOMI}:
        sides.add(Side.DIDOMI)
    if {mode for mode, back in modes if back} - {SyncMode.OFF, SyncMode.TO_ACTITO}:
        sides.add(Side.ACTITO)
    return sides


def _dead_letters(facts: Facts) -> Sequence[Trouble] | None:
    if facts.status is None:
        return None
    if not facts.status.failed:
        return ()
    waiting = _counted(facts.status.failed, "dead letter waits", "dead letters wait")
    return [Trouble("", f"{waiting} for a person")]


def _drift_found(facts: Facts) -> Sequence[Trouble] | None:
    if facts.differing is None:
        return None
    if not facts.differing:
        return ()
    found = _counted(facts.differing, "person who differs", "people who differ")
    return [Trouble("", f"the last whole sweep found {found}")]


def _mapping_invalid(facts: Facts) -> Sequence[Trouble]:
    return [
        Trouble(
            file, f"{_counted(count, 'problem', 'problems')}; the file is not in force as it stands"
        )
        for file, count in sorted(facts.problems.items())
    ]


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _span(micros: Micros) -> str:
    for size, word in ((HOUR, "hours"), (MINUTE, "minutes")):
        if micros >= 2 * size:
            return f"{micros // size} {word}"
    return f"{micros // SECOND} seconds"
