"""Reads the project's pages: where they are, what they link to, what they name."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_FENCE = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")


def pages() -> list[Path]:
    """Return every page of the project."""
    found = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "mappings").glob("*.md")]
    return sorted(found)


def name(page: Path) -> str:
    """Return a page's path from the root of the project."""
    return page.relative_to(ROOT).as_posix()


def text(page: Path) -> str:
    """Return a page as it is written."""
    return page.read_text(encoding="utf-8")


def prose(page: Path) -> str:
    """Return a page without its code blocks."""
    return _FENCE.sub("", text(page))


def blocks(page: Path) -> Iterator[tuple[str, str]]:
    """Yield the word and the content of every fenced code block."""
    for found in _FENCE.finditer(text(page)):
        yield found[2], found[3]


def code_words(page: Path) -> list[str]:
    """Return what stands in backticks within sentences and tables."""
    return _CODE.findall(prose(page))


def links(page: Path) -> list[str]:
    """Return the targets of all links to other pages, as they are written."""
    targets = _LINK.findall(_CODE.sub("", prose(page)))
    return [
        target for target in targets if "://" not in target and not target.startswith("mailto:")
    ]


def target_of(page: Path, link: str) -> Path:
    """Return the file that a link leads to; a link with only an anchor leads to its own page."""
    path = link.partition("#")[0]
    return (page.parent / path).resolve() if path else page


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as the usual Markdown renderers make them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
