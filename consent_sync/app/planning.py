"""What edited mapping files differ in from the versions in force, mapping by mapping."""

from collections.abc import Mapping as MappingView
from dataclasses import dataclass

from consent_sync.adapters.mapping_files import FolderReading
from consent_sync.app.whatif import Pair
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.versions import Difference, Step, differences


@dataclass(frozen=True, slots=True)
class Change:
    """One mapping: what becomes of it (None: nothing), and what differs."""

    mapping: str
    file: str
    step: Step | None
    old: Mapping | None
    new: Mapping | None
    difference: tuple[Difference, ...]


def changes(
    reading: FolderReading, in_force: MappingView[str, Mapping], *, whole: bool
) -> list[Change]:
    """Return what the files would change, by name; a refused file changes nothing.

    `whole` says that these are all files, so a mapping without a file would end. `in_force` is by
    file.
    """
    before = {one.name: one for one in in_force.values()}
    after = {one.mapping.name: one.mapping for one in reading.files if one.mapping is not None}
    refused = {one.name for one in reading.files if one.mapping is None}
    refused |= {in_force[one.file].name for one in reading.files if one.file in in_force} - {*after}
    ended = set(before) - set(after) - refused if whole and reading.files else set()
    return [
        _change(before.get(name), None if name in ended else after[name])
        for name in sorted({*after, *ended})
    ]


def pairs(found: list[Change]) -> list[Pair]:
    """Return the mappings that would decide otherwise."""
    return [Pair(one.old, one.new) for one in found if one.new is not None and one.difference]


def _change(old: Mapping | None, new: Mapping | None) -> Change:
    difference, there = differences(old, new), new or old
    step = Step.CHANGED if difference else None
    if old is None or new is None:
        step = Step.ADDED if old is None else Step.REMOVED
    return Change(
        there.name if there is not None else "",
        there.file if there is not None else "",
        step,
        old,
        new,
        difference,
    )
