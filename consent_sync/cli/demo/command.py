"""`consent-sync demo`: starts everything, tells the story, and leaves nothing running."""

import asyncio
import contextlib
import dataclasses
import shutil
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import orjson
import typer

from consent_sync.cli.exits import FOUND_SOMETHING
from consent_sync.cli.output import AS_JSON, print_json

if TYPE_CHECKING:
    from consent_sync.cli.demo.stage import Stage
    from consent_sync.cli.demo.telling import Telling

INTERRUPTED: Final = 130
"""The exit code after Ctrl-C or SIGTERM before the end."""

_LOG_LINES: Final = 15

Report = dict[str, Any]


def command(
    keep: Annotated[
        bool, typer.Option("--keep", help="Stay up afterwards and print the addresses.")
    ] = False,
    as_json: Annotated[bool, AS_JSON] = False,
) -> None:
    """Show the main job on simulated platforms; the exit code is 1 when something does not hold."""
    from consent_sync.cli.demo.telling import Telling

    telling = Telling(silent=as_json)
    try:
        report = asyncio.run(_demo(telling, keep=keep))
    except (KeyboardInterrupt, asyncio.CancelledError):
        telling.say("Stopped before the end; nothing is left running.", "yellow")
        raise typer.Exit(INTERRUPTED) from None
    if as_json and not (keep and report["ok"]):
        print_json(report)
    if not report["ok"]:
        raise typer.Exit(FOUND_SOMETHING)


async def _demo(telling: "Telling", *, keep: bool) -> Report:
    from consent_sync.cli.demo.checks import NotHeldError
    from consent_sync.cli.demo.stage import staged

    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    for number in (signal.SIGTERM, signal.SIGHUP):
        # A supervisor's stop ends in the same tidy way as Ctrl-C.
        loop.add_signal_handler(number, lambda: task.cancel() if task is not None else None)
    started = loop.time()
    report: Report = {"ok": False, "seconds": 0.0, "failed": None, "steps": []}
    try:
        async with staged() as stage:
            try:
                await _play(stage, telling, report)
                report["ok"] = True
            except NotHeldError as error:
                report["failed"], report["log"] = str(error), [*stage.service.lines][-_LOG_LINES:]
            report["seconds"] = round(loop.time() - started, 1)
            report["steps"] = [dataclasses.asdict(step) for step in telling.steps]
            if keep and report["ok"]:
                await _stay(stage, telling, report)
    except NotHeldError as error:
        report["failed"] = str(error)
    _tell_end(telling, report, kept=keep)
    return report


async def _play(stage: "Stage", telling: "Telling", report: Report) -> None:
    from consent_sync.cli.demo import story
    from consent_sync.cli.demo.stage import LINES
    from consent_sync.cli.explain import look, show_timeline
    from consent_sync.cli.surroundings import settings_in

    telling.say("Two simulated platforms, the real service between them, invented people.")
    for name, address in _addresses(stage).items():
        telling.say(f"  {name:<14}{address}")
    story.seed(stage)
    columns = ("person", "side", *LINES)
    report["before"] = stage.table(story.PEOPLE)
    telling.table("Before (- is no choice)", columns, report["before"])
    await story.tell(stage, telling)
    await story.agree(stage, telling)
    report["after"] = stage.table(story.PEOPLE)
    telling.table("After", columns, report["after"])
    _, entries = await look(settings_in(stage.folder), story.ADA, None, 100)
    report["timeline"] = [dataclasses.asdict(entry) for entry in entries]
    if not telling.silent:
        telling.say()
        show_timeline(entries, title=f"Why? Everything about {story.ADA}, newest first")


async def _stay(stage: "Stage", telling: "Telling", report: Report) -> None:
    """Print where everything is, and wait for Ctrl-C."""
    from consent_sync.cli.demo import story
    from consent_sync.cli.demo.stage import KEY

    places = _addresses(stage)
    if telling.silent:
        print_json({**report, "addresses": places, "folder": str(stage.folder)})
    click = _json({"ouid": story.ADA, "choices": {"channels": {"email": True}}})
    who = f"{KEY}={story.ADA}"
    leave = _json({"action": "unsubscribe", "key": who, "names": ["Newsletter"]})
    telling.say()
    telling.say("Everything stays up until Ctrl-C:", "bold")
    for name, address in places.items():
        telling.say(f"  {name:<14}{address}")
    telling.say("Click in Didomi, and unsubscribe in Actito:")
    telling.say(f"  curl -X POST {places['Didomi']}/_control/clicks -d '{click}'")
    telling.say(f"  curl -X POST {places['Actito']}/_control/clicks -d '{leave}'")
    telling.say("Look at what came of it:")
    telling.say(f"  cd {stage.folder}")
    telling.say(f"  {_program()} explain {story.ADA}")
    telling.say(f"  {_program()} tail --follow")
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.Event().wait()


def _program() -> str:
    """Return how to call this program from another folder."""
    if shutil.which("consent-sync"):
        return "consent-sync"
    beside = Path(sys.executable).with_name("consent-sync")
    return str(beside) if beside.exists() else f"{sys.executable} -m consent_sync"


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


def _addresses(stage: "Stage") -> dict[str, str]:
    return {
        "Didomi": stage.didomi.control_url.removesuffix("/_control"),
        "Actito": stage.actito.url,
        "consent-sync": stage.service.address,
    }


def _tell_end(telling: "Telling", report: Report, *, kept: bool) -> None:
    telling.say()
    if not report["ok"]:
        for line in report.get("log", ()):
            telling.say(f"  {line}", "dim")
        telling.say(f"Did not hold: {report['failed']}", "bold red")
    held = sum(len(step["held"]) for step in report["steps"])
    if report["ok"] and not kept:
        telling.say(f"{held} checks, all held, in {report['seconds']:g} seconds.", "bold green")
    telling.say("Nothing is left running.")
