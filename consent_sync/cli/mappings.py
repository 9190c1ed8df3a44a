"""`consent-sync mappings`: which versions of the mapping files were in force, and what differs."""

import asyncio
import dataclasses
import difflib
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from consent_sync.cli.exits import FOUND_SOMETHING, CommandError
from consent_sync.cli.output import AS_JSON, moment, print_json, printable, say, show_table
from consent_sync.domain.versions import Difference, Step, differences

if TYPE_CHECKING:
    from consent_sync.ports.versions import MappingVersion, VersionHistory

app = typer.Typer(no_args_is_help=True, help="The history of the mapping files.")

_NAME = typer.Argument(metavar="NAME", help="The name of a mapping.")
_MARKS = {Step.ADDED: "+", Step.CHANGED: "~", Step.REMOVED: "-"}
_STYLES = {Step.ADDED: "green", Step.CHANGED: "yellow", Step.REMOVED: "red"}


@app.command("log")
def log(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only this mapping.")] = None,
    before: Annotated[
        int | None, typer.Option(metavar="N", help="Only numbers below: the next page.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 50,
    as_json: Annotated[bool, AS_JSON] = False,
) -> None:
    """List the versions that were in force, newest first."""
    found = asyncio.run(_history().versions(name, before=before, limit=limit))
    if as_json:
        print_json([_plain(one) for one in found])
        return
    show_table(
        ("number", "since (UTC)", "mapping", "version", "file", "what"),
        [
            (
                str(one.number),
                moment(one.at),
                one.mapping,
                one.version or "-",
                one.file,
                _in_short(one),
            )
            for one in found
        ],
        unbroken=4,
    )


@app.command("show")
def show(
    name: Annotated[str, _NAME],
    version: Annotated[
        str | None,
        typer.Argument(metavar="[VERSION]", help="A version or its number; else that in force."),
    ] = None,
    as_json: Annotated[bool, AS_JSON] = False,
) -> None:
    """Print a version of a mapping file as it stood."""
    found = asyncio.run(_find(_history(), name, version))
    if as_json:
        print_json(_plain(found) | {"text": found.text.decode("utf-8", "replace")})
    elif sys.stdout.isatty():
        say(found.text.decode("utf-8", "replace"))
    else:
        # Into a file or a pipe to the byte, so that it can be put back as it was.
        typer.echo(found.text, nl=False)


@app.command("diff")
def diff(
    name: Annotated[str, _NAME],
    old: Annotated[
        str | None,
        typer.Argument(metavar="[OLD]", help="A version or its number; else the one before NEW."),
    ] = None,
    new: Annotated[
        str | None,
        typer.Argument(metavar="[NEW]", help="A version or its number; else that in force."),
    ] = None,
    as_json: Annotated[bool, AS_JSON] = False,
) -> None:
    """Print what differs between two versions, in what they do and in their texts."""
    earlier, later = asyncio.run(_pair(name, old, new))
    found = differences(earlier.content if earlier else None, later.content)
    if as_json:
        print_json(
            {
                "mapping": name,
                "old": _plain(earlier) if earlier else None,
                "new": _plain(later),
                "difference": [dataclasses.asdict(one) for one in found],
            }
        )
        return
    was = f"{earlier.version} ({moment(earlier.at)})" if earlier else "nothing"
    say(f"{name}: from {was} to {later.version} ({moment(later.at)})")
    show_differences(found)
    say()
    for line in _unified(earlier, later):
        say(line, "green" if line.startswith("+") else "red" if line.startswith("-") else "")


def show_differences(found: Sequence[Difference]) -> None:
    """Print lines and keys that differ, one each."""
    if not found:
        say("  no line and no key says anything else")
    for one in found:
        mark, style = _MARKS[one.step], _STYLES[one.step]
        what = f"line {one.name}" if one.is_line else one.name
        if one.step is Step.CHANGED:
            say(f"  {mark} {what}: {one.before} -> {one.after}", style)
        else:
            say(f"  {mark} {what}: {one.after or one.before}", style)


def _history() -> "VersionHistory":
    from consent_sync.cli.surroundings import reader_of, settings_here

    return reader_of(settings_here())


async def _pair(
    name: str, old: str | None, new: str | None
) -> "tuple[MappingVersion | None, MappingVersion]":
    history = _history()
    later = await _find(history, name, new)
    if old is not None:
        return await _find(history, name, old), later
    before = await history.versions(name, before=later.number, limit=1)
    if not before or before[0].content is None:
        return None, later
    return await history.version_by_number(before[0].number), later


async def _find(history: "VersionHistory", name: str, version: str | None) -> "MappingVersion":
    if version is None:
        found = [one for one in await history.versions_in_force() if one.mapping == name]
        if not found:
            raise CommandError(
                f"no mapping named {name} is in force; `consent-sync mappings log` shows the history"
            )
        return found[0]
    # A hash has twelve digits, and nobody has so many versions.
    if version.isascii() and version.isdigit() and len(version) < 12:
        one = await history.version_by_number(int(version))
    else:
        one = await history.version(name, version)
    if one is None or one.mapping != name or one.content is None:
        raise CommandError(
            f"mapping {name} has no version {version}; `consent-sync mappings log {name}` lists them",
            FOUND_SOMETHING,
        )
    return one


def _in_short(one: "MappingVersion") -> str:
    if one.content is None:
        return "ended"
    if not one.difference:
        return "its file has another name, or lines moved"
    lines = [found.step for found in one.difference if found.is_line]
    counts = " ".join(f"{_MARKS[step]}{lines.count(step)}" for step in Step if step in lines)
    keys = ", ".join(found.name for found in one.difference if not found.is_line)
    parts = [f"lines {counts}" if counts else "", keys if len(keys) < 60 else "many keys"]
    return "; ".join(part for part in parts if part)


def _plain(one: "MappingVersion") -> dict[str, object]:
    from consent_sync.services.lookup import iso

    return {
        "number": one.number,
        "at": iso(one.at),
        "mapping": one.mapping,
        "version": one.version or None,
        "file": one.file,
        "difference": [dataclasses.asdict(found) for found in one.difference],
    }


def _unified(earlier: "MappingVersion | None", later: "MappingVersion") -> list[str]:
    before = earlier.text.decode("utf-8", "replace") if earlier else ""
    after = later.text.decode("utf-8", "replace")
    names = (earlier.file if earlier else "nothing", later.file)
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), *names, lineterm="", n=2)
    return [printable(line) for line in lines]
