"""`consent-sync explain`: why one person is subscribed or not, in plain sentences."""

import asyncio
import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from consent_sync.cli.exits import WRONG_USAGE, CommandError
from consent_sync.cli.output import AS_JSON, moment_of, print_json, say, show_table
from consent_sync.domain.consent import Choice

if TYPE_CHECKING:
    from consent_sync.app.settings import Settings
    from consent_sync.services.lookup import (
        LineView,
        MappingView,
        PersonView,
        SideView,
        TimelineEntry,
    )

_OTHER_LINES = "*"
"""Entries that only say that nothing is new on the other lines; they are left to --json."""

_HOLDS = {
    Choice.GRANTED: "yes",
    Choice.DENIED: "no",
    Choice.NONE: "no choice known",
}


def command(
    person: Annotated[
        str, typer.Argument(help="Didomi's organization user ID, or the unique key in Actito.")
    ],
    mapping: Annotated[str | None, typer.Option(metavar="NAME", help="Only this mapping.")] = None,
    limit: Annotated[
        int, typer.Option(min=1, max=1000, help="How many entries of the timeline.")
    ] = 40,
    as_json: Annotated[bool, AS_JSON] = False,
) -> None:
    """Tell why a person is subscribed or not: both sides, what decided, and what happened."""
    from consent_sync.cli.surroundings import settings_here

    view, entries = asyncio.run(look(settings_here(), person, mapping, limit))
    if as_json:
        print_json({**dataclasses.asdict(view), "timeline": entries})
        return
    _show(view, entries)


async def look(
    settings: "Settings", person: str, mapping: str | None, limit: int
) -> "tuple[PersonView, Sequence[TimelineEntry]]":
    """Return a person's state and timeline, also while a server runs; raise CommandError."""
    from consent_sync.app.policies import rules_of
    from consent_sync.cli.surroundings import mappings_in_force, reader_of
    from consent_sync.services.lookup import Lookup

    reader = reader_of(settings)
    mappings = await mappings_in_force(settings, reader)
    known = sorted(mappings.current())
    if mapping is not None and mapping not in known:
        names = ", ".join(known) or "none"
        raise CommandError(
            f"no mapping in force is named {mapping}; in force: {names}", WRONG_USAGE
        )
    lookup = Lookup(reader, mappings, rules_of(settings))
    view, entries = await lookup.person(person), await lookup.timeline(person, limit)
    if mapping is None:
        return view, entries
    chosen = tuple(one for one in view.mappings if one.mapping == mapping)
    known_there = any(one.known for one in chosen)
    return dataclasses.replace(view, known=known_there, mappings=chosen), [
        entry for entry in entries if entry.mapping == mapping
    ]


def _show(view: "PersonView", entries: "Sequence[TimelineEntry]") -> None:
    if not view.mappings:
        say("No mapping is in force, so nothing can be said about anybody.", "yellow")
        return
    say(view.person, "bold")
    for one in view.mappings:
        say()
        _show_mapping(one)
    if entries:
        say()
        show_timeline(entries)


def _show_mapping(view: "MappingView") -> None:
    say(f"{view.mapping}  ({view.file}, version {view.mapping_version})", "bold")
    if not view.known:
        waits = len(view.waiting)
        say(f"  Nothing is decided yet; {waits} received and waiting." if waits else _NOBODY)
        return
    if view.profile == "missing":
        say("  Actito has no profile for this person.", "yellow")
    if view.user == "missing":
        say("  Didomi does not know this person.", "yellow")
    silent = [line.line for line in view.lines if _nobody_chose(line)]
    for line in view.lines:
        if line.line not in silent:
            show_line(line, view)
    if silent:
        say(f"  {', '.join(silent)}: nobody has made a choice, which is not a refusal")
    if view.waiting:
        numbers = ", ".join(str(one.event) for one in view.waiting)
        say(f"  Not decided yet: event {numbers}.", "yellow")


_NOBODY = "  Nothing was ever received about this person."


def _nobody_chose(line: "LineView") -> bool:
    choices = (line.desired, line.didomi.choice, line.actito.choice)
    return all(choice is Choice.NONE for choice in choices)


def _answer(line: "LineView", view: "MappingView") -> tuple[str, str]:
    """Return how things stand on a line, and its colour; what is only wished for says so."""
    words, colour = {
        Choice.GRANTED: ("subscribed", "green"),
        Choice.DENIED: ("not subscribed", "red"),
        Choice.NONE: ("no choice", "dim"),
    }[line.desired]
    if line.desired is Choice.NONE or line.actito.choice is line.desired:
        return words, colour
    if view.profile == "missing":
        return f"{words} is the wish, but Actito has no profile", "yellow"
    if line.held:
        return f"{words} is the wish, but it is held", "yellow"
    return words, colour


def show_line(line: "LineView", view: "MappingView") -> None:
    """Print how one line of a person stands, and what both sides hold and said."""
    choice, file = line.desired, view.file
    answer = _answer(line, view)
    since = f", {moment_of(line.as_of)}" if line.as_of and choice is not Choice.NONE else ""
    say(f"  {line.line}: {answer[0]}", answer[1])
    say(f"    because: {line.reason}{since}  [{file}:{line.line_number}, {line.sync}]")
    say(f"    Didomi: {_side(line.didomi)}")
    say(f"    Actito: {_side(line.actito)}")
    if line.held:
        say(f"    Held for a person to decide ({line.held}).", "yellow")
    if line.word:
        say(f"    Decided: {line.word}.")


def _side(side: "SideView") -> str:
    words = _HOLDS[side.choice]
    if side.as_of is not None:
        seen = "seen there" if side.confirmed else "written there, not seen yet"
        words += f", {seen} {moment_of(side.as_of)}"
    if side.latest is not None:
        words += f"; last said there: {_HOLDS[side.latest.choice]} ({side.latest.evidence}"
        words += f", {_when(side)})"
    if side.failed is not None:
        words += f"; writing failed: {side.failed}"
    return words


def _when(side: "SideView") -> str:
    said = side.latest
    if said is None:
        return ""
    if said.not_before == said.not_after:
        return moment_of(said.not_after)
    if said.not_before is None:
        return f"at the latest {moment_of(said.not_after)}"
    return f"between {moment_of(said.not_before)} and {moment_of(said.not_after)}"


def show_timeline(
    entries: "Sequence[TimelineEntry]", title: str = "What happened, newest first"
) -> None:
    """Print a timeline, without the entries that only say that nothing is new."""
    show_table(
        ("when (UTC)", "what", "and why"),
        [
            (moment_of(entry.at), entry.kind.value, _told(entry))
            for entry in entries
            if entry.line != _OTHER_LINES
        ],
        styles={"failed": "red", "sent": "green", "confirmed": "green"},
        title=title,
        unbroken=2,
    )


def _told(entry: "TimelineEntry") -> str:
    """Return an entry as `Actito, event 4: refused in Actito (applied)`."""
    choice = "" if entry.choice is None else f" {_HOLDS[entry.choice]}"
    about = [
        "" if entry.side is None else entry.side.capitalize(),
        "" if entry.event is None else f"event {entry.event}",
        "" if entry.line is None else f"{entry.line}{choice}",
    ]
    named = ", ".join(part for part in about if part)
    verdict = "" if entry.verdict is None else f" ({entry.verdict})"
    return f"{named}: {entry.reason}{verdict}" if named else f"{entry.reason}{verdict}"
