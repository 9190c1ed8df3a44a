"""`consent-sync import`: the hosted connector's configuration becomes a mapping file."""

import asyncio
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NoReturn

import typer

from consent_sync.cli.exits import FOUND_SOMETHING, CommandError
from consent_sync.cli.output import AS_JSON, print_json, say
from consent_sync.domain.inventory import Inventory

if TYPE_CHECKING:
    from consent_sync.adapters.hosted_connector import Configuration, KnownIds
    from consent_sync.adapters.mapping_files import Problem

MOST_BYTES: Final = 5 * 1024 * 1024 + 1


def command(  # noqa: PLR0917 - each is an option of the command
    file: Annotated[Path, typer.Argument(help="The configuration, a JSON file.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file to write; else NAME.yaml here.")
    ] = None,
    name: Annotated[
        str, typer.Option(help="What the mapping is called; else after the profile table.")
    ] = "",
    contact: Annotated[str, typer.Option(help="Who answers for the file.")] = "",
    organization: Annotated[str, typer.Option(help="Didomi's organization ID.")] = "",
    online: Annotated[
        bool, typer.Option("--online/--offline", help="Let Didomi say which readings exist.")
    ] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="Put the two faults of the published example right.")
    ] = False,
    leave_open: Annotated[
        bool, typer.Option("--leave-open", help="Write paths with two readings as remarks.")
    ] = False,
    as_json: Annotated[bool, AS_JSON] = False,
) -> None:
    """Turn the hosted connector's JSON into a mapping file; 1 when something is in the way."""
    from consent_sync.adapters.hosted_connector import mapping_text, read_configuration

    data = _bytes_of(file)
    read = read_configuration(file.name, data, repair=repair)
    if online and read.configuration is not None:
        known = _known_ids(organization or read.configuration.organization_id)
        read = read_configuration(file.name, data, known, repair=repair)
    if read.configuration is None:
        _stop(read.problems, file.parent, as_json=as_json)
    content = replace(
        read.configuration,
        organization_id=organization or read.configuration.organization_id,
    )
    open_lines = [] if leave_open else _ambiguous(file.name, content)
    if open_lines:
        _stop(open_lines, file.parent, as_json=as_json)
    called = name or _name(content.table_name or file.stem)
    text = mapping_text(content, name=called, contact=contact, source=file.name)
    target = output or Path(f"{called}.yaml")
    problems = _written(target, text)
    _tell(target, content, problems, as_json=as_json)


def _bytes_of(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.read(MOST_BYTES)
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}") from None


def _known_ids(organization: str) -> "KnownIds":
    """Ask Didomi which purposes and preferences exist; raise CommandError when it does not say."""
    from consent_sync.adapters.hosted_connector import KnownIds
    from consent_sync.cli.surroundings import inventories_here, settings_here

    if not organization:
        raise CommandError("--online needs --organization: the configuration does not name it")
    settings = settings_here()

    async def ask() -> Inventory:
        async with inventories_here(settings) as platforms:
            return await platforms.of_organization(organization)

    found = asyncio.run(ask())
    for _, why in found.unasked:
        raise CommandError(f"Didomi could not be asked: {why}")
    preferences = None if found.preferences is None else frozenset(found.preferences)
    return KnownIds(found.purposes or None, preferences or None)


def _name(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-").lower()[:64] or "imported"


def _ambiguous(file: str, content: "Configuration") -> "list[Problem]":
    from consent_sync.adapters.mapping_files import Code, Problem
    from consent_sync.adapters.mapping_files.scalars import selector

    return [
        Problem(
            Code.AMBIGUOUS_PATH,
            file,
            line.place,
            f"the path `{line.path}` of `{line.id}`, which can mean "
            + " or ".join(selector(node) for node in line.nodes),
            "one reading; `--online` asks Didomi which ids exist, `--leave-open` writes all of "
            "them as remarks to choose from",
        )
        for line in content.lines
        if len(line.nodes) > 1
    ]


def _written(target: Path, text: str) -> "tuple[Problem, ...]":
    """Write the file, never over another one; return what is still wrong with it as a mapping."""
    from consent_sync.adapters.mapping_files import read_mapping
    from consent_sync.cli.validate import mappings_path

    if target.parent.resolve() == mappings_path(None).resolve():
        raise CommandError(
            f"{target} would count at once, because a running service watches that folder; "
            "`--output` names a file elsewhere, to be read first and moved then"
        )
    try:
        with target.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        raise CommandError(f"{target} is there already; `--output` names another file") from None
    except OSError as error:
        raise CommandError(f"{target} cannot be written: {error.strerror}") from None
    return read_mapping(target.name, text.encode()).problems


def _stop(
    problems: "tuple[Problem, ...] | list[Problem]", folder: Path, *, as_json: bool
) -> NoReturn:
    from consent_sync.cli.validate import plain_problem, show_problem

    if as_json:
        print_json({"file": None, "problems": [plain_problem(one) for one in problems]})
    else:
        for one in problems:
            show_problem(one, folder)
        say("nothing was written", "red")
    raise typer.Exit(FOUND_SOMETHING)


def _variables(content: "Configuration") -> dict[str, str]:
    """Return the variables to set, and where each value is found; never a value."""
    secret = content.secrets[0] if content.secrets else "the API key of Actito"
    return {
        "CONSENT_SYNC_ACTITO_API_KEY": secret,
        "CONSENT_SYNC_ACTITO_API_URL": "the address of Actito's API for your licence",
        "CONSENT_SYNC_DIDOMI_API_KEY": "a private API key, made in Didomi's console",
        "CONSENT_SYNC_DIDOMI_API_SECRET": "its secret",
    }


def _tell(
    target: Path,
    content: "Configuration",
    problems: "tuple[Problem, ...]",
    *,
    as_json: bool,
) -> None:
    from consent_sync.cli.validate import plain_problem, show_problem

    variables = _variables(content)
    if as_json:
        print_json(
            {
                "file": str(target),
                "variables": variables,
                "left_out": content.left_out,
                "problems": [plain_problem(one) for one in problems],
            }
        )
        return
    say(f"written: {target}", "green")
    for sentence in content.left_out:
        say(f"not carried over: {sentence}")
    say("to set, outside of this file:")
    for variable, origin in variables.items():
        say(f"  {variable:<34} {origin}")
    if problems:
        say("to do in the file before it can be used:")
    for one in problems:
        show_problem(one, target.parent)
