"""`consent-sync status`: how things stand, in counts and ages."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from consent_sync.cli.exits import FOUND_SOMETHING, WRONG_CONFIGURATION
from consent_sync.cli.output import AS_JSON, counted, moment, moment_of, print_json, say, show_table
from consent_sync.domain.identity import Side
from consent_sync.domain.moments import SECOND, Micros

if TYPE_CHECKING:
    from consent_sync.app.settings import Settings
    from consent_sync.app.standing import Standing
    from consent_sync.ports.store import StoreStatus


def command(as_json: Annotated[bool, AS_JSON] = False) -> None:
    """Print how things stand; the exit code is 1 when something needs a person, 78 for a bad file."""
    from consent_sync.adapters.clock import SystemClock
    from consent_sync.app.accounts import calls_a_minute
    from consent_sync.cli.surroundings import settings_here
    from consent_sync.web.api import status_view

    settings, now = settings_here(), SystemClock().now()
    status, mappings, still = asyncio.run(_look(settings))
    # What a turn costs is known to the service alone: here each is reckoned with one call.
    pace = calls_a_minute(settings)
    backlog = status.waiting_turns * 60 / pace if pace else None
    if as_json:
        print_json(status_view(status, now, mappings, backlog, still))
    else:
        _show(status, now, backlog)
        _show_still(still)
        _show_mappings(mappings)
    if mappings.problems:
        raise typer.Exit(WRONG_CONFIGURATION)
    if status.failed or status.held or still["paused"] or still["not_called"]:
        raise typer.Exit(FOUND_SOMETHING)


async def _look(settings: "Settings") -> "tuple[StoreStatus, Standing, dict[str, Any]]":
    from consent_sync.app.activation import last_good
    from consent_sync.app.policies import rules_of
    from consent_sync.app.standing import standing_in
    from consent_sync.app.trials import TrialGate
    from consent_sync.cli.replaying import served_status
    from consent_sync.cli.surroundings import reader_of
    from consent_sync.services.alerting import raised_alerts
    from consent_sync.services.pauses import NOTICE, pauses_in
    from consent_sync.web.alerts import alerts_view
    from consent_sync.web.standstill import still_view

    reader = reader_of(settings)
    gate, in_force = TrialGate(rules_of(settings)), await last_good(reader)
    standing = await asyncio.to_thread(standing_in, settings.mappings_dir, in_force, gate)
    still = still_view(pauses_in((await reader.notice(NOTICE)).body), None, None)
    # Only the server itself knows what it does not call, and which lines rest.
    served = await served_status(settings)
    still |= {name: served.get(name) for name in ("not_called", "resting_lines")}
    still["alerts"] = alerts_view(await raised_alerts(reader))
    return await reader.status(), standing, still


def _show_still(still: "dict[str, Any]") -> None:
    for one in still["alerts"]:
        about = "" if one["about"] is None else f" ({one['about']})"
        since = f"since {moment_of(one['since'])}"
        say(f"alert {one['alert']}{about} {since}: {one['detail']}", "red")
    for one in still["paused"]:
        where = "" if one["mapping"] is None else f" for mapping {one['mapping']}"
        since = f"since {moment_of(one['since'])} by {one['by']}; refusals wait, too"
        say(f"writing to {one['to'].capitalize()} is paused{where} {since}", "red")
    for one in still["not_called"] or ():
        where = "" if one["mapping"] is None else f" for mapping {one['mapping']}"
        what = "is not written to" if one["writes_only"] else "is not called"
        since = f"since {moment_of(one['since'])}"
        say(f"{one['side'].capitalize()} {what}{where} {since}: {one['why']}", "red")
    for mapping, number in (still["resting_lines"] or {}).items():
        say(f"{counted(number, 'line')} of mapping {mapping} resting: a name vanished", "yellow")


def _show(status: "StoreStatus", now: Micros, backlog: float | None) -> None:
    show_table(
        ("side", "events", "refused", "last event (UTC)", "age"),
        [
            (
                side.value,
                str(one.events),
                str(one.refused),
                "never" if one.last_event_at is None else moment(one.last_event_at),
                _age(one.last_event_at, now),
            )
            for side in Side
            if (one := status.sides.get(side)) is not None
        ],
    )
    say()
    say(f"{counted(status.persons, 'person')} known")
    waiting = status.oldest_waiting_at
    since = f", the oldest for {_age(waiting, now)}" if waiting is not None else ""
    say(f"{counted(status.waiting_turns, 'turn')} waiting{since}")
    if backlog is not None and backlog >= 60:
        say(f"with one call each they take {_span(round(backlog))} at the pace of Actito")
    say(f"{counted(status.retrying_turns, 'turn')} to be taken again later")
    opt_out = status.oldest_waiting_optout_at
    if opt_out is not None:
        say(
            f"the oldest opt-out that is not on both sides yet waits for {_age(opt_out, now)}",
            "red",
        )
    say(f"{counted(status.held, 'line')} held for a person", "yellow" if status.held else "")
    letters = "; `dead-letters list` shows them" if status.failed else ""
    say(f"{counted(status.failed, 'dead letter')}{letters}", "red" if status.failed else "")


def _show_mappings(mappings: "Standing") -> None:
    say()
    for one in mappings.in_force:
        words = "" if one.current else "; its file says something else or is refused"
        style = "" if one.current else "yellow"
        say(f"mapping {one.mapping}: version {one.version} of {one.file} in force{words}", style)
    for problem in mappings.problems:
        say(problem, "red")


def _age(at: Micros | None, now: Micros) -> str:
    if at is None:
        return "-"
    return _span(max(0, (now - at) // SECOND))


def _span(seconds: int) -> str:
    for size, word in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            return counted(seconds // size, word)
    return counted(seconds, "second")
