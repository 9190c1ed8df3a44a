"""The faults of the configuration that Didomi's page "Actito" shows: it is no valid JSON.

The colon behind the name of the key stands inside the quotes, and a comma follows the last entry
of the mapping item. Exactly these are known, and they are repaired only when somebody asks.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

_STRING: Final = re.compile(r'"(?:\\.|[^"\\\n])*"')
_COLON_INSIDE: Final = re.compile(r'"(private_api_key):"(?=\s*")')
_LAST_COMMA: Final = re.compile(r",(?=\s*[}\]])")


class Fault(NamedTuple):
    """One known fault: where, what stands there, and what belongs there."""

    position: int
    found: str
    expected: str
    wrong: str
    right: str


def faults(text: str) -> list[Fault]:
    """Return the known faults of the text, from its top to its end; none is inside of a value."""
    return sorted(_colons(text) + list(_commas(text)))


def repaired(text: str) -> str:
    """Return the text with its known faults put right, and nothing else changed."""
    for fault in reversed(faults(text)):
        end = fault.position + len(fault.wrong)
        text = text[: fault.position] + fault.right + text[end:]
    return text


def _colons(text: str) -> list[Fault]:
    strings = {match.start() for match in _STRING.finditer(text)}
    return [
        Fault(
            match.start(),
            f'`"{match[1]}:"`, with the colon inside the quotes',
            f'`"{match[1]}":`',
            match[0],
            f'"{match[1]}":',
        )
        for match in _COLON_INSIDE.finditer(text)
        if match.start() in strings
    ]


def _commas(text: str) -> Iterator[Fault]:
    # What stands inside of a text is no comma between entries.
    bare = _STRING.sub(lambda match: "_" * len(match[0]), text)
    for match in _LAST_COMMA.finditer(bare):
        yield Fault(match.start(), "a comma behind the last entry", "no comma there", ",", "")
