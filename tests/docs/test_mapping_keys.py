"""The pages about mapping files forget nothing that the program knows."""

import re
from pathlib import Path

import pytest

from consent_sync.adapters.mapping_files.problems import WARNINGS, Code
from consent_sync.adapters.mapping_files.schema import SECTIONS, SHAPES
from consent_sync.domain.identity import Normalise
from consent_sync.domain.mapping import CreateFor, SyncMode

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/reference/mapping-file.md").read_text(encoding="utf-8")
README = (ROOT / "mappings/README.md").read_text(encoding="utf-8")
ERRORS = (ROOT / "docs/errors.md").read_text(encoding="utf-8")


def yaml_text(value: str | bool | list[str]) -> str:
    """Return a default as it would be written in a file."""
    if isinstance(value, list):
        return f"[{', '.join(value)}]"
    return str(value).lower() if isinstance(value, bool) else value


HEADINGS = {
    "": "## Top level",
    "didomi": "## `didomi`",
    "actito": "## `actito`",
    "mappings": "## A line of `mappings`",
    "value": "### A selector",
    "identity": "## `identity`",
    "attributes": "## `attributes`",
}
KEYS = [(section, key) for section, model in SECTIONS.items() for key in model.model_fields]
DEFAULTS = [
    (section, key, yaml_text(field.default))
    for section, model in SECTIONS.items()
    for key, field in model.model_fields.items()
    if isinstance(field.default, str | bool | list)
]


def part(heading: str) -> str:
    """Return the text below a heading, up to the next one."""
    return re.split(r"(?m)^#+ ", PAGE.split(f"{heading}\n", 1)[1], maxsplit=1)[0]


@pytest.mark.parametrize(("section", "key"), KEYS, ids=[f"{s or 'top'}.{k}" for s, k in KEYS])
def test_every_key_is_explained_below_its_block(section: str, key: str) -> None:
    """Each key has a row of its own in the reference."""
    assert re.search(rf"(?m)^\| `{key}` \| .+ \|$", part(HEADINGS[section]))


@pytest.mark.parametrize(("section", "key", "default"), DEFAULTS)
def test_default_in_the_page_is_the_one_of_the_program(
    section: str, key: str, default: str
) -> None:
    """What happens when a key is left out is told as it is."""
    row = rf"(?m)^\| `{key}` \| .* \| `{re.escape(default)}` \| "

    assert re.search(row, part(HEADINGS[section]))


@pytest.mark.parametrize("key", sorted({key for _, key in KEYS}))
def test_every_key_is_explained_to_the_privacy_team(key: str) -> None:
    """The page beside the files speaks of every key, too."""
    assert key in README


@pytest.mark.parametrize("word", [*SyncMode, *CreateFor, *Normalise])
def test_every_fixed_word_is_explained(word: str) -> None:
    """No word that a key accepts is left out."""
    assert f"`{word}`" in PAGE


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: "+".join(sorted(shape)))
def test_every_shape_of_a_selector_is_listed(shape: frozenset[str]) -> None:
    """The page shows each combination that names a place."""
    ordered = [key for key in ("purpose", "preference", "option", "channel") if key in shape]

    assert f"| `{{{', '.join(ordered)}}}` |" in PAGE


@pytest.mark.parametrize("code", list(Code))
def test_every_code_has_its_paragraph_where_it_belongs(code: Code) -> None:
    """A code can be looked up and says what to do, and warnings stand apart from problems."""
    part = ERRORS.split("## Mapping files", 1)[1].split("\n## ", 1)[0]
    problems, warnings = part.split("### Warnings", 1)
    paragraph = rf"(?m)^### `{code}`\n\n[A-Z`][^#]{{50,}}"

    assert re.search(paragraph, warnings if code in WARNINGS else problems)


def test_no_paragraph_speaks_of_a_code_that_does_not_exist() -> None:
    """What is looked up is what the program says."""
    assert set(re.findall(r"(?m)^### `(mapping-[a-z0-9-]+)`$", ERRORS)) == set(Code)
