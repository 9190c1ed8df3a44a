"""The mapping file as a JSON Schema, for editors that complete and check while somebody types."""

import json
from typing import Any, Final

from consent_sync.adapters.mapping_files.schema import SHAPES, MappingFile
from consent_sync.domain.identity import Normalise
from consent_sync.domain.mapping import CreateFor, SyncMode

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

PATH_PATTERN: Final = r"^consents_(channels|purposes)_.+_enabled$"
"""What every path looks like; that it reads in one way only is beyond a schema."""

MEANINGS: Final[dict[str, dict[str, str]]] = {
    "SyncMode": {
        SyncMode.TWO_WAY: "A choice on either side reaches the other; the newest one holds.",
        SyncMode.TWO_WAY_STRICT: "Whoever refused on one side comes back only on that same side.",
        SyncMode.TO_ACTITO: "Only Didomi can say yes; nothing is written to Didomi.",
        SyncMode.TO_DIDOMI: "Only Actito can say yes; nothing is written to Actito.",
        SyncMode.OFF: "Choices are written down, nothing is sent.",
    },
    "CreateFor": {
        CreateFor.ANY: "A refusal alone creates a profile, too.",
        CreateFor.GRANTED: "Only somebody who agreed to something gets a profile.",
    },
    "Normalise": {
        Normalise.NONE: "The identifiers are compared as they are.",
        Normalise.TRIM: "Spaces around them do not count.",
        Normalise.LOWER: "Spaces around them and letter case do not count.",
        Normalise.SHA256: "Didomi's identifier is the SHA-256 of Actito's, trimmed and lower case.",
    },
}
"""What an editor shows beside each fixed word."""


def json_schema() -> str:
    """Return the schema as text that ends in a line end; mappings/mapping.schema.json holds it."""
    schema: dict[str, Any] = MappingFile.model_json_schema()
    _without_null(schema)
    _without_titles(schema)
    parts = schema["$defs"]
    for name, words in MEANINGS.items():
        parts[name]["enumDescriptions"] = [words[word] for word in parts[name]["enum"]]
    parts["Selector"]["anyOf"] = [
        {"required": [key for key in parts["Selector"]["properties"] if key in shape]}
        | {"maxProperties": len(shape)}
        for shape in SHAPES
    ]
    path = parts["LineSection"]["properties"]["value"]["oneOf"][1]
    path["pattern"] = PATH_PATTERN
    whole = {"$schema": DIALECT, "title": "A mapping file of consent-sync", **schema}
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def _without_titles(part: Any) -> None:
    """Drop the titles made from the keys: editors would show them in place of the meanings."""
    if isinstance(part, list):
        for item in part:
            _without_titles(item)
    elif isinstance(part, dict):
        if isinstance(part.get("title"), str):
            del part["title"]
        for value in part.values():
            _without_titles(value)


def _without_null(part: Any) -> None:
    """A key that may be left out may still not be empty: an empty value is refused as a mistake."""
    if isinstance(part, list):
        for item in part:
            _without_null(item)
    elif isinstance(part, dict):
        choices = part.get("anyOf", [])
        if {"type": "null"} in choices:
            choices.remove({"type": "null"})
            part.pop("default", None)
        if len(choices) == 1:
            part.update(part.pop("anyOf")[0])
        for value in part.values():
            _without_null(value)
