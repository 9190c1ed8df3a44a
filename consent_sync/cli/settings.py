"""`consent-sync settings`: every setting, where it comes from, and what is wrong with it."""

import os
from typing import Annotated

import typer

from consent_sync.cli.exits import WRONG_CONFIGURATION
from consent_sync.cli.output import AS_JSON, print_json, say, show_table


def command(as_json: Annotated[bool, AS_JSON] = False) -> None:
    """Print every setting with its value (secrets masked) and its origin."""
    from consent_sync.app.settings import Settings, SettingsError, rows_of
    from consent_sync.cli.dotenv import dotenv_here

    dotenv = dotenv_here()
    rows = rows_of(os.environ, dotenv)
    problems: list[str] = []
    warnings: list[str] = []
    try:
        settings = Settings.from_variables(os.environ, dotenv)
        warnings = [str(warning) for warning in settings.warnings]
    except SettingsError as error:
        problems = [str(problem) for problem in error.problems]
    if as_json:
        print_json(
            {
                "settings": [row._asdict() for row in rows],
                "problems": problems,
                "warnings": warnings,
            }
        )
    else:
        show_table(
            ("setting", "value", "origin"), [(row.name, row.value, row.origin) for row in rows]
        )
        for problem in problems:
            say(f"problem  {problem}", "red")
        for warning in warnings:
            say(f"warning  {warning}", "yellow")
    if problems:
        raise typer.Exit(WRONG_CONFIGURATION)
