"""Names and selectors as YAML that every reader takes for the same text."""

import json
import re
from typing import Final

from consent_sync.domain.consent import Node

_PLAIN: Final = re.compile(r"[^\W\d_][\w/-]*(?:[ .@][\w/-]+)*")
_OTHERWISE: Final = frozenset({"yes", "no", "on", "off", "y", "n", "true", "false", "null"})


def selector(node: Node) -> str:
    """Return a place as a selector whose names are quoted where they must be."""
    parts = ("purpose", "preference", "option", "channel")
    given = ((part, getattr(node, part)) for part in parts)
    return "{" + ", ".join(f"{part}: {scalar(word)}" for part, word in given if word) + "}"


def scalar(text: str) -> str:
    """Return a text as YAML, in quotes wherever a reader could take it for something else."""
    plain = _PLAIN.fullmatch(text) is not None and text.casefold() not in _OTHERWISE
    if plain:
        return text
    if not text.isprintable():
        return json.dumps(text)
    return "'" + text.replace("'", "''") + "'"
