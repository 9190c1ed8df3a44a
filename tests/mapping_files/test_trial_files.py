"""Files of tests: everything that is wrong with them is told at once, with its place."""

from pathlib import Path

import pytest

from consent_sync.adapters.mapping_files import Code, read_folder
from consent_sync.adapters.trial_files import TrialFile, read_trials, trials_path
from consent_sync.domain.consent import Choice
from consent_sync.domain.moments import HOUR, MINUTE, SECOND
from tests.doubles.mappings import EMAIL, MARKETING, a_line, a_mapping
from tests.mapping_files.samples import HEAD, LINES

MAPPING = a_mapping(a_line("Newsletter", EMAIL), a_line("DailyDeals", MARKETING))

GOOD = """\
tests:
  - name: a sentence
    given:
      person: ada@example.com
      didomi: {Newsletter: granted, DailyDeals: none}
      subscriptions: {Newsletter: true}
      attributes: {age: 42, tier: gold, vip: true}
      events:
        - didomi: {Newsletter: denied}
          regulation: gdpr
          metadata: {tier: gold}
          after: 90 s
          delayed: 2 hours
        - actito: {Newsletter: false}
          after: 3 min
    expect:
      subscriptions: {Newsletter: false, DailyDeals: none}
"""


def read(folder: Path, text: str | bytes) -> TrialFile:
    path = folder / "brand-a.tests.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_trials(path, MAPPING)


def test_everything_a_file_can_say(tmp_path: Path) -> None:
    """Choices, subscriptions, values and spans are read as they are written."""
    file = read(tmp_path, GOOD)
    (trial,) = file.trials
    first, second = trial.happenings

    assert file.problems == ()
    assert (trial.name, trial.place.line) == ("a sentence", 2)
    assert trial.given.didomi == {"Newsletter": Choice.GRANTED}
    assert trial.given.attributes == {"age": 42, "tier": "gold", "vip": True}
    assert (first.after, first.delayed, first.regulation) == (90 * SECOND, 2 * HOUR, "gdpr")
    assert (second.after, dict(second.subscriptions)) == (3 * MINUTE, {"Newsletter": False})
    assert [(one.part, one.name, one.wanted) for one in trial.expected] == [
        ("subscriptions", "Newsletter", "false"),
        ("subscriptions", "DailyDeals", "none"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "line", "code"),
    [
        ("tests:", "test:", 1, Code.UNKNOWN_KEY),
        ("name: a sentence", "nam: a sentence", 2, Code.UNKNOWN_KEY),
        ("name: a sentence", "name: 2024", 2, Code.WRONG_TYPE),
        ("    given:", "    givn:", 3, Code.UNKNOWN_KEY),
        ("    expect:", "    expects:", 16, Code.UNKNOWN_KEY),
        ("person: ada@example.com", "person: 42", 4, Code.WRONG_TYPE),
        ("{Newsletter: granted,", "{Newsleter: granted,", 5, Code.TEST_LINE),
        ("{Newsletter: granted,", "{Newsletter: yes,", 5, Code.WRONG_VALUE),
        ("{Newsletter: granted,", "{Newsletter: ,", 5, Code.WRONG_VALUE),
        ("subscriptions: {Newsletter: true}", "subscriptions: [true]", 6, Code.WRONG_TYPE),
        ("subscriptions: {Newsletter: true}", "subscriptions: {Newsletter: on}", 6, Code.WRONG_VALUE),
        ("vip: true", "vip: [1]", 7, Code.WRONG_TYPE),
        ("- didomi: {Newsletter: denied}", "- didomy: {Newsletter: denied}", 9, Code.UNKNOWN_KEY),
        ("regulation: gdpr", "actito: {Newsletter: true}", 9, Code.WRONG_VALUE),
        ("after: 90 s", "after: soon", 12, Code.WRONG_VALUE),
        ("after: 3 min", "metadata: {tier: x}", 15, Code.UNKNOWN_KEY),
        ("- actito: {Newsletter: false}", "- actito_payload: gone.json", 14, Code.TEST_PAYLOAD),
        ("- actito: {Newsletter: false}", "- didomi_payload: ../x.json", 14, Code.TEST_PAYLOAD),
        ("DailyDeals: none}\n  ", "DailyDeals: 7}\n  ", 5, Code.WRONG_VALUE),
        ("{Newsletter: false, DailyDeals: none}", "{}", 16, Code.MISSING_KEY),
        ("name: a sentence", "name: a sentence\n    name: two", 3, Code.DUPLICATE_KEY),
        ("name: a sentence", "name: &x a sentence", 2, Code.ALIAS),
        ("person: ada@example.com", 'person: "a\\0b"', 4, Code.INVALID_NAME),
        ("tier: gold, vip", 'tier: "\\ud800", vip', 7, Code.INVALID_NAME),
        ("age: 42", '"\\ud800": 42', 7, Code.INVALID_NAME),
        ("subscriptions: {Newsletter: true}", "profile: false\n      subscriptions: {Newsletter: true}", 6, Code.WRONG_VALUE),
    ],
)  # fmt: skip
def test_each_mistake_has_its_place_and_code(
    tmp_path: Path, old: str, new: str, line: int, code: Code
) -> None:
    """One slip is told where it stands, and no test of the file is run."""
    assert old in GOOD
    file = read(tmp_path, GOOD.replace(old, new, 1))

    assert (line, code) in [(one.place.line, one.code) for one in file.problems]
    assert file.trials == ()


def test_a_misspelled_key_is_one_mistake(tmp_path: Path) -> None:
    """The right key is not also said to be missing."""
    (problem,) = read(tmp_path, GOOD.replace("expect:", "expects:")).problems

    assert (problem.code, problem.nearest) == (Code.UNKNOWN_KEY, "expect")


@pytest.mark.parametrize(
    "text", ["", "tests: []\n", "tests:\n", "- a\n", "tests: {a: b}\n", b"\xff\xfe", "tests: [1]"]
)
def test_what_is_no_file_of_tests(tmp_path: Path, text: str | bytes) -> None:
    """A file without tests is a mistake and not a success."""
    file = read(tmp_path, text)

    assert file.problems
    assert file.trials == ()


def test_too_many_events_are_refused(tmp_path: Path) -> None:
    """Tests are run before a change takes effect, so there is an end to them."""
    event = "        - actito: {Newsletter: false}\n"
    (problem,) = read(tmp_path, GOOD.replace(event, event * 5_001)).problems

    assert problem.code is Code.TOO_LARGE


def test_payloads_count_towards_the_digest(tmp_path: Path) -> None:
    """Whoever remembers a result notices that a body behind the tests changed."""
    text = GOOD.replace("- actito: {Newsletter: false}", "- actito_payload: a.json")
    digests = set()
    for body in ("{}", "[]"):
        (tmp_path / "a.json").write_text(body)
        digests.add(read(tmp_path, text).digest)

    assert len(digests) == 2


def test_tests_belong_to_the_file_they_stand_beside(tmp_path: Path) -> None:
    """Both endings are found; tests without a mapping are pointed out."""
    (tmp_path / "a.yaml").write_text(HEAD + LINES)
    (tmp_path / "a.tests.yml").write_text(GOOD)
    (tmp_path / "z.tests.yaml").write_text(GOOD)

    assert trials_path(tmp_path / "a.yaml") == tmp_path / "a.tests.yml"
    assert trials_path(tmp_path / "z2.yaml") is None
    found = [(one.file, one.code) for one in read_folder(tmp_path).warnings]
    assert found == [("z.tests.yaml", Code.TESTS_ALONE)]


def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    """A folder in the place of the file is told and stops nothing else."""
    (tmp_path / "brand-a.tests.yaml").mkdir()
    file = read_trials(tmp_path / "brand-a.tests.yaml", MAPPING)

    assert [one.code for one in file.problems] == [Code.UNREADABLE]


@pytest.mark.parametrize("name", ["x" * 300, "circle.json", "secret.json", "/etc/hostname"])
def test_bodies_that_cannot_be_read_are_problems(tmp_path: Path, name: str) -> None:
    """Names that are too long, links in a circle or to the outside are told, never followed."""
    (tmp_path / "circle.json").symlink_to(tmp_path / "circle.json")
    (tmp_path / "secret.json").symlink_to("/etc/hostname")
    file = read(
        tmp_path, GOOD.replace("- actito: {Newsletter: false}", f"- actito_payload: {name}")
    )

    assert [one.code for one in file.problems] == [Code.TEST_PAYLOAD]
