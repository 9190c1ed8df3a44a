"""How the mapping files stand: which version is in force, and whether the files say the same."""

from collections.abc import Iterable
from collections.abc import Mapping as MappingView
from dataclasses import dataclass
from pathlib import Path

from consent_sync.adapters.mapping_files import MappingFolder, Problem, read_folder
from consent_sync.app.activation import tried
from consent_sync.app.trials import TrialGate
from consent_sync.domain.mapping import Mapping


@dataclass(frozen=True, slots=True)
class MappingStanding:
    """One mapping in force; `current` is false while its file says something else, or is refused."""

    mapping: str
    file: str
    version: str
    current: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """All mappings in force, and what is wrong with the files, one sentence each."""

    in_force: tuple[MappingStanding, ...] = ()
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def standing_of(folder: MappingFolder) -> Standing:
    """Return how a watched folder stood at the last look; no I/O."""
    kept = folder.kept()
    return _standing(folder.current().values(), kept, folder.problems(), folder.warnings())


def standing_in(path: Path, last_good: MappingView[str, Mapping], gate: TrialGate) -> Standing:
    """Return how a folder stands beside what is in force, by file; touches the disk.

    Runs the tests beside the files, in an event loop of its own.
    """
    reading = tried(read_folder(path, last_good), path, last_good, gate)
    found = {one.file: one.mapping for one in reading.files}
    kept = [one.name for file, one in last_good.items() if not _same(found.get(file), one)]
    return _standing(last_good.values(), kept, reading.problems, reading.warnings)


def _standing(
    in_force: Iterable[Mapping],
    kept: Iterable[str],
    problems: Iterable[Problem],
    warnings: Iterable[Problem],
) -> Standing:
    earlier = set(kept)
    return Standing(
        tuple(
            MappingStanding(one.name, one.file, one.version, one.name not in earlier)
            for one in sorted(in_force, key=lambda one: one.name)
        ),
        tuple(str(problem) for problem in problems),
        tuple(str(warning) for warning in warnings),
    )


def _same(found: Mapping | None, in_force: Mapping) -> bool:
    return found is not None and (found.name, found.version) == (in_force.name, in_force.version)
