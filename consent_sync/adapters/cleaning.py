"""Makes a platform's error answer fit for logs: personal data masked, length cut."""

import re
from collections.abc import Iterator
from typing import Any

import orjson

MASK = "***"

# Where platforms put sentences for people; every other text in a JSON answer is a value.
_PROSE = frozenset(
    {
        "code",
        "description",
        "detail",
        "error",
        "error_code",
        "error_description",
        "errorcode",
        "errormessage",
        "message",
        "msg",
        "name",
        "reason",
        "title",
    }
)

_MASKED = re.compile(
    r"""
      "[^"]*" | '[^']*' | `[^`]*` | «[^»]*» | “[^”]*”   # quoted values
    | [^\s"'<>,;:=]+ (?:@|%40) [^\s"'<>,;]+              # addresses, also percent-encoded
    | \+?\d[\d\s().-]{3,}\d                              # long runs of digits: numbers, ids, dates
    | [A-Za-z0-9_-]{24,}                                 # tokens, hashes
    """,
    re.VERBOSE,
)


def cleaned(body: bytes, limit: int = 300) -> str:
    """Return what an error answer says, without personal data and with at most `limit` characters."""
    try:
        text = "; ".join(_sentences(orjson.loads(body)))
    except (orjson.JSONDecodeError, RecursionError):
        text = _masked(re.sub(r"<[^>]*>", " ", body[:20_000].decode(errors="replace")))
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _sentences(value: Any, key: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _sentences(inner, str(name))
    elif isinstance(value, list):
        for inner in value:
            yield from _sentences(inner, key)
    elif value is not None:
        label = _masked(key) + ": " if key else ""
        if isinstance(value, str):
            yield label + (_masked(value) if key.lower() in _PROSE or not key else MASK)
        else:
            yield label + _masked(str(value))


def _masked(text: str) -> str:
    return _MASKED.sub(MASK, text)
