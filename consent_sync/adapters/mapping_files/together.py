"""The files of a folder together: what two of them claim is refused in both.

Two files hold no name, and write no subscription, in common; nor does one choice mean yes in one
and no in the other. Each refused file keeps its last good version.
"""

from collections import defaultdict
from collections.abc import Iterator
from collections.abc import Mapping as MappingView
from dataclasses import dataclass
from typing import NamedTuple

from consent_sync.adapters.mapping_files.files import FileReading
from consent_sync.adapters.mapping_files.paths import selector_text
from consent_sync.adapters.mapping_files.problems import WHOLE_FILE, Code, Problem
from consent_sync.domain.consent import Node
from consent_sync.domain.mapping import Line, Mapping, SyncMode

Names = dict[str, set[str]]


class _Table(NamedTuple):
    account: str
    entity: str
    table: str


class _Use(NamedTuple):
    file: str
    line: Line
    table: _Table


@dataclass(slots=True)
class _Claims:
    """Who holds what: names by letter-case-blind spelling, subscriptions, and places in Didomi."""

    names: Names
    subscriptions: defaultdict[tuple[_Table, str], list[_Use]]
    places: defaultdict[tuple[str, str, Node], list[_Use]]


def settle_files(
    files: tuple[FileReading, ...], last_good: MappingView[str, Mapping]
) -> tuple[list[FileReading], dict[str, Mapping], list[Problem]]:
    """Return the files, those refused whose claims clash; what is in force; and warnings.

    A file refused in this way keeps its last good version, whose claims may clash in turn; so it
    goes round until nothing more is refused.
    """
    readings = {one.file: one for one in files}
    while clashing := _clashes(readings, last_good):
        for file, problems in clashing.items():
            for problem in problems:
                readings[file] = readings[file].refused(problem)
    in_force = _usable(readings, last_good)
    claims = _claims(readings, in_force)
    odd = [warning for one in readings.values() for warning in _odd(one, claims)]
    return list(readings.values()), in_force, odd


def _usable(
    readings: MappingView[str, FileReading], last_good: MappingView[str, Mapping]
) -> dict[str, Mapping]:
    found = {file: one.mapping or last_good.get(file) for file, one in readings.items()}
    return {file: mapping for file, mapping in found.items() if mapping is not None}


def _clashes(
    readings: dict[str, FileReading], last_good: MappingView[str, Mapping]
) -> dict[str, list[Problem]]:
    """Return the files with a usable mapping that claims what another file holds, and why."""
    claims = _claims(readings, _usable(readings, last_good))
    found = {
        file: [*_names(one, claims), *_lines(one, claims)]
        for file, one in readings.items()
        if one.mapping is not None
    }
    return {file: problems for file, problems in found.items() if problems}


def _claims(readings: dict[str, FileReading], usable: dict[str, Mapping]) -> _Claims:
    claims = _Claims({}, defaultdict(list), defaultdict(list))
    for file, one in readings.items():
        kept = usable[file].name if file in usable else ""
        for name in {one.name, kept} - {""}:
            # Names that differ in letter case only would be one on many systems.
            claims.names.setdefault(name.casefold(), set()).add(file)
    for file, mapping in usable.items():
        for line in mapping.lines:
            if line.sync is not SyncMode.OFF:
                use = _Use(file, line, _table(mapping))
                claims.subscriptions[use.table, line.id].append(use)
                claims.places[_place(mapping, line)].append(use)
    return claims


def _table(mapping: Mapping) -> _Table:
    return _Table(mapping.account.casefold(), mapping.entity, mapping.table)


def _place(mapping: Mapping, line: Line) -> tuple[str, str, Node]:
    return mapping.account.casefold(), mapping.organization_id, line.node


def _namesakes(one: FileReading, claims: _Claims) -> set[str]:
    return claims.names[one.name.casefold()] - {one.file}


def _names(one: FileReading, claims: _Claims) -> Iterator[Problem]:
    others = sorted(_namesakes(one, claims))
    if others:
        found = f"the name `{one.name}`, which {' and '.join(others)} holds too"
        expected = "a name of its own for each file; none of them is put in force"
        yield Problem(
            Code.DUPLICATE_NAME, one.file, one.name_place, found, expected, text=one.name_line
        )


def _lines(one: FileReading, claims: _Claims) -> Iterator[Problem]:
    # A copy under the same name is one mistake, not one on every line.
    told = _namesakes(one, claims) | {one.file}
    for number, line in _writing(one):
        table = _table(one.mapping) if one.mapping is not None else None
        uses = claims.subscriptions[table, line.id] if table is not None else []
        other = next((use for use in uses if use.file not in told), None)
        if other is not None:
            found = f"the subscription `{line.id}`, which {_at(other)} writes too"
            expected = "each subscription in one file: two would overwrite each other"
            yield _problem(one, Code.DUPLICATE_LINE, ("mappings", number, "id"), found, expected)
        for use in _opposite(one, line, claims):
            if use.table == table and use.file not in told:
                yield _opposite_problem(one, Code.OPPOSITE_LINES, number, line, use)
                break


def _odd(one: FileReading, claims: _Claims) -> Iterator[Problem]:
    """In two tables one choice may mean both; it is odd enough to be told."""
    for number, line in _writing(one):
        table = _table(one.mapping) if one.mapping is not None else None
        for use in _opposite(one, line, claims):
            if use.table != table:
                yield _opposite_problem(one, Code.OPPOSITE_FILES, number, line, use)
                break


def _writing(one: FileReading) -> Iterator[tuple[int, Line]]:
    lines = one.mapping.lines if one.mapping is not None else ()
    yield from ((at, line) for at, line in enumerate(lines) if line.sync is not SyncMode.OFF)


def _opposite(one: FileReading, line: Line, claims: _Claims) -> Iterator[_Use]:
    if one.mapping is not None:
        for use in claims.places[_place(one.mapping, line)]:
            if use.file != one.file and use.line.inverted != line.inverted:
                yield use


def _opposite_problem(
    one: FileReading, code: Code, number: int, line: Line, other: _Use
) -> Problem:
    said, there = (str(each).lower() for each in (line.inverted, other.line.inverted))
    found = f"{selector_text(line.node)} with `inverted: {said}`; {_at(other)} maps it with {there}"
    expected = "one meaning of this choice in all files"
    return _problem(one, code, ("mappings", number, "inverted"), found, expected)


def _problem(
    one: FileReading, code: Code, path: tuple[str | int, ...], found: str, expected: str
) -> Problem:
    if one.say is None:
        return Problem(code, one.file, WHOLE_FILE, found, expected)
    return one.say.at(code, path, found, expected)


def _at(use: _Use) -> str:
    return f"{use.file}:{use.line.line_number}"
