"""From bytes to lines of text: UTF-8, with or without a byte order mark, any line ends."""

import codecs
from typing import Final

from consent_sync.adapters.mapping_files.problems import WHOLE_FILE, Code, Place, Problem, shown

MAX_BYTES: Final = 5 * 1024 * 1024
"""A larger file is refused unread."""

_WIDE_MARKS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def decoded(file: str, data: bytes) -> tuple[str, list[str], Problem | None]:
    """Return the text, its lines, and what is wrong with the bytes, if anything is."""
    if len(data) > MAX_BYTES:
        found, expected = f"more than {MAX_BYTES:,} bytes", "a mapping file of at most 5 MB"
        return "", [], Problem(Code.TOO_LARGE, file, WHOLE_FILE, found, expected)
    try:
        text = _plain_line_ends(data.removeprefix(codecs.BOM_UTF8).decode())
    except UnicodeDecodeError as error:
        return "", *_not_utf8(file, data.removeprefix(codecs.BOM_UTF8), error.start)
    return text, text.split("\n"), None


def _plain_line_ends(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _not_utf8(file: str, data: bytes, at: int) -> tuple[list[str], Problem]:
    lines = _plain_line_ends(data.decode("utf-8", errors="replace")).split("\n")
    if data.startswith(_WIDE_MARKS):
        return lines, Problem(
            Code.ENCODING, file, WHOLE_FILE, "a file in UTF-16", "a file in UTF-8"
        )
    before = _plain_line_ends(data[:at].decode())
    place = Place(before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1)
    found = f"the byte 0x{data[at]:02X}, which is no UTF-8"
    line = shown(lines[place.line - 1])
    return lines, Problem(Code.ENCODING, file, place, found, "a file saved as UTF-8", text=line)
