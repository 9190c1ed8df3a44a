"""The command edge: arguments in, sentences and exit codes out."""

import sys
import traceback
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from consent_sync.cli import (
    audit,
    backfill,
    dead_letters,
    demo,
    describe,
    discover,
    doctor,
    erase,
    events,
    explain,
    held,
    importing,
    mappings,
    migrate,
    pausing,
    plan,
    recover,
    schema,
    serve,
    settings,
    simulate,
    status,
    sweep,
    tail,
    trials,
    validate,
    webhooks,
)
from consent_sync.cli.exits import FOUND_SOMETHING, WRONG_CONFIGURATION, CommandError
from consent_sync.domain.errors import ConsentSyncError


class CommandEdge(TyperGroup):
    """Turns whatever a command raises into one sentence on stderr and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for; raises only what typer itself deals with."""
        try:
            return super().invoke(ctx)
        except (TyperException, typer.Exit, typer.Abort, BrokenPipeError):
            raise
        except Exception as error:
            # One of the few broad handlers: a person gets a sentence, never a traceback.
            code = _told(error)
        raise typer.Exit(code)


def _told(error: Exception) -> int:
    from consent_sync.app.settings import SettingsError

    if isinstance(error, CommandError):
        sentence, code = str(error), error.code
    elif isinstance(error, SettingsError):
        sentence, code = str(error), WRONG_CONFIGURATION
    elif isinstance(error, ConsentSyncError):
        sentence, code = str(error), FOUND_SOMETHING
    else:
        # What it says may quote a person or a secret, so only what it is and where it was.
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(last.filename).name}:{last.lineno}"
        sentence = f"something unforeseen happened: {type(error).__name__} at {where}"
        code = FOUND_SOMETHING
    print(f"consent-sync: {sentence}", file=sys.stderr)
    return code


app = typer.Typer(
    cls=CommandEdge, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"consent-sync {version('consent-sync')}")
        raise typer.Exit


@app.callback()
def consent_sync(
    show_version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Keep consent choices the same in Didomi and Actito, in both directions."""


app.command("serve")(serve.command)
app.command("migrate")(migrate.command)
app.command("demo")(demo.command)
app.command("simulate")(simulate.command)
app.command("explain")(explain.command)
app.command("status")(status.command)
app.command("tail")(tail.command)
app.add_typer(events.app, name="events")
app.add_typer(held.app, name="held")
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(webhooks.app, name="webhooks")
app.command("pause")(pausing.pause)
app.command("resume")(pausing.resume)
app.command("audit")(audit.command)
app.command("recover")(recover.command)
app.command("sweep")(sweep.command)
app.command("backfill")(backfill.command)
app.command("erase")(erase.command)
app.command("settings")(settings.command)
app.command("doctor")(doctor.command)
app.add_typer(mappings.app, name="mappings")
app.command("plan")(plan.command)
app.command("test")(trials.command)
app.command("validate")(validate.command)
app.command("discover")(discover.command)
app.command("import")(importing.command)
app.command("describe")(describe.command)
app.command("schema")(schema.command)


def main() -> None:
    """Run the command line; leaves the process with the exit code of the command."""
    app()
