"""`consent-sync recover`: what Didomi tried to tell while nobody listened."""

import asyncio
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from consent_sync.cli.exits import WRONG_USAGE, CommandError
from consent_sync.cli.output import AS_JSON, counted, moment, print_json, say
from consent_sync.cli.progress import ProgressLine
from consent_sync.domain.moments import HOUR, MINUTE, SECOND, Micros

if TYPE_CHECKING:
    from consent_sync.ports.door import Door
    from consent_sync.services.recovery import Recovered

_SPANS = {"m": MINUTE, "h": HOUR, "d": 24 * HOUR}


def command(
    since: Annotated[
        str,
        typer.Option(metavar="WHEN", help="A moment such as 2026-03-01T10:00:00Z, or 90m, 6h, 2d."),
    ],
    mapping: Annotated[str | None, typer.Option(metavar="NAME", help="Only this mapping.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Take them in.")] = False,
    as_json: Annotated[bool, AS_JSON] = False,
) -> None:
    """Pull Didomi's events that came while nobody listened, in order and without duplicates."""
    start, done = asyncio.run(_recover(since, mapping, yes=yes))
    if as_json:
        from consent_sync.services.lookup import iso

        counts = {"users": done.users, "changed": done.changed, "missed": done.missed}
        print_json({"since": iso(start), **counts, "taken": done.taken if yes else None})
        return
    say(
        f"since {moment(start)} UTC: {counted(done.users, 'user')} listed, {done.changed} changed, "
        f"{counted(done.missed, 'event')} missed"
    )
    if yes:
        say(f"{counted(done.taken, 'event')} taken in.")
    else:
        say("Nothing was done. Say --yes to take them in.")


def moment_from(text: str, now: Micros) -> Micros:
    """Return the moment that a person means; raises CommandError."""
    span = re.fullmatch(r"(\d{1,6})([mhd])", text.strip())
    if span:
        return now - int(span[1]) * _SPANS[span[2]]
    try:
        told = datetime.fromisoformat(text.strip())
    except ValueError:
        raise CommandError(
            f"`{text}` is no moment; expected 2026-03-01T10:00:00Z, or a span such as 90m, 6h, 2d",
            WRONG_USAGE,
        ) from None
    if told.tzinfo is None:
        raise CommandError(f"`{text}` has no time zone; end it with Z for UTC", WRONG_USAGE)
    found = round(told.astimezone(UTC).timestamp() * SECOND)
    if found > now:
        raise CommandError(f"`{text}` is in the future", WRONG_USAGE)
    return found


async def _recover(since: str, name: str | None, *, yes: bool) -> "tuple[Micros, Recovered]":
    import aiohttp

    from consent_sync.adapters.clock import SystemClock
    from consent_sync.app.bootstrap import platforms, recovery_of
    from consent_sync.cli.doors import door_of
    from consent_sync.cli.surroundings import chosen_mappings, reader_of, settings_here

    clock = SystemClock()
    start = moment_from(since, clock.now())
    settings = settings_here()
    reader = reader_of(settings)
    mappings = await chosen_mappings(settings, reader, name)
    line = ProgressLine(clock)

    async def show(done: "Recovered") -> None:
        line.show(f"{done.users} users listed, {done.missed} events missed")

    async def pull(door: "Door | None") -> "Recovered":
        recovery = recovery_of(settings, didomi, reader, clock, door, show)
        try:
            return await recovery.run(mappings, start)
        finally:
            line.end()

    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        _, didomi = platforms(settings, session, clock)
        if not yes:
            return start, await pull(None)
        async with door_of(settings, mappings, session) as door:
            return start, await pull(door)
