"""No two files hold one name: what is refused for it, and what is in force all the same."""

from collections.abc import Mapping as MappingView

from consent_sync.adapters.mapping_files.files import FileReading
from consent_sync.adapters.mapping_files.problems import Code, Problem
from consent_sync.domain.mapping import Mapping


def settle_names(
    files: tuple[FileReading, ...], last_good: MappingView[str, Mapping]
) -> tuple[list[FileReading], dict[str, Mapping]]:
    """Return the files, those refused whose name another file holds too, and what is in force.

    A file refused in this way keeps its last good version, whose name may clash in turn; so it
    goes round until nothing more is refused.
    """
    readings = {one.file: one for one in files}
    while clashing := _clashes(readings, last_good):
        for file, others in clashing.items():
            readings[file] = readings[file].refused(_name_clash(readings[file], others))
    in_force = {}
    for file, one in readings.items():
        mapping = one.mapping or last_good.get(file)
        if mapping is not None:
            in_force[file] = mapping
    return list(readings.values()), in_force


def _clashes(
    readings: dict[str, FileReading], last_good: MappingView[str, Mapping]
) -> dict[str, list[str]]:
    """Return the files with a usable mapping whose name is held elsewhere, and by which files."""
    holders: dict[str, set[str]] = {}
    for file, one in readings.items():
        kept = last_good.get(file) if one.mapping is None else None
        for name in {one.name, kept.name if kept is not None else ""} - {""}:
            # Names that differ in letter case only would be one on many systems.
            holders.setdefault(name.casefold(), set()).add(file)
    return {
        file: sorted(holders[one.name.casefold()] - {file})
        for file, one in readings.items()
        if one.mapping is not None and len(holders[one.name.casefold()]) > 1
    }


def _name_clash(one: FileReading, others: list[str]) -> Problem:
    found = f"the name `{one.name}`, which {' and '.join(others)} holds too"
    expected = "a name of its own for each file; none of them is put in force"
    code = Code.DUPLICATE_NAME
    return Problem(code, one.file, one.name_place, found, expected, text=one.name_line)
