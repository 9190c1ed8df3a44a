"""`consent-sync test`: the privacy team's own tests from the command line."""

from pathlib import Path

import pytest

from tests.cli.installation import Installation

TESTS = """\
tests:
  - name: a yes to email subscribes
    given:
      events:
        - didomi: {Newsletter: granted}
    expect:
      subscriptions: {Newsletter: true}
      verdicts: {Newsletter: applied}
"""


def write(place: Installation, text: str, name: str = "brand-a.tests.yaml") -> Path:
    path = place.folder / "mappings" / name
    path.write_text(text, encoding="utf-8")
    return path


def test_tests_that_pass(place: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that holds is told, and the exit code is 0."""
    write(place, TESTS)
    result = place.run(monkeypatch, "test")

    assert result.exit_code == 0
    assert result.stdout == "passed   a yes to email subscribes\n1 test, 0 failed\n"


def test_differences_stand_side_by_side(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failed test shows line, what was expected, what was found and why; the exit code is 1."""
    write(place, TESTS.replace("Newsletter: true", "Newsletter: false"))
    result = place.run(monkeypatch, "test")
    told = place.json(monkeypatch, "test")

    assert result.exit_code == 1
    assert "FAILED   a yes to email subscribes  (brand-a.tests.yaml:2)" in result.stdout
    row = next(line for line in result.stdout.splitlines() if "subscriptions" in line)
    assert row.split() == ["7", "subscriptions", "Newsletter", "false", "true", "agreed", "in", "Didomi"]  # fmt: skip
    assert (told["passed"], told["failed"]) == (0, 1)
    assert told["files"][0]["tests"][0]["differences"] == [
        {
            "what": "subscriptions Newsletter",
            "line": 7,
            "expected": "false",
            "found": "true",
            "reason": "agreed in Didomi",
        }
    ]


@pytest.mark.parametrize("name", ["brand-a.yaml", "brand-a.tests.yaml", ""])
def test_one_file_or_a_folder(
    place: Installation, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The mapping file, its tests and their folder all mean the same tests."""
    write(place, TESTS)
    result = place.run(monkeypatch, "test", str(place.folder / "mappings" / name))

    assert result.exit_code == 0
    assert "1 test, 0 failed" in result.stdout


def test_a_bad_file_is_wrong_configuration(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mistake in the mapping or in its tests ends with 78, and the other files are tested."""
    write(place, TESTS.replace("given", "givn"))
    write(place, "name: [", "brand-b.yaml")
    result = place.run(monkeypatch, "test")

    assert result.exit_code == 78
    assert "brand-a.tests.yaml:3:5: found the unknown key `givn`" in result.stdout
    assert "brand-b.yaml:1:" in result.stdout
    assert place.json(monkeypatch, "test")["files"][0]["problems"]


def test_without_tests_nothing_fails(place: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mapping without tests is pointed out."""
    result = place.run(monkeypatch, "test")

    assert result.exit_code == 0
    assert result.stdout == "brand-a.yaml: no tests\n0 tests, 0 failed\n"


def test_a_folder_that_is_not_there(place: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """No folder is a sentence and no traceback."""
    result = place.run(monkeypatch, "test", str(place.folder / "gone"))

    assert result.exit_code == 78
    assert "Traceback" not in result.output


def test_settings_need_not_be_right(place: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever writes tests needs no keys for the platforms."""
    write(place, TESTS)
    (place.folder / ".env").unlink()
    result = place.run(monkeypatch, "test", "mappings")

    assert result.exit_code == 0


def test_status_tells_of_tests_that_fail(
    filled: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Status shows a refused change and ends with 78."""
    file = write(filled, TESTS.replace("Newsletter: true", "Newsletter: false"))
    try:
        result = filled.run(monkeypatch, "status")
        told = filled.json(monkeypatch, "status")["mappings"]
    finally:
        file.unlink()

    assert result.exit_code == 78
    assert "brand-a.tests.yaml:7" in result.stdout
    assert told["in_force"][0]["current"] is True
    assert "mapping-test-failed" in told["problems"][0]
