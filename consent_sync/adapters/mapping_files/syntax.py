"""What the YAML parser could not read, in plain words and at the place where one must look."""

import re
from typing import Final, NamedTuple

from ruamel.yaml.error import MarkedYAMLError

from consent_sync.adapters.mapping_files.problems import Place, shown

_HINTS: Final = {
    "mapping values are not allowed here": (
        "a second `:` on the line",
        "one `:` on a line; put a text that holds one in quotes",
    ),
    "found unexpected end of stream": (
        "a quote that is never closed",
        "the closing quote of the text that starts here",
    ),
    "could not find expected ':'": ("a line without `key:`", "`key: value`"),
    "expected the node content": (
        "nothing where a value belongs",
        "a value, or the bracket that closes what is open",
    ),
    "expected ',' or '}'": ("`{` without its end", "a `,` between keys, and a closing `}`"),
    "expected ',' or ']'": ("`[` without its end", "a `,` between entries, and a closing `]`"),
    "mapping keys are not allowed here": ("a bare `?`", "a value; put a text with it in quotes"),
    "sequence entries are not allowed here": ("`- ` here", "`- ` at the start of a line"),
    "<block end>": (
        "a line that stands further in or out than the lines it belongs to",
        "as many spaces before it as before the keys beside it",
    ),
    "anchor": ("a bare `&` or `*`", "the text in quotes"),
}
_BEGINS_BEFORE: Final = ("end of stream", "expected ','", "could not find expected ':'")
"""Errors that are noticed further down than where one must look."""

_START: Final = re.compile(r"found character (['\"])(.+?)\1 that cannot start any token")
_KEY: Final = re.compile(r"^( *)((?:- +)?)([\w-]+):(?: |$)")


class Words(NamedTuple):
    """What is told about a syntax error."""

    found: str
    expected: str
    nearest: str = ""


def syntax_words(error: MarkedYAMLError, lines: list[str], place: Place) -> Words:
    """Return what was found there and what was expected."""
    problem, line = str(error.problem), lines[place.line - 1] if place.line else ""
    if (moved := _indentation(problem, lines, place.line)) is not None:
        return moved
    if (start := _START.search(problem)) is not None:
        text = line[place.column - 1 :].strip()
        found = f"a text that starts with `{shown(start[2])}`"
        return Words(found, "such a text in quotes", f"'{shown(text)}'" if "'" not in text else "")
    for beginning, (found, expected) in _HINTS.items():
        if beginning in problem:
            return Words(found, expected)
    return Words(f"something YAML cannot read: {shown(problem)}", "YAML 1.2")


def syntax_place(error: MarkedYAMLError, lines: list[str]) -> Place:
    """Return the place to look at: where something opens that never closes, else the spot."""
    if error.problem_mark is None:
        return Place()
    problem = str(error.problem)
    begins_before = any(words in problem for words in _BEGINS_BEFORE)
    mark = error.context_mark if begins_before and error.context_mark else error.problem_mark
    line = mark.line + 1
    while line > 1 and not "".join(lines[line - 1 : line]).strip():
        line -= 1
    return Place(line, mark.column + 1 if line == mark.line + 1 else 1)


def _indentation(problem: str, lines: list[str], number: int) -> Words | None:
    """Say that a key stands further in or out than the key above it, if that is what is wrong."""
    too_deep = "mapping values are not allowed here" in problem
    if not too_deep and "<block end>" not in problem:
        return None
    here = _KEY.match(lines[number - 1]) if 0 < number <= len(lines) else None
    above = next(
        (
            line
            for line in reversed(lines[: number - 1])
            if line.strip() and not line.lstrip().startswith("#")
        ),
        "",
    )
    over = _KEY.match(above)
    if here is None or over is None:
        return None
    depth, wanted = len(here[1]) + len(here[2]), len(over[1]) + len(over[2])
    if depth == wanted or (too_deep and depth < wanted):
        return None
    found = f"`{here[3]}` {depth} spaces in"
    return Words(found, f"it {wanted} spaces in, just below `{over[3]}`, or where its block began")
