"""`consent-sync discover`: what exists on a platform and in no mapping, and what has vanished."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from consent_sync.adapters.mapping_files.problems import nearest_word
from consent_sync.cli.exits import FOUND_SOMETHING, WRONG_CONFIGURATION, CommandError
from consent_sync.cli.output import AS_JSON, counted, moment, print_json, say
from consent_sync.domain.inventory import Inventory, Lack, Newcomers, lacks, newcomers
from consent_sync.domain.mapping import Line, Mapping

if TYPE_CHECKING:
    from consent_sync.adapters.mapping_files import FolderReading


class Found(NamedTuple):
    """What one mapping file looks like beside the platforms."""

    mapping: Mapping
    inventory: Inventory
    vanished: tuple[tuple[Line, Lack], ...]
    new: Newcomers


def command(
    write: Annotated[
        bool, typer.Option("--write", help="Put the stubs into the files, as remarks.")
    ] = False,
    as_json: Annotated[bool, AS_JSON] = False,
) -> None:
    """Compare the mapping files with both platforms; 1 when something is new or has vanished."""
    from consent_sync.cli.surroundings import settings_here
    from consent_sync.cli.validate import check

    folder = settings_here().mappings_dir
    reading = check(folder)
    found = asyncio.run(_look(reading))
    written = [one.mapping.file for one in found if write and _write(folder, one)]
    if as_json:
        print_json({"mappings": [_plain(one) for one in found], "written": written})
    else:
        for one in found:
            _show(one)
        for file in written:
            say(f"written: {folder / file}", "green")
        if reading.problems:
            say(f"{counted(len(reading.problems), 'problem')} in the files; see `validate`", "red")
    if reading.problems:
        raise typer.Exit(WRONG_CONFIGURATION)
    if any(one.vanished or one.new or one.inventory.unasked for one in found):
        raise typer.Exit(FOUND_SOMETHING)


async def _look(reading: "FolderReading") -> list[Found]:
    from consent_sync.cli.surroundings import inventories_here, settings_here

    mappings = [one.mapping for one in reading.files if one.mapping is not None]
    async with inventories_here(settings_here()) as platforms:
        inventories = await platforms.of_all(mappings)
    new = newcomers(mappings, inventories)
    return [_found(one, inventories[one.name], new[one.name]) for one in mappings]


def _found(mapping: Mapping, inventory: Inventory, new: Newcomers) -> Found:
    vanished = tuple((line, lack) for line in mapping.lines for lack in lacks(line, inventory))
    return Found(mapping, inventory, vanished, new)


def _write(folder: Path, one: Found) -> bool:
    from consent_sync.adapters.clock import SystemClock
    from consent_sync.adapters.mapping_files.stubs import write_stubs

    if not one.new:
        return False
    day = moment(SystemClock().now())[:10]
    try:
        return write_stubs(folder / one.mapping.file, one.new, day=day)
    except OSError as error:
        raise CommandError(f"{folder / one.mapping.file}: {error.strerror}") from None


def _show(one: Found) -> None:
    from consent_sync.adapters.mapping_files.stubs import stubs

    mapping = one.mapping
    say(f"{mapping.name} ({mapping.file})", "bold")
    for side, why in one.inventory.unasked:
        say(f"  {side.value.capitalize()} could not be asked: {why}", "red")
    for line, lack in one.vanished:
        nearest = nearest_word(lack.name, lack.known)
        hint = f"; did you mean {nearest}?" if nearest else ""
        say(f"  {mapping.file}:{line.line_number}: {line.id}: {lack.words}{hint}", "red")
    if not one.new:
        say("  nothing new")
        return
    say("  in no mapping yet; to take one in, fill it in and put it below `mappings`:")
    for stub in stubs(one.new):
        for text in stub:
            say(f"    {text}", "green")


def _plain(one: Found) -> dict[str, object]:
    from consent_sync.adapters.mapping_files.stubs import stubs

    return {
        "mapping": one.mapping.name,
        "file": one.mapping.file,
        "vanished": [
            {
                "line": line.line_number,
                "id": line.id,
                "side": lack.side.value,
                "part": lack.part,
                "name": lack.name,
                "nearest": nearest_word(lack.name, lack.known) or None,
            }
            for line, lack in one.vanished
        ],
        "new_subscriptions": one.new.subscriptions,
        "new_places": [
            {part: word for part, word in node._asdict().items() if word} for node in one.new.places
        ],
        "stubs": ["\n".join(stub) for stub in stubs(one.new)],
        "unasked": {side.value: why for side, why in one.inventory.unasked},
    }
