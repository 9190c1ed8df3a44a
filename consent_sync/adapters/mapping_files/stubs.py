"""Stubs for what is in no mapping yet, and how they get into a file without changing anything else."""

import os
import shutil
from pathlib import Path
from typing import Final

from consent_sync.adapters.mapping_files.documents import read_document
from consent_sync.adapters.mapping_files.files import read_mapping
from consent_sync.adapters.mapping_files.scalars import scalar, selector
from consent_sync.domain.consent import Node
from consent_sync.domain.errors import ConsentSyncError
from consent_sync.domain.inventory import Newcomers

_LINE_END: Final = b"\n"
_WINDOWS_END: Final = b"\r\n"


class StubError(ConsentSyncError):
    """The stubs were not written, because the file might have changed its meaning."""

    def __init__(self, found: str, expected: str) -> None:
        super().__init__(f"nothing was written: found {found}, expected {expected}")


def stubs(found: Newcomers) -> list[tuple[str, ...]]:
    """Return a stub for each newcomer: the lines to paste, without the marks of a remark.

    What a person has to choose is left empty, so that a pasted stub is refused until it is filled
    in; and `sync: off` sends nothing until somebody takes it away.
    """
    lines: list[tuple[str, ...]] = [
        (f"- id: {scalar(name)}", "  value:   # which place in Didomi?", "  sync: off")
        for name in found.subscriptions
    ]
    lines += [
        ("- id:   # which subscription in Actito?", f"  value: {_place(node)}", "  sync: off")
        for node in found.places
    ]
    return lines


def with_stubs(data: bytes, found: Newcomers, *, day: str) -> bytes:
    """Return a valid mapping file with the stubs as remarks behind its lines; the rest as it was.

    A stub that stands there already is not added again. Raises StubError when the file is not
    valid, or its meaning would not stay the same.
    """
    before = read_mapping("file", data).mapping
    if before is None:
        raise StubError("a file with problems", "a valid one")
    new = [stub for stub in stubs(found) if not _stands_in(stub, data)]
    if not new:
        return data
    lines = [
        f"# Found on {day}, in no mapping yet. To take one in, remove the marks and fill it in."
    ]
    lines += [f"# {line}" for stub in new for line in stub]
    end = _WINDOWS_END if _WINDOWS_END in data else _LINE_END
    added = b"".join(f"  {line}".encode() + end for line in lines)
    kept = data.splitlines(keepends=True)
    at = _end_of_lines(data, kept)
    head = b"".join(kept[:at])
    if head and not head.endswith(_LINE_END):
        head += end
    whole = head + added + b"".join(kept[at:])
    after = read_mapping("file", whole).mapping
    if after is None or after.version != before.version:
        raise StubError("a file whose meaning would change", "remarks that change nothing")
    return whole


def write_stubs(path: Path, found: Newcomers, *, day: str) -> bool:
    """Put the stubs into a file, whole or not at all, and say whether anything was new.

    Raises StubError as `with_stubs` does, and OSError.
    """
    # Where the folder holds a link, the file it points to is the one that is edited.
    target = path.resolve()
    before = target.read_bytes()
    after = with_stubs(before, found, day=day)
    if after == before:
        return False
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        beside.write_bytes(after)
        shutil.copymode(target, beside)
        if target.read_bytes() != before:
            raise StubError(
                "a file that somebody else has just changed", "one that rests; try again"
            )
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
    return True


def _place(node: Node) -> str:
    if node.preference and not node.purpose:
        # Without its purpose it would be refused anyway, which is what an open choice needs.
        return f"{selector(node)}   # below which purpose?"
    return selector(node)


def _stands_in(stub: tuple[str, ...], data: bytes) -> bool:
    known = "\n".join(line.strip().lstrip("#").strip() for line in data.decode().splitlines())
    telling = next(line for line in stub if not line.rstrip().endswith(("Didomi?", "Actito?")))
    return telling.strip() in known.split("\n")


def _end_of_lines(data: bytes, lines: list[bytes]) -> int:
    """Return how many lines of the file come before what is added: all up to the last entry's end."""
    root = read_document("file", data).root
    assert root is not None, "only valid files come here"  # noqa: S101 - checked by the caller
    start = root.entries["mappings"].place.line
    later = [entry.place.line for entry in root.entries.values() if entry.place.line > start]
    at = min(later, default=len(lines) + 1) - 1
    while at > start and _says_nothing(lines[at - 1]):
        at -= 1
    return at


def _says_nothing(line: bytes) -> bool:
    return not line.strip() or (line.lstrip().startswith(b"#") and not line.startswith(b" "))
