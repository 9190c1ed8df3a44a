"""What can be wrong with a mapping file, in words a person who edits it understands."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum
from itertools import islice
from typing import Final, NamedTuple

MOST_PROBLEMS: Final = 1_000
"""After so many problems of one file the rest of it is not judged."""

SHOWN_CHARACTERS = 200
"""Longer lines and values are cut when they are shown."""

# Two letters with one of them wrong are half alike; less than that is no likely slip.
_ALIKE = 0.5


class Code(StrEnum):
    """Stable names of the problems; each is explained in docs/errors.md."""

    FOLDER = "mapping-folder"
    UNREADABLE = "mapping-unreadable"
    TOO_LARGE = "mapping-too-large"
    ENCODING = "mapping-encoding"
    EMPTY = "mapping-empty"
    SYNTAX = "mapping-syntax"
    TABS = "mapping-tabs"
    INVISIBLE = "mapping-invisible"
    ALIAS = "mapping-alias"
    TAG = "mapping-tag"
    DOCUMENTS = "mapping-documents"
    TOO_DEEP = "mapping-too-deep"
    DUPLICATE_KEY = "mapping-duplicate-key"
    KEY = "mapping-key"
    TOO_MANY = "mapping-too-many"
    UNKNOWN_KEY = "mapping-unknown-key"
    MISSING_KEY = "mapping-missing-key"
    WRONG_TYPE = "mapping-wrong-type"
    WRONG_VALUE = "mapping-wrong-value"
    INVALID_NAME = "mapping-invalid-name"
    EMPTY_LIST = "mapping-empty-list"
    SELECTOR = "mapping-selector"
    PATH = "mapping-path"
    AMBIGUOUS_PATH = "mapping-ambiguous-path"
    DUPLICATE_LINE = "mapping-duplicate-line"
    OPPOSITE_LINES = "mapping-opposite-lines"
    NO_REST = "mapping-no-rest"
    ATTRIBUTES = "mapping-attributes"
    DUPLICATE_NAME = "mapping-duplicate-name"
    NOT_STORED = "mapping-not-stored"
    TURNED_ROUND = "mapping-turned-round"
    TEST_FAILED = "mapping-test-failed"
    TEST_LINE = "mapping-test-line"
    TEST_PAYLOAD = "mapping-test-payload"
    NO_TABLE = "mapping-no-table"
    KEY_ATTRIBUTE = "mapping-key-attribute"
    NO_SUBSCRIPTION = "mapping-no-subscription"
    NO_PLACE = "mapping-no-place"
    NOT_ASKED = "mapping-not-asked"
    IMPORT_JSON = "mapping-import-json"
    IMPORT_FAULT = "mapping-import-fault"
    IMPORT_SHAPE = "mapping-import-shape"

    NO_FILES = "mapping-no-files"
    FILE_NOT_READ = "mapping-file-not-read"
    TESTS_ALONE = "mapping-tests-alone"
    MOVED = "mapping-moved"
    PREFERENCE_ALONE = "mapping-preference-alone"
    UNKNOWN_REGULATION = "mapping-unknown-regulation"
    WITHOUT_EFFECT = "mapping-without-effect"
    BARE_WORD = "mapping-bare-word"
    OPPOSITE_FILES = "mapping-opposite-files"
    NO_REGULATION = "mapping-no-regulation"
    NO_ATTRIBUTE = "mapping-no-attribute"
    NOT_LISTED = "mapping-not-listed"


WARNINGS = frozenset(
    {
        Code.NO_FILES,
        Code.FILE_NOT_READ,
        Code.TESTS_ALONE,
        Code.MOVED,
        Code.PREFERENCE_ALONE,
        Code.UNKNOWN_REGULATION,
        Code.WITHOUT_EFFECT,
        Code.BARE_WORD,
        Code.OPPOSITE_FILES,
        Code.NO_REGULATION,
        Code.NO_ATTRIBUTE,
        Code.NOT_LISTED,
    }
)
"""Codes that are told to the reader and stop nothing."""


class Place(NamedTuple):
    """A spot in a file, both counted from 1; line 0 is the file as a whole."""

    line: int = 0
    column: int = 0


WHOLE_FILE: Final = Place()
"""The place of what is wrong with a file and not with one of its lines."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: where, what was found, what was expected, the nearest known word.

    `file` is the file's name without its folder, `text` the line itself, cut and printable.
    """

    code: Code
    file: str
    place: Place
    found: str
    expected: str
    nearest: str = ""
    text: str = ""

    @property
    def warning(self) -> bool:
        """Say whether the file is used all the same."""
        return self.code in WARNINGS

    @property
    def where(self) -> str:
        """Return `file:line:column`, or the file alone."""
        return (
            f"{self.file}:{self.place.line}:{self.place.column}" if self.place.line else self.file
        )

    @property
    def sentence(self) -> str:
        """Return what was found and expected as one sentence without the place."""
        hint = f"; did you mean `{self.nearest}`?" if self.nearest else ""
        return f"found {self.found}, expected {self.expected}{hint}"

    def __str__(self) -> str:
        return f"{self.where}: {self.sentence} [{self.code}]"


def nearest_word(word: str, known: Iterable[str], *, alike: float = _ALIKE) -> str:
    """Return the known word most like this one, letter case aside; empty when none is alike."""
    best, best_ratio = "", 0.0
    for candidate in known:
        ratio = SequenceMatcher(None, word.casefold(), candidate.casefold()).ratio()
        if ratio >= alike and ratio > best_ratio:
            best, best_ratio = candidate, ratio
    return best


def shown(text: str) -> str:
    """Return the text cut to what is shown, with every unprintable character replaced."""
    cut = text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"
    return "".join(char if char.isprintable() else "�" for char in cut.replace("\t", "→"))


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return the problems, each once, by file and from the top of each file to its end."""
    return tuple(
        sorted(dict.fromkeys(problems), key=lambda found: (found.file, found.place, found.code))
    )


def at_most(problems: Iterable[Problem]) -> list[Problem]:
    """Return the first 1,000 problems, and as the last one that there are more."""
    found = list(islice(problems, MOST_PROBLEMS + 1))
    if len(found) > MOST_PROBLEMS:
        last = found[MOST_PROBLEMS]
        words = f"more than {MOST_PROBLEMS:,} problems; the rest of the file was not judged"
        expected = "a mapping file; often the first problem causes all others"
        found[MOST_PROBLEMS] = Problem(Code.TOO_MANY, last.file, last.place, words, expected)
    return found
