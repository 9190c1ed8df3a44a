"""The pages hold together, and name only what is there."""

import ast
import re
import shlex
from pathlib import Path

import pytest
import typer.main

from consent_sync.adapters.metrics import Metrics
from consent_sync.cli.main import app
from consent_sync.domain.verdicts import Kind, Verdict
from tests.docs.pages import (
    ROOT,
    anchors,
    blocks,
    code_words,
    links,
    name,
    pages,
    prose,
    target_of,
    text,
)
from tests.house.sources import python_files

PAGES = pages()
INDEX = ROOT / "docs/index.md"
VERDICTS = text(ROOT / "docs/reference/verdicts.md")
ERRORS = text(ROOT / "docs/errors.md")
METRICS = {
    metric.name + ("_total" if metric.type == "counter" else "")
    for metric in Metrics("0").registry.collect()
}

OUR_FOLDERS = (
    "consent_sync/",
    "deploy/",
    "docs/",
    "tests/",
    "mappings/",
    "requirements/",
    ".ci/",
    "bench/",
)
OUR_FILES = re.compile(r"\w[\w.-]*\.(md|toml|yaml|yml|lock|sql|py)|Makefile|LICENSE|\.env\.example")


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    """A link names a file that exists, and an anchor that the file has."""
    broken = []
    for link in links(page):
        target, anchor = target_of(page, link), link.partition("#")[2]
        exists = target.is_file() or (target.is_dir() and not anchor)
        if not exists or (anchor and anchor not in anchors(target)):
            broken.append(link)

    assert broken == []


def test_every_page_is_found_from_the_first() -> None:
    """Whoever starts at the first page can reach every other one."""
    reached, waiting = set[Path](), [INDEX]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md" or not page.is_file():
            continue
        reached.add(page)
        waiting += [target_of(page, link) for link in links(page)]

    assert [name(page) for page in PAGES if page not in reached] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_named_files_exist(page: Path) -> None:
    """A page that names a file or folder of the project names one that is there."""
    missing = [word for word in code_words(page) if _is_ours(word) and not _there(page, word)]

    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_named_commands_exist(page: Path) -> None:
    """A command that a page tells people to run exists, with the options it is given."""
    unknown = [line for line in _commands(page) if not _understood(line)]

    assert unknown == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_named_targets_of_make_exist(page: Path) -> None:
    """A `make` target that a page names stands in the Makefile."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    known = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = set(re.findall(r"(?:`| {4})make ([a-z-]+)", text(page)))

    assert named - known == set()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_named_metrics_exist(page: Path) -> None:
    """A metric that a page tells people to watch is one that the program has."""
    named = {word for word in code_words(page) if re.fullmatch(r"consent_sync_\w+", word)}

    assert named - METRICS == set()


def test_named_log_events_exist() -> None:
    """Every event in the table of log lines is logged somewhere, and none is left out."""
    page = text(ROOT / "docs/how-to/run-in-production.md")
    rows = re.findall(r"(?m)^\| (`[a-z_`, ]+) \| [a-z, ]+ \| .+ \|$", page)
    told = {word for row in rows for word in re.findall(r"[a-z_]+", row)} - {"event"}

    assert told == _logged()


@pytest.mark.parametrize("word", [*Verdict, *Kind])
def test_every_verdict_and_kind_is_explained(word: str) -> None:
    """Each word of a timeline can be looked up, verdicts with what to do about them."""
    if isinstance(word, Verdict):
        part = VERDICTS.partition(f"\n### `{word}`\n")[2].partition("\n### ")[0]
        assert "*What to do:*" in part or "you will not meet this word" in part
    else:
        assert f"\n| `{word}` | " in VERDICTS


def test_no_verdict_is_explained_that_does_not_exist() -> None:
    """The page has no word that the program does not know."""
    assert set(re.findall(r"(?m)^### `(\w+)`$", VERDICTS)) == set(Verdict)


def test_every_code_of_the_program_is_listed() -> None:
    """Whatever code an error carries, it can be looked up."""
    used = {
        keyword.value.value
        for path, tree in python_files("consent_sync")
        if not path.startswith("consent_sync/simulators/")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "code" and isinstance(keyword.value, ast.Constant)
    }

    assert {code for code in used if isinstance(code, str) and f"`{code}`" not in ERRORS} == set()


def test_told_messages_are_messages_of_the_program() -> None:
    """The messages at the start are told in the program's own words."""
    rows = re.findall(r"(?m)^\| (`.+`) \| ", ERRORS.partition("### Messages at the start")[2])
    parts = [
        part for row in rows for word in re.findall(r"`(.+?)`", row) for part in word.split("…")
    ]
    said = "".join(
        node.value
        for _, tree in python_files("consent_sync")
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )

    assert [part for part in parts if part.strip() not in said] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_line_of_prose_is_one_sentence(page: Path) -> None:
    """A sentence has a line of its own, so that a change shows which sentence changed."""
    if page.parent.name not in {"explanation", "decisions"} and page != ROOT / "README.md":
        return
    plain = re.sub(r"`[^`\n]*`", "x", prose(page))
    lines = [line for line in plain.splitlines() if not line.startswith(("|", "- ", "*", " "))]

    assert [line for line in lines if re.search(r"[a-z)]\. [A-Z]", line)] == []


def _is_ours(word: str) -> bool:
    plain = not re.search(r"[\s<>{}…]", word)
    return plain and (word.startswith(OUR_FOLDERS) or OUR_FILES.fullmatch(word) is not None)


def _there(page: Path, word: str) -> bool:
    places = (ROOT, ROOT / "consent_sync", page.parent, ROOT / "mappings")
    return any(place.joinpath(word).exists() or list(place.glob(word)) for place in places)


def _commands(page: Path) -> list[str]:
    shown = [
        line.strip().removeprefix("$ ")
        for word, content in blocks(page)
        if word in {"console", "sh"}
        for line in content.replace("\\\n", " ").splitlines()
    ]
    indented = [line.strip() for line in re.findall(r"(?m)^ {4}(consent-sync .+)$", prose(page))]
    named = [*shown, *indented, *code_words(page)]
    return [line for line in named if re.match(r"consent-sync( |$)", line)]


def _understood(line: str) -> bool:
    """Say whether every sub-command and option of a command line is one of the program's."""
    words = shlex.split(line, comments=True)[1:]
    command = typer.main.get_command(app)
    options = {"--help"}
    while True:
        options |= {option for parameter in command.params for option in parameter.opts}
        below = getattr(command, "commands", None)
        plain = next((word for word in words if not word.startswith("-")), None)
        if plain is None or below is None:
            break
        if plain not in below:
            return False
        command = below[plain]
        words.remove(plain)
    return all(word.partition("=")[0] in options for word in words if word.startswith("-"))


def _logged() -> set[str]:
    """Return the first word of every call that logs something."""
    levels = {"info", "warning", "error", "critical"}
    return {
        node.args[0].value
        for path, tree in python_files("consent_sync")
        if not path.startswith("consent_sync/simulators/")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in levels
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
        and re.fullmatch(r"[a-z_]+", node.args[0].value)
    }
