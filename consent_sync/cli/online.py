"""What the live platforms say about valid mapping files, each thing with its place in its file."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace

from consent_sync.adapters.mapping_files import Code, FileReading, FolderReading, Problem
from consent_sync.adapters.mapping_files.problems import WHOLE_FILE, in_order, nearest_word
from consent_sync.domain.inventory import Inventory, lacks
from consent_sync.domain.mapping import Mapping

Path = tuple[str | int, ...]


def asked(reading: FolderReading) -> FolderReading:
    """Return the reading with what both platforms say about it; raises SettingsError."""
    from consent_sync.cli.surroundings import inventories_here, settings_here

    settings = settings_here()
    mappings = [one.mapping for one in reading.files if one.mapping is not None]

    async def ask() -> dict[str, Inventory]:
        async with inventories_here(settings) as platforms:
            return await platforms.of_all(mappings)

    return judged(reading, asyncio.run(ask()))


def judged(reading: FolderReading, found: dict[str, Inventory]) -> FolderReading:
    """Return the reading with everything that does not fit what exists, by name of the mapping."""
    told = [
        problem
        for one in reading.files
        if one.mapping is not None and one.mapping.name in found
        for problem in _problems(one, one.mapping, found[one.mapping.name])
    ]
    return replace(
        reading,
        problems=in_order([*reading.problems, *(one for one in told if not one.warning)]),
        warnings=in_order([*reading.warnings, *(one for one in told if one.warning)]),
    )


def _problems(one: FileReading, mapping: Mapping, found: Inventory) -> Iterator[Problem]:
    for side, why in found.unasked:
        where = "actito" if side.value == "actito" else "didomi"
        words = f"that {side.value.capitalize()} could not be asked: {why}"
        yield _said(one, Code.NOT_ASKED, (where,), words, "an answer; nothing there was checked")
    yield from _actito(one, mapping, found)
    yield from _didomi(one, mapping, found)
    for number, line in enumerate(mapping.lines):
        for lack in lacks(line, found):
            here: Path = ("mappings", number)
            code = Code.NO_SUBSCRIPTION if lack.part == "id" else Code.NO_PLACE
            path = (*here, "id") if lack.part == "id" else (*here, "value", lack.part)
            nearest = nearest_word(lack.name, lack.known)
            yield _said(one, code, path, lack.words, "one that exists there", nearest)


def _actito(one: FileReading, mapping: Mapping, found: Inventory) -> Iterator[Problem]:
    if found.tables is None:
        return
    if found.table is None:
        words = f"the profile table `{mapping.table}`, which {mapping.entity} does not have"
        known = sorted(found.tables)
        expected = f"one of {', '.join(known)}" if known else "a profile table of the entity"
        nearest = nearest_word(mapping.table, known)
        yield _said(one, Code.NO_TABLE, ("actito", "table_name"), words, expected, nearest)
        return
    attributes = found.table.attributes
    key = mapping.key_attribute
    path: Path = ("actito", "user_unique_key")
    if key not in attributes:
        words = f"the attribute `{key}`, which the table does not have"
        nearest = nearest_word(key, attributes)
        yield _said(one, Code.KEY_ATTRIBUTE, path, words, "a unique attribute of it", nearest)
    elif not attributes[key].unique:
        words = f"the attribute `{key}`, which is not unique in Actito"
        yield _said(
            one, Code.KEY_ATTRIBUTE, path, words, "a unique one; else one person is several"
        )
    for name, attribute in mapping.attributes.rename.items():
        if attribute not in attributes:
            words = f"the attribute `{attribute}`, which the table does not have"
            nearest = nearest_word(attribute, attributes)
            path = ("attributes", "rename", name)
            expected = "an attribute of it; else the value is left out"
            yield _said(one, Code.NO_ATTRIBUTE, path, words, expected, nearest)
    if found.table.subscriptions is None:
        words = "subscriptions that Actito does not list"
        yield _said(one, Code.NOT_LISTED, ("mappings",), words, "a look of your own in Actito")


def _didomi(one: FileReading, mapping: Mapping, found: Inventory) -> Iterator[Problem]:
    if any(side.value == "didomi" for side, _ in found.unasked):
        return
    lists: Sequence[tuple[str, object]] = (
        ("purposes", found.purposes),
        ("preferences", found.preferences),
        ("regulations", found.regulations),
    )
    for what, listed in lists:
        if not listed:
            words = f"{what} that Didomi does not list to this key"
            yield _said(one, Code.NOT_LISTED, ("didomi",), words, "a look of your own in Didomi")
    for number, regulation in enumerate(mapping.regulations):
        if found.regulations and regulation not in found.regulations:
            words = f"the regulation `{regulation}`, which Didomi does not list"
            nearest = nearest_word(regulation, found.regulations)
            path = ("didomi", "regulations", number)
            expected = f"one of {', '.join(sorted(found.regulations))}"
            yield _said(one, Code.NO_REGULATION, path, words, expected, nearest)


def _said(
    one: FileReading, code: Code, path: Path, found: str, expected: str, nearest: str = ""
) -> Problem:
    if one.say is None:
        return Problem(code, one.file, WHOLE_FILE, found, expected, nearest)
    return one.say.at(code, path, found, expected, nearest)
