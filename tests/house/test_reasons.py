"""A rule may be silenced, but never silently."""

import re

import pytest

from tests.house.sources import ROOT

# A reason is at least two words after the marker.
SILENCED = re.compile(r"#\s*(?:noqa|type:\s*ignore|pragma:\s*no (?:cover|branch))(?P<rest>.*)$")
REASON = re.compile(r"(?:\s-\s|\s#\s*|:\s)(?=\S+ \S+).+$")


def silenced_without_reason(line: str) -> bool:
    marker = SILENCED.search(line)
    if marker is None:
        return False
    rest = re.sub(r"^:\s*[A-Z]+[0-9]+(?:,\s*[A-Z]+[0-9]+)*|^\[[^\]]*\]", "", marker["rest"])
    return REASON.search(rest) is None


def test_every_silenced_rule_gives_its_reason() -> None:
    """A line that silences a check says why on the same line."""
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for folder in ("consent_sync", "tests", "bench")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if path.name != "test_reasons.py"
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if silenced_without_reason(line)
    ]

    assert found == []


@pytest.mark.parametrize(
    ("line", "bare"),
    [
        ("x = 1", False),
        ("x = 1  # noqa", True),
        ("x = 1  # noqa: S608", True),
        ("x = 1  # noqa: S608, E501", True),
        ("x = 1  # noqa: S608 - only names from our own files", False),
        ("x = 1  # type: ignore[arg-type]", True),
        ("x = 1  # type: ignore[arg-type]  # the stub forgets None", False),
        ("x = 1  # pragma: no cover", True),
        ("x = 1  # pragma: no cover - only on another system", False),
    ],
)
def test_a_bare_marker_is_told_from_one_with_a_reason(line: str, bare: bool) -> None:
    """Codes alone are no reason; words after them are."""
    assert silenced_without_reason(line) is bare
