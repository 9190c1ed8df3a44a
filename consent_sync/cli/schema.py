"""`consent-sync schema`: the JSON Schema of the mapping files, for editors."""

from typing import Annotated

import typer

from consent_sync.cli.output import AS_JSON


def command(as_json: Annotated[bool, AS_JSON] = False) -> None:
    """Print the JSON Schema of a mapping file, as mappings/mapping.schema.json holds it."""
    from consent_sync.adapters.mapping_files import json_schema

    # The schema is JSON with or without the option, which every command has.
    typer.echo(json_schema(), nl=False)
