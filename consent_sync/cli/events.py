"""`consent-sync events`: what was received, accepted or refused, and taking it once more."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from consent_sync.cli.exits import FOUND_SOMETHING, CommandError
from consent_sync.cli.output import (
    AS_JSON,
    counted,
    moment,
    print_json,
    printable,
    say,
    show_table,
)
from consent_sync.domain.erasure import ERASED, EXPIRED
from consent_sync.domain.errors import AbsentError, RefusedError
from consent_sync.domain.identity import Side
from consent_sync.services.lookup import iso

if TYPE_CHECKING:
    from consent_sync.ports.store import StoredEvent
    from consent_sync.services.replay import Preview

app = typer.Typer(no_args_is_help=True, help="What was received: list, show and replay it.")


@app.command("list")
def list_events(
    refused: Annotated[
        bool, typer.Option("--refused", help="Refused requests instead of accepted events.")
    ] = False,
    side: Annotated[Side | None, typer.Option(help="Only what this side sent.")] = None,
    before: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Only numbers below this one.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 50,
    as_json: Annotated[bool, AS_JSON] = False,
) -> None:
    """List events, newest first, without what they say."""
    from consent_sync.cli.surroundings import reader_of, settings_here

    reader = reader_of(settings_here())
    found = asyncio.run(reader.events(refused=refused, before=before, limit=limit, source=side))
    if as_json:
        print_json([_plain(event) for event in found])
        return
    if not found:
        say("There is none.")
        return
    ending = ("status", "problem") if refused else ("type", "state")
    show_table(
        ("number", "received (UTC)", "side", "mapping", *ending),
        [
            (
                str(event.id),
                moment(event.received_at),
                event.source.value,
                event.mapping or "-",
                *_ending(event),
            )
            for event in found
        ],
        styles={"waiting": "yellow"},
    )


@app.command("show")
def show(
    number: Annotated[int, typer.Argument(min=1, help="The number of the event.")],
    as_json: Annotated[bool, AS_JSON] = False,
) -> None:
    """Print one event with its body, which may name a person."""
    from consent_sync.cli.surroundings import reader_of, settings_here

    event = asyncio.run(reader_of(settings_here()).event(number))
    if event is None:
        raise CommandError(f"there is no event number {number}; `events list` shows the numbers")
    if as_json:
        print_json({**_plain(event), "body": _body(event.body)})
        return
    for name, value in _plain(event).items():
        say(f"{name:<12} {_shown(value)}")
    say()
    say(_pretty(event.body))


@app.command("replay")
def replay(
    numbers: Annotated[list[int], typer.Argument(min=1, help="The numbers of the events.")],
    mapping: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Whose a Didomi event is, where the mappings belong to several accounts.",
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it, after the counts.")] = False,
    as_json: Annotated[bool, AS_JSON] = False,
) -> None:
    """Take stored events once more; shows counts and does nothing without --yes.

    An accepted event is queued again for its persons. A refused request is read again and, when
    it is understood by now, accepted. The exit code is 1 when one of them cannot be taken.
    """
    from consent_sync.cli.replaying import replay_all

    found = asyncio.run(_previews(numbers, mapping))
    troubles = {number: one for number, one in found.items() if isinstance(one, str)}
    possible = {number: one for number, one in found.items() if not isinstance(one, str)}
    done: list[dict[str, object]] = []
    if yes and possible:
        from consent_sync.cli.surroundings import settings_here

        done, late = asyncio.run(replay_all(settings_here(), list(possible), mapping))
        troubles |= late
    if as_json:
        print_json(
            {
                "planned": list(possible.values()),
                "replayed": done,
                "troubles": [{"number": n, "why": why} for n, why in troubles.items()],
            }
        )
    else:
        _show_counts(list(possible.values()), troubles, done, yes=yes)
    if troubles:
        raise typer.Exit(FOUND_SOMETHING)


async def _previews(numbers: Sequence[int], mapping: str | None) -> "dict[int, Preview | str]":
    from consent_sync.app.bootstrap import replay_look
    from consent_sync.cli.surroundings import mappings_in_force, reader_of, settings_here

    settings = settings_here()
    reader = reader_of(settings)
    look = replay_look(settings, reader, await mappings_in_force(settings, reader))
    found: dict[int, Preview | str] = {}
    for number in dict.fromkeys(numbers):
        try:
            found[number] = await look.preview(number, mapping)
        except (AbsentError, RefusedError) as error:
            found[number] = str(error)
    return found


def _show_counts(
    planned: "Sequence[Preview]",
    troubles: dict[int, str],
    done: Sequence[dict[str, object]],
    *,
    yes: bool,
) -> None:
    if planned:
        show_table(
            ("number", "side", "was", "events in it", "persons"),
            [
                (
                    str(one.number),
                    one.source.value,
                    "refused" if one.refused else "accepted",
                    str(one.events),
                    str(one.persons),
                )
                for one in planned
            ],
        )
    for number, why in troubles.items():
        say(f"{number}: cannot be taken: {why}", "red")
    if done:
        accepted = sum(int(str(one["accepted"])) for one in done)
        duplicates = sum(int(str(one["duplicates"])) for one in done)
        say(f"{counted(accepted, 'event')} taken once more, {counted(duplicates, 'duplicate')}.")
    elif planned and not yes:
        say("Nothing was done. Say --yes to do it.", "yellow")


def _ending(event: "StoredEvent") -> tuple[str, str]:
    if event.status:
        return str(event.status), event.problem
    if event.problem in (ERASED, EXPIRED):
        return event.type, event.problem
    return event.type, "waiting" if event.waiting else "taken"


def _plain(event: "StoredEvent") -> dict[str, object]:
    return {
        "number": event.id,
        "received_at": iso(event.received_at),
        "side": event.source.value,
        "mapping": event.mapping or None,
        "type": event.type or None,
        "status": event.status or None,
        "problem": event.problem or None,
        "waiting": event.waiting,
    }


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None else str(value)


def _body(body: bytes) -> Any:
    """Return the body as JSON values, as text where it is none."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return body.decode("utf-8", "replace")


def _pretty(body: bytes) -> str:
    value = _body(body)
    if isinstance(value, str):
        return printable(value)
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
