"""From the bytes of a mapping file to a tree in which every key and value knows its place.

YAML 1.2: `no`, `off` and `on` are texts. Only the part of YAML that a mapping needs is accepted:
one document without anchors, aliases, tags and directives, so that what is read is what stands there.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.reader import ReaderError

from consent_sync.adapters.mapping_files.problems import (
    MOST_PROBLEMS,
    WHOLE_FILE,
    Code,
    Place,
    Problem,
    shown,
)
from consent_sync.adapters.mapping_files.slips import (
    Repaired,
)
from consent_sync.adapters.mapping_files.syntax import syntax_place, syntax_words
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

MAX_DEPTH: Final = 12
"""A valid file is five levels deep; far deeper ones are made to exhaust the reader."""

_TAGS: Final = "tag:yaml.org,2002:"

_KINDS: Final = {
    "bool": Kind.TRUTH,
    "int": Kind.NUMBER,
    "float": Kind.NUMBER,
    "timestamp": Kind.DATE,
    "null": Kind.NOTHING,
}


class Document(NamedTuple):
    """A file's lines, its tree (None when it cannot be read at all) and what is wrong so far.

    `partial` says that lines which cannot be read were left out, so that something may be missing
    in the tree that stands in the file.
    """

    lines: list[str]
    root: Keys | None
    problems: list[Problem]
    partial: bool = False


class _StopError(Exception):
    """Reading cannot go on after this problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


class Parsed(NamedTuple):
    """A document, and the syntax error that kept the parser from its end, if one did."""

    document: Document
    stopped: Problem | None = None


def parsed(file: str, lines: list[str], better: Sequence[Repaired] = ()) -> Parsed:
    """Read the lines of a file, or these better ones, which are told as if they were the file's."""
    reader = _Reader(file, lines, better)
    text = "\n".join([line.text for line in better] if better else lines)
    try:
        reader.refuse_directives()
        return Parsed(Document(lines, reader.read(text), reader.problems))
    except _StopError as stop:
        return Parsed(Document(lines, None, [*reader.problems, stop.problem]))
    except YAMLError as error:
        return Parsed(Document(lines, None, reader.problems), reader.syntax(text, error))


class _Reader:
    """Builds the tree of one file from the parser's events and collects what it refuses."""

    def __init__(self, file: str, lines: list[str], better: Sequence[Repaired] = ()) -> None:
        self.problems: list[Problem] = []
        self.lines = lines
        self._file = file
        self._better = better
        self._yaml = YAML(typ="safe", pure=True)

    def refuse_directives(self) -> None:
        """Stop before the parser sees a directive: a YAML version would change what words mean."""
        for number, line in enumerate(self.lines, 1):
            if line.startswith("%"):
                found, expected = "a directive (`%`)", "keys; a mapping file is YAML 1.2"
                raise _StopError(self._problem(Code.SYNTAX, Place(number, 1), found, expected))

    def read(self, text: str) -> Keys:
        """Return the keys at the top level of the only document."""
        events: Iterator[Event] = iter(self._yaml.parse(text))
        root: Tree | None = None
        for event in events:
            if isinstance(event, DocumentStartEvent):
                if root is not None:
                    raise _StopError(self._second_document(event))
                root = self._tree(next(events), events, 0)
        if not isinstance(root, Keys):
            raise _StopError(self._no_keys(root))
        return root

    def _tree(self, event: Event, events: Iterator[Event], depth: int) -> Tree:
        place = self._place(event)
        if depth > MAX_DEPTH:
            found, expected = "another level inside", f"at most {MAX_DEPTH} levels"
            raise _StopError(self._problem(Code.TOO_DEEP, place, found, expected))
        if isinstance(event, AliasEvent):
            self._note(Code.ALIAS, place, f"the alias `*{event.anchor}`", "the value itself")
            return Scalar(place, Kind.REFUSED)
        self._refuse_decorations(event, place)
        if isinstance(event, MappingStartEvent):
            return self._keys(place, events, depth)
        if isinstance(event, SequenceStartEvent):
            items = Items(place)
            while not isinstance(event := next(events), SequenceEndEvent):
                items.items.append(self._tree(event, events, depth + 1))
            return items
        return self._scalar(event, place)

    def _keys(self, place: Place, events: Iterator[Event], depth: int) -> Keys:
        keys = Keys(place)
        while not isinstance(event := next(events), MappingEndEvent):
            key = self._tree(event, events, depth + 1)
            value = self._tree(next(events), events, depth + 1)
            if not isinstance(key, Scalar):
                self._note(Code.KEY, key.place, "a list or a block used as a key", "a plain word")
            elif key.kind is Kind.REFUSED:
                continue
            elif (first := keys.entries.get(key.text)) is not None:
                found = f"the key `{shown(key.text)}` again; line {first.place.line} has it already"
                self._note(Code.DUPLICATE_KEY, key.place, found, "each key once")
            else:
                keys.entries[key.text] = Entry(key.place, _at_its_key(value, key.place))
        return keys

    def _scalar(self, event: Event, place: Place) -> Scalar:
        text = str(event.value) if isinstance(event, ScalarEvent) else ""
        plain = isinstance(event, ScalarEvent) and event.style is None
        if getattr(event, "tag", None):
            return Scalar(place, Kind.REFUSED, text)
        if not plain:
            return Scalar(place, Kind.TEXT, text)
        tag = str(self._yaml.resolver.resolve(ScalarNode, text, (True, False)))
        return Scalar(place, _KINDS.get(tag.rpartition(":")[2], Kind.TEXT), text, plain=True)

    def _refuse_decorations(self, event: Event, place: Place) -> None:
        anchor, tag = getattr(event, "anchor", None), getattr(event, "tag", None)
        if anchor:
            found, expected = f"the anchor `&{shown(anchor)}`", "the value without it"
            self._note(Code.ALIAS, place, found, expected)
        if tag:
            found = f"the tag `{shown(str(tag).replace(_TAGS, '!!'))}`"
            self._note(Code.TAG, place, found, "the value without it")

    def _second_document(self, event: Event) -> Problem:
        expected = "one mapping in a file; put the second one in a file of its own"
        return self._problem(
            Code.DOCUMENTS, self._place(event), "a second document (`---`)", expected
        )

    def _no_keys(self, root: Tree | None) -> Problem:
        expected = "the keys of a mapping, such as `name: brand-a`"
        if root is None or (isinstance(root, Scalar) and root.kind is Kind.NOTHING):
            return self._problem(Code.EMPTY, WHOLE_FILE, "nothing in the file", expected)
        return self._problem(Code.WRONG_TYPE, root.place, in_words(root), expected)

    def syntax(self, text: str, error: YAMLError) -> Problem:
        """Say in our words what the parser could not read."""
        if isinstance(error, ReaderError):
            place, found = _place_at(text, error.position), "a control character"
            return self._problem(Code.ENCODING, place, found, "printable text")
        if not isinstance(error, MarkedYAMLError) or error.problem_mark is None:
            return self._problem(Code.SYNTAX, WHOLE_FILE, "something that is no YAML", "YAML 1.2")
        place = syntax_place(error, self.lines)
        words = syntax_words(error, self.lines, place)
        return self._problem(Code.SYNTAX, place, *words)

    def _place(self, event: Event) -> Place:
        """Return where an event stands in the file as it was written."""
        line, column = event.start_mark.line, event.start_mark.column
        if line < len(self._better) and column > self._better[line].after:
            column = max(0, column - self._better[line].added)
        return Place(line + 1, column + 1)

    def _note(self, code: Code, place: Place, found: str, expected: str) -> None:
        self.problems.append(self._problem(code, place, found, expected))
        if len(self.problems) >= MOST_PROBLEMS:
            words = f"more than {MOST_PROBLEMS:,} problems"
            raise _StopError(self._problem(Code.TOO_MANY, place, words, "a mapping file"))

    def _problem(
        self, code: Code, place: Place, found: str, expected: str, nearest: str = ""
    ) -> Problem:
        text = line_text(self.lines, place)
        return Problem(code, self._file, place, found, expected, nearest, text)


def _at_its_key(value: Tree, place: Place) -> Tree:
    """Give an absent value the place of its key; the parser puts it behind all that follows."""
    absent = isinstance(value, Scalar) and value.kind is Kind.NOTHING and not value.text
    return Scalar(place, Kind.NOTHING) if absent else value


def _place_at(text: str, position: int) -> Place:
    before = text[:position]
    return Place(before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1)
