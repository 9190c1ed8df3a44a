"""Walking the tree of a file of tests: every value read or complained about, with its place."""

import re
from collections.abc import Callable, Collection, Iterator
from collections.abc import Mapping as MappingView
from typing import Final, TypeVar

from consent_sync.adapters.mapping_files.problems import Code, Place, Problem, nearest_word, shown
from consent_sync.adapters.mapping_files.tree import (
    Entry,
    Items,
    Keys,
    Kind,
    Scalar,
    Tree,
    in_words,
    line_text,
)
from consent_sync.domain import profile
from consent_sync.domain.moments import HOUR, MINUTE, SECOND, Micros

Value = TypeVar("Value")

_SPAN: Final = re.compile(r"(\d{1,6})\s*([a-z]+)")
_UNITS: Final = {
    **dict.fromkeys(("s", "second", "seconds"), SECOND),
    **dict.fromkeys(("min", "minute", "minutes"), MINUTE),
    **dict.fromkeys(("h", "hour", "hours"), HOUR),
    **dict.fromkeys(("d", "day", "days"), 24 * HOUR),
}


class Blocks:
    """Reads values of one file and collects what is wrong with them."""

    def __init__(self, file: str, lines: list[str]) -> None:
        self._file = file
        self._lines = lines
        self.problems: list[Problem] = []

    def complain(
        self, code: Code, place: Place, found: str, expected: str, nearest: str = ""
    ) -> None:
        """Note one more problem."""
        text = line_text(self._lines, place)
        self.problems.append(Problem(code, self._file, place, found, expected, nearest, text))

    def entries(self, tree: Tree, known: Collection[str], what: str) -> dict[str, Entry]:
        """Return the known keys of a block; unknown ones are complained about."""
        if not isinstance(tree, Keys):
            self._wrong_type(tree, f"a block of keys: {what}")
            return {}
        for key, entry in tree.entries.items():
            if key not in known:
                found, expected = f"the unknown key `{shown(key)}`", f"only {', '.join(known)}"
                self.complain(
                    Code.UNKNOWN_KEY, entry.place, found, expected, nearest_word(key, known)
                )
        return {key: entry for key, entry in tree.entries.items() if key in known}

    def items(self, tree: Tree, what: str) -> list[Tree]:
        """Return the items of a list that has at least one."""
        if not isinstance(tree, Items):
            self._wrong_type(tree, f"a list of {what}")
            return []
        if not tree.items:
            self.complain(Code.EMPTY_LIST, tree.place, "an empty list", f"at least one of {what}")
        return tree.items

    def missing(self, place: Place, key: str, meaning: str) -> None:
        """Note that a required key is not there, unless a misspelled one was noted already."""
        if any(one.code is Code.UNKNOWN_KEY and one.nearest == key for one in self.problems):
            return
        self.complain(Code.MISSING_KEY, place, f"no key `{key}`", f"`{key}`: {meaning}")

    def text(self, tree: Tree, what: str) -> str:
        """Return a text that is not empty and can be printed."""
        if isinstance(tree, Scalar) and tree.kind is Kind.TEXT and tree.text.strip():
            return tree.text if self._printable(tree.text, tree.place) else ""
        self._wrong_type(tree, what)
        return ""

    def truth(self, tree: Tree) -> bool:
        """Return true or false."""
        if isinstance(tree, Scalar) and tree.kind is Kind.TRUTH:
            return tree.text.casefold() == "true"
        self._wrong_type(tree, "true or false")
        return False

    def word(self, tree: Tree, words: MappingView[str, Value]) -> Value | None:
        """Return what one of these words stands for; true and false may be among them."""
        if isinstance(tree, Scalar) and tree.kind in {Kind.TEXT, Kind.TRUTH}:
            text = tree.text.casefold() if tree.kind is Kind.TRUTH else tree.text
            if text in words:
                return words[text]
        expected, found = f"one of {', '.join(words)}", in_words(tree)
        text = tree.text if isinstance(tree, Scalar) else ""
        self.complain(Code.WRONG_VALUE, tree.place, found, expected, nearest_word(text, words))
        return None

    def span(self, tree: Tree) -> Micros:
        """Return a span of time, such as `10 min`."""
        found = _SPAN.fullmatch(tree.text.strip()) if isinstance(tree, Scalar) else None
        if found is not None and found[2] in _UNITS:
            return int(found[1]) * _UNITS[found[2]]
        expected = "a number and s, min, hours or days, such as 10 min"
        self.complain(Code.WRONG_VALUE, tree.place, in_words(tree), expected)
        return 0

    def scalar(self, tree: Tree) -> profile.Scalar | None:
        """Return a text, number or truth as a profile or metadata holds it."""
        if isinstance(tree, Scalar) and tree.kind is Kind.TEXT:
            return tree.text if self._printable(tree.text, tree.place) else None
        if isinstance(tree, Scalar) and tree.kind is Kind.TRUTH:
            return tree.text.casefold() == "true"
        if isinstance(tree, Scalar) and tree.kind is Kind.NUMBER:
            return _number(tree.text)
        self._wrong_type(tree, "a text, a number, true or false")
        return None

    def scalars(self, tree: Tree) -> dict[str, tuple[profile.Scalar, Place]]:
        """Return a block of names with a value each."""
        return self.named(tree, "names with a value each", self.scalar)

    def named(
        self, tree: Tree, what: str, read: Callable[[Tree], Value | None]
    ) -> dict[str, tuple[Value, Place]]:
        """Return the values of a block whose keys are free, with the places of the keys."""
        if not isinstance(tree, Keys):
            self._wrong_type(tree, what)
            return {}
        found = (
            (key, read(entry.value), entry.place)
            for key, entry in tree.entries.items()
            if self._printable(key, entry.place)
        )
        return {key: (value, place) for key, value, place in found if value is not None}

    def by_line(
        self, tree: Tree, known: Collection[str], read: Callable[[Tree], Value | None]
    ) -> dict[str, tuple[Value, Place]]:
        """Return values by the lines of the mapping; a line it does not have is complained about."""
        found = self.named(tree, "subscriptions of the mapping with a value each", read)
        return {name: one for name, one in found.items() if self._is_line(name, one[1], known)}

    def _is_line(self, name: str, place: Place, known: Collection[str]) -> bool:
        if name in known:
            return True
        found = f"`{shown(name)}`, which is no line of the mapping"
        expected = f"one of {', '.join(_few(known))}"
        self.complain(Code.TEST_LINE, place, found, expected, nearest_word(name, known))
        return False

    def _printable(self, text: str, place: Place) -> bool:
        if text.isprintable():
            return True
        found = f"`{shown(text)}` with a character that cannot be printed"
        self.complain(Code.INVALID_NAME, place, found, "printable characters only")
        return False

    def _wrong_type(self, tree: Tree, expected: str) -> None:
        if not (isinstance(tree, Scalar) and tree.kind is Kind.REFUSED):
            self.complain(Code.WRONG_TYPE, tree.place, in_words(tree), expected)


def _number(text: str) -> profile.Scalar:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _few(words: Collection[str]) -> Iterator[str]:
    for at, word in enumerate(words):
        if at == 10:
            yield f"and {len(words) - at} more"
            return
        yield word
