"""From the schema's errors to problems that name the place, in plain words."""

from typing import Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from consent_sync.adapters.mapping_files.problems import (
    MOST_PROBLEMS,
    Code,
    Place,
    Problem,
    nearest_word,
    shown,
)
from consent_sync.adapters.mapping_files.schema import SECTIONS
from consent_sync.adapters.mapping_files.tree import (
    Items,
    Keys,
    Kind,
    Scalar,
    Tree,
    in_words,
    line_text,
)

Location = tuple[int | str, ...]

_TYPES: Final = {
    "string_type": "text",
    "bool_type": "true or false",
    "list_type": "a list, such as [one, two]",
    "dict_type": "a block of keys",
    "model_type": "a block of keys",
    "union_tag_not_found": "a selector, such as {purpose: marketing}",
}
_PATTERNS: Final = {
    "name": "letters, digits and -, at most 64 of them, the first no -",
    "account": "letters, digits and -, at most 64 of them, the first no -",
    "regulations": "a regulation in lower case, such as gdpr",
}
TRUTH_WORDS: Final = {
    "yes": "true",
    "on": "true",
    "y": "true",
    "no": "false",
    "off": "false",
    "n": "false",
}


def plain(tree: Tree) -> object:
    """Return the tree as plain data; a value that is neither text nor truth stays a `Scalar`."""
    if isinstance(tree, Keys):
        return {key: plain(entry.value) for key, entry in tree.entries.items()}
    if isinstance(tree, Items):
        return [plain(item) for item in tree.items]
    if tree.kind is Kind.TRUTH:
        return tree.text.casefold() == "true"
    return tree.text if tree.kind is Kind.TEXT else tree


class Complaints:
    """Turns the schema's errors about one file into problems."""

    def __init__(self, file: str, lines: list[str], root: Keys) -> None:
        self._file = file
        self._lines = lines
        self._root = root

    def problem(
        self, code: Code, place: Place, found: str, expected: str, nearest: str = ""
    ) -> Problem:
        """Return a problem of this file with its line."""
        text = line_text(self._lines, place)
        return Problem(code, self._file, place, found, expected, nearest, text)

    def at(
        self, code: Code, path: Location, found: str, expected: str, nearest: str = ""
    ) -> Problem:
        """Return a problem of the value at this path, or of what is nearest above it."""
        tree: Tree | None = None
        while path and tree is None:
            tree, path = _value_at(self._root, path), path[:-1]
        return self.problem(code, (tree or self._root).place, found, expected, nearest)

    def of(self, error: ValidationError) -> list[Problem]:
        """Return the problems behind one schema error, each mistake once."""
        details = error.errors(include_url=False)[: MOST_PROBLEMS + 1]
        problems = [self._problem_of(one) for one in details]
        # A misspelled key is unknown, and the right one is missing: that is one mistake.
        misspelled = {
            (*_parent(_location(one)), found.nearest)
            for one, found in zip(details, problems, strict=True)
            if found is not None and found.code is Code.UNKNOWN_KEY
        }
        return [
            found
            for one, found in zip(details, problems, strict=True)
            if found is not None and not (one["type"] == "missing" and _location(one) in misspelled)
        ]

    def _problem_of(self, error: ErrorDetails) -> Problem | None:
        location = _location(error)
        tree = _value_at(self._root, location)
        if isinstance(tree, Scalar) and tree.kind is Kind.REFUSED:
            return None
        if error["type"] == "extra_forbidden":
            return self._unknown_key(location)
        if tree is None or error["type"] == "missing":
            return self._missing_key(location)
        place = self._key_place(location) if error["loc"][-1] == "[key]" else tree.place
        return self.problem(_code(error, tree), place, *_words(error, tree, location))

    def _unknown_key(self, location: Location) -> Problem:
        key = str(location[-1])
        here = _section(_parent(location))
        known = list(SECTIONS[here].model_fields)
        first, colon, rest = key.partition(":")
        if colon and rest and first in known:
            found = f"`{shown(key)}` without a space behind the colon"
            expected, nearest = f"`{first}: ` and then the value", f"{first}: {shown(rest)}"
            return self.problem(
                Code.UNKNOWN_KEY, self._key_place(location), found, expected, nearest
            )
        elsewhere = [
            f"{section}.{key}".removeprefix(".")
            for section, model in SECTIONS.items()
            if section not in {here, "value"} and key in model.model_fields
        ]
        nearest = elsewhere[0] if elsewhere else nearest_word(key, known)
        expected = f"only {', '.join(known)} {_inside(here)}"
        found = f"the unknown key `{shown(key)}`"
        return self.problem(Code.UNKNOWN_KEY, self._key_place(location), found, expected, nearest)

    def _missing_key(self, location: Location) -> Problem:
        parent = _parent(location)
        tree = _value_at(self._root, parent) or self._root
        key, section = location[-1], _section(parent)
        place = self._key_place(parent) if parent and isinstance(parent[-1], str) else tree.place
        found = f"no key `{key}` {_inside(section)}"
        field = SECTIONS[section].model_fields.get(str(key))
        meaning = field.description if field is not None and field.description else "it is required"
        return self.problem(Code.MISSING_KEY, place, found, f"`{key}`: {_as_clause(meaning)}")

    def _key_place(self, location: Location) -> Place:
        parent = _value_at(self._root, _parent(location))
        if (
            isinstance(parent, Keys)
            and (entry := parent.entries.get(str(location[-1]))) is not None
        ):
            return entry.place
        return self._root.place


def _code(error: ErrorDetails, tree: Tree) -> Code:
    kind = error["type"]
    if kind in set(Code):
        return Code(kind)
    if kind in _TYPES or not (isinstance(tree, Scalar) and tree.kind is Kind.TEXT):
        return Code.EMPTY_LIST if kind == "too_short" else Code.WRONG_TYPE
    if kind == "enum":
        return Code.WRONG_VALUE
    return Code.INVALID_NAME


def _words(error: ErrorDetails, tree: Tree, location: Location) -> tuple[str, str, str]:
    """Return found, expected and nearest."""
    kind, context = error["type"], error.get("ctx", {})
    if kind in set(Code):
        return str(context["found"]), str(context["expected"]), str(context["nearest"])
    found = in_words(tree)
    if kind == "enum":
        expected = str(context["expected"]).replace("'", "")
        options = expected.replace(" or ", ", ").split(", ")
        text = tree.text if isinstance(tree, Scalar) else ""
        off = "off" in options and text.casefold() in {"false", "no"}
        nearest = "off" if off else nearest_word(text, options)
        return found, f"one of {', '.join(options)}", nearest
    if kind == "too_short":
        return "an empty list", "at least one entry", ""
    if kind == "string_too_short":
        return "an empty text", "at least one character", ""
    if kind == "string_too_long":
        return f"a text that starts with `{shown(found)[:40]}`", "at most 255 characters", ""
    if kind == "string_pattern_mismatch":
        names = [part for part in location if isinstance(part, str)]
        return found, _PATTERNS.get(names[-1] if names else "", "letters, digits and -"), ""
    return _type_words(kind, tree, found)


def _type_words(kind: str, tree: Tree, found: str) -> tuple[str, str, str]:
    expected = _TYPES.get(kind, "something else")
    if kind == "list_type" and isinstance(tree, Keys):
        return found, "a list: `- ` before the first key of each entry", ""
    if not isinstance(tree, Scalar):
        return found, expected, ""
    if kind == "bool_type":
        return (
            found,
            expected,
            TRUTH_WORDS.get(tree.text.casefold(), "") or nearest_word(tree.text, ["true", "false"]),
        )
    if kind == "list_type" and tree.kind is Kind.TEXT:
        return found, "a list", f"[{shown(tree.text)}]"
    if kind == "string_type" and tree.kind is not Kind.NOTHING:
        return found, "text; in quotes it is one", f"'{shown(tree.text)}'"
    return found, expected, ""


def _location(error: ErrorDetails) -> Location:
    """Return the path in the file: without the schema's own marks for forms and keys."""
    parts: list[int | str] = []
    for part in error["loc"]:
        form = parts and parts[-1] == "value" and part in {"selector", "path"}
        if not form and part != "[key]":
            parts.append(part)
    return tuple(parts)


def _parent(location: Location) -> Location:
    return location[:-1]


def _section(location: Location) -> str:
    names = [part for part in location if isinstance(part, str)]
    return names[-1] if names and names[-1] in SECTIONS else ""


def _inside(section: str) -> str:
    if section == "mappings":
        return "in a line of `mappings`"
    return f"inside `{section}`" if section else "at the top level"


def _as_clause(sentence: str) -> str:
    return (sentence[:1].lower() + sentence[1:]).rstrip(".").replace("\n", " ")


def _value_at(tree: Tree, location: Location) -> Tree | None:
    here: Tree | None = tree
    for part in location:
        if isinstance(here, Keys):
            entry = here.entries.get(str(part))
            here = entry.value if entry is not None else None
        elif isinstance(here, Items) and isinstance(part, int) and part < len(here.items):
            here = here.items[part]
        else:
            return None
    return here
