"""The command edge: arguments in, exit codes out."""

from importlib.metadata import version
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, add_completion=False)


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


def main() -> None:
    """Run the command line; leaves the process with the exit code of the command."""
    app()
