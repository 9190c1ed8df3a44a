"""`consent-sync describe`: what each mapping does to people, in sentences and a table."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from consent_sync.cli.exits import WRONG_CONFIGURATION
from consent_sync.cli.output import AS_JSON, counted, print_json, say, show_table
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.sentences import arrow_of, line_in_words, mapping_in_words, place_in_words

if TYPE_CHECKING:
    from consent_sync.adapters.mapping_files import FileReading


def command(
    path: Annotated[
        Path | None,
        typer.Argument(help="A mapping file or a folder; else CONSENT_SYNC_MAPPINGS_DIR."),
    ] = None,
    as_json: Annotated[bool, AS_JSON] = False,
) -> None:
    """Say in plain sentences what each mapping does; 78 when a file cannot be described."""
    from consent_sync.cli.validate import check, mappings_path

    reading = check(mappings_path(path))
    described = [one.mapping for one in reading.files if one.mapping is not None]
    refused = [one for one in reading.files if one.mapping is None]
    if as_json:
        print_json(
            {
                "mappings": [_plain(mapping) for mapping in described],
                "not_described": [one.file for one in refused],
            }
        )
    else:
        for mapping in described:
            _show(mapping)
        for one in refused:
            say(_refused(one), "red")
    if reading.problems:
        raise typer.Exit(WRONG_CONFIGURATION)


def _show(mapping: Mapping) -> None:
    say(f"{mapping.name} ({mapping.file}, version {mapping.version})", "bold")
    say()
    for sentence in mapping_in_words(mapping):
        say(sentence)
    say()
    for line in mapping.lines:
        say(f"- {line_in_words(line, mapping)}")
    say()
    rows = [
        (
            str(line.line_number),
            place_in_words(line.node),
            arrow_of(line, mapping),
            line.id,
            "unsubscribed" if line.inverted else "subscribed",
            line.sync.value,
        )
        for line in mapping.lines
    ]
    show_table(("line", "a yes in Didomi to", "", "is in Actito", "as", "sync"), rows)
    say()


def _refused(one: "FileReading") -> str:
    found = counted(len(one.problems), "problem")
    return f"{one.file} is not described: it has {found}; `consent-sync validate` shows them"


def _plain(mapping: Mapping) -> dict[str, object]:
    return {
        "mapping": mapping.name,
        "file": mapping.file,
        "version": mapping.version,
        "sentences": mapping_in_words(mapping),
        "lines": [
            {
                "line": line.line_number,
                "didomi": {part: word for part, word in line.node._asdict().items() if word},
                "actito": line.id,
                "sync": line.sync.value,
                "inverted": line.inverted,
                "sentence": line_in_words(line, mapping),
            }
            for line in mapping.lines
        ],
    }
