"""Slips that spoil YAML: tabs, invisible characters, no space behind a colon or a dash.

They are looked for on every line, so that all of them are told at once; and the lines are repaired
for a second reading, so that what else is wrong is told in the same run. Nothing repaired is used.
"""

import re
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from consent_sync.adapters.mapping_files.problems import Code
from consent_sync.adapters.mapping_files.schema import SECTIONS

TAB_WIDTHS: Final = (2, 4, 8, 1)
"""How many spaces a tab may stand for; the first that makes sense is taken."""

_KEYS: Final = "|".join(
    sorted({key for section in SECTIONS.values() for key in section.model_fields}, reverse=True)
)
_INVISIBLE: Final = "\u00a0\u1680\u2000-\u200d\u202f\u205f\u2060\u3000\ufeff"
_BLANKS: Final = re.compile(
    rf"^[ \t{_INVISIBLE}]+|(?:(?<=^-)|(?<=[ \t]-)|(?<=\w:))[ \t{_INVISIBLE}]+|[ \t]+$"
)
_INVISIBLE_START: Final = re.compile(f"[ \t]*[{_INVISIBLE}]")
_NO_SPACE: Final = re.compile(rf"^( *(?:- +)?)({_KEYS}):(?=[^\s])")
_UNQUOTED: Final = re.compile(
    rf"^ *(?:- +)?(?:{_KEYS}): +(?P<text>[@`%].*|[^\s'\"\[{{#&*!|>@`%][^#]*?: .*)$"
)
_DASH: Final = re.compile(rf"^( *)-(?=(?:{_KEYS}):)")


class Slip(NamedTuple):
    """One slip, at a column counted from 1."""

    code: Code
    column: int
    found: str
    expected: str
    nearest: str = ""


@dataclass(slots=True)
class Repaired:
    """A line without its slips; behind column `after` it is `added` characters longer."""

    text: str
    slips: list[Slip] = field(default_factory=list)
    after: int = 0
    added: int = 0


def repaired(line: str, tab_width: int) -> Repaired:
    """Return the line with every slip in it put right."""
    done = Repaired(line)
    if not line.strip() or line.lstrip().startswith("#"):
        return done
    while (blank := _next_blank(done.text)) is not None:
        _replace_blank(done, blank, tab_width)
    _insert_space(done, _DASH, "`-` without a space behind it", "`- ` before the first key")
    if (key := _NO_SPACE.match(done.text)) is not None:
        words = f"`{key[2]}:` without a space behind it"
        _insert_space(done, _NO_SPACE, words, f"`{key[2]}: ` and then the value")
    _put_in_quotes(done)
    return done


def _put_in_quotes(done: Repaired) -> None:
    """Quote a text that holds a second `: `, or starts with a letter that YAML keeps for itself."""
    value = _UNQUOTED.match(done.text)
    if value is None:
        return
    text = value["text"].rstrip()
    quoted = "'" + text.replace("'", "''") + "'"
    at = value.start("text")
    second = text.find(": ")
    column = at + 1 + (second if second > 0 else 0) - (done.added if at > done.after else 0)
    found = "a second `:` on the line" if second > 0 else f"a text that starts with `{text[0]}`"
    done.slips.append(Slip(Code.SYNTAX, column, found, "the whole text in quotes", quoted))
    done.text = done.text[:at] + quoted
    _lengthen(done, at, 1)


def misleads(line: str) -> bool:
    """Say whether YAML reads the line without complaint, and as something else than it seems."""
    if not line.strip():
        return False
    return _INVISIBLE_START.match(line) is not None or _NO_SPACE.match(line) is not None


def _next_blank(text: str) -> re.Match[str] | None:
    return next((one for one in _BLANKS.finditer(text) if one[0].strip(" ")), None)


def _replace_blank(done: Repaired, blank: re.Match[str], tab_width: int) -> None:
    at, text = blank.start(), blank[0]
    wrong = next(char for char in text if char != " ")
    column = at + text.index(wrong) + 1 - (done.added if at > done.after else 0)
    if wrong == "\t":
        found = "a tab that indents" if at == 0 else "a tab"
        done.slips.append(Slip(Code.TABS, column, found, "spaces: YAML does not allow tabs there"))
    else:
        found = f"an invisible character (U+{ord(wrong):04X}) that looks like a space"
        done.slips.append(Slip(Code.INVISIBLE, column, found, "a plain space; type it anew"))
    spaces = "".join(" " * tab_width if char == "\t" else " " for char in text)
    _lengthen(done, at, len(spaces) - len(text))
    done.text = done.text[:at] + spaces + done.text[at + len(text) :]


def _insert_space(done: Repaired, spot: re.Pattern[str], found: str, expected: str) -> None:
    if (match := spot.match(done.text)) is None:
        return
    shift = done.added if match.end() > done.after else 0
    done.slips.append(Slip(Code.SYNTAX, match.end() - shift, found, expected))
    done.text = f"{done.text[: match.end()]} {done.text[match.end() :]}"
    _lengthen(done, match.end(), 1)


def _lengthen(done: Repaired, at: int, added: int) -> None:
    if not added:
        return
    done.after = min(done.after, at) if done.added else at
    done.added += added
