"""One file of tests: from its bytes to tests that can be run, or to everything that is wrong with it."""

import hashlib
from functools import partial
from pathlib import Path
from typing import Final

from consent_sync.adapters.mapping_files.documents import read_document
from consent_sync.adapters.mapping_files.problems import (
    WHOLE_FILE,
    Code,
    Problem,
    in_order,
    shown,
)
from consent_sync.adapters.mapping_files.text import MAX_BYTES
from consent_sync.adapters.mapping_files.tree import Entry, Items, Keys, Tree
from consent_sync.adapters.trial_files.blocks import Blocks
from consent_sync.adapters.trial_files.model import Expected, Given, Happening, Trial, TrialFile
from consent_sync.domain.consent import Choice
from consent_sync.domain.identity import Side
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.profile import Scalar as Plain
from consent_sync.domain.verdicts import Verdict

MAX_EVENTS: Final = 5_000
"""How many events all tests of a file may have: they are run before a change takes effect."""

MAX_PAYLOAD: Final = 8 * 1024 * 1024
"""The largest webhook body, the same as at the door."""

PERSON: Final = "person@example.com"
"""Who a test is about when it names nobody."""

_CHOICES: Final = {one.value: one for one in Choice}
_CHOICE_WORDS: Final = {one.value: one.value for one in Choice}
_TRUTHS: Final = {"true": "true", "false": "false", "none": "none"}
_SUBSCRIPTIONS: Final = {"true": True, "false": False}
_VERDICTS: Final = {one.value: one.value for one in Verdict}

_TEST_KEYS: Final = ("name", "given", "expect")
_GIVEN_KEYS: Final = (
    "person",
    "didomi",
    "subscriptions",
    "attributes",
    "profile",
    "profile_id",
    "known",
    "events",
)
_EVENT_KINDS: Final = ("didomi", "actito", "didomi_payload", "actito_payload")
_EVENT_KEYS: Final = (*_EVENT_KINDS, "after", "delayed", "regulation", "metadata")
_EXPECT_KEYS: Final = (
    "subscriptions",
    "didomi",
    "attributes",
    "verdicts",
    "received",
    "profile",
)


def trials_path(mapping_file: Path) -> Path | None:
    """Return the file of tests beside a mapping file, None where there is none; touches the disk."""
    for suffix in (".tests.yaml", ".tests.yml"):
        path = mapping_file.with_name(mapping_file.stem + suffix)
        try:
            if path.exists():
                return path
        except OSError:
            # Reading it will tell what is wrong.
            return path
    return None


def read_trials(path: Path, mapping: Mapping) -> TrialFile:
    """Read a file of tests for a mapping; touches the disk, raises nothing about it."""
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        found = f"a file that cannot be read: {error.strerror}"
        problem = Problem(Code.UNREADABLE, path.name, WHOLE_FILE, found, "a file of tests")
        return TrialFile(path.name, (), (problem,), str(error).encode())
    return _Reader(path, data, mapping).file()


class _Reader:
    def __init__(self, path: Path, data: bytes, mapping: Mapping) -> None:
        self._path = path
        self._document = read_document(path.name, data)
        self._blocks = Blocks(path.name, self._document.lines)
        self._mapping = mapping
        self._known = [line.id for line in mapping.lines]
        self._digest = hashlib.sha256(data)
        self._events = 0

    def file(self) -> TrialFile:
        root, trials = self._document.root, []
        if root is not None:
            top = self._blocks.entries(root, ("tests",), "tests")
            if "tests" in top:
                tests = self._blocks.items(top["tests"].value, "tests")
                trials = [self._trial(tree) for tree in tests]
            elif not self._blocks.problems:
                self._blocks.missing(root.place, "tests", "the list of tests")
        if self._events > MAX_EVENTS:
            found, expected = f"{self._events:,} events in all tests", f"at most {MAX_EVENTS:,}"
            self._blocks.complain(Code.TOO_LARGE, WHOLE_FILE, found, expected)
        problems = in_order([*self._document.problems, *self._blocks.problems])
        usable = () if problems else tuple(trials)
        lines = tuple(self._document.lines)
        return TrialFile(self._path.name, usable, problems, self._digest.digest(), lines)

    def _trial(self, tree: Tree) -> Trial:
        blocks = self._blocks
        keys = blocks.entries(tree, _TEST_KEYS, ", ".join(_TEST_KEYS))
        for key, meaning in (
            ("name", "a sentence that says what is tested"),
            ("given", "a person and what happens"),
            ("expect", "what must hold in the end"),
        ):
            if key not in keys and isinstance(tree, Keys):
                blocks.missing(tree.place, key, meaning)
        name = blocks.text(keys["name"].value, "a sentence") if "name" in keys else ""
        given, happenings = Given(PERSON), tuple[Happening, ...]()
        if "given" in keys:
            given, happenings = self._given(keys["given"])
        expected = self._expected(keys["expect"]) if "expect" in keys else ()
        place = keys["name"].place if "name" in keys else tree.place
        return Trial(name, place, given, happenings, expected)

    # --- given ---

    def _given(self, entry: Entry) -> tuple[Given, tuple[Happening, ...]]:
        blocks = self._blocks
        keys = blocks.entries(entry.value, _GIVEN_KEYS, ", ".join(_GIVEN_KEYS))
        happenings: tuple[Happening, ...] = ()
        if "events" in keys:
            events = blocks.items(keys["events"].value, "events")
            self._events += len(events)
            happenings = tuple(self._happening(tree) for tree in events)
        elif isinstance(entry.value, Keys):
            blocks.missing(entry.place, "events", "what happens, at least one event")
        given = Given(
            person=blocks.text(keys["person"].value, "a name or an address in quotes")
            if "person" in keys
            else PERSON,
            didomi=self._choices(keys.get("didomi")),
            subscriptions=self._subscriptions(keys.get("subscriptions")),
            attributes=self._scalars(keys.get("attributes")),
            profile=blocks.truth(keys["profile"].value) if "profile" in keys else True,
            profile_id=str(blocks.scalar(keys["profile_id"].value) or "")
            if "profile_id" in keys
            else "",
            known=blocks.truth(keys["known"].value) if "known" in keys else True,
        )
        if not given.profile and given.subscriptions:
            found, expected = "`subscriptions` of a person with `profile: false`", "one of the two"
            blocks.complain(Code.WRONG_VALUE, keys["profile"].place, found, expected)
        return given, happenings

    def _happening(self, tree: Tree) -> Happening:
        blocks = self._blocks
        keys = blocks.entries(tree, _EVENT_KEYS, " or ".join(_EVENT_KINDS))
        kinds = [key for key in _EVENT_KINDS if key in keys]
        if len(kinds) != 1:
            if isinstance(tree, Keys):
                found = " and ".join(f"`{key}`" for key in kinds) or "an event of no kind"
                expected = f"exactly one of {', '.join(_EVENT_KINDS)}"
                blocks.complain(Code.WRONG_VALUE, tree.place, found, expected)
            return Happening(Side.DIDOMI)
        kind, entry = kinds[0], keys[kinds[0]]
        if kind != "didomi":
            for key in ("regulation", "metadata"):
                if key in keys:
                    found, expected = f"`{key}` beside `{kind}`", "it only beside `didomi`"
                    blocks.complain(Code.UNKNOWN_KEY, keys[key].place, found, expected)
        regulation = keys.get("regulation")
        return Happening(
            side=Side.DIDOMI if kind.startswith("didomi") else Side.ACTITO,
            choices=self._choices(entry) if kind == "didomi" else {},
            subscriptions=self._subscriptions(entry) if kind == "actito" else {},
            payload=self._payload(entry.value) if kind.endswith("payload") else None,
            after=blocks.span(keys["after"].value) if "after" in keys else 0,
            delayed=blocks.span(keys["delayed"].value) if "delayed" in keys else 0,
            regulation=blocks.text(regulation.value, "a regulation") if regulation else "",
            metadata=self._scalars(keys.get("metadata")),
        )

    def _payload(self, tree: Tree) -> bytes:
        name, folder = self._blocks.text(tree, "the name of a JSON file"), self._path.parent
        if not name:
            return b""
        expected = "a file of at most 8 MiB inside the folder of the mapping files"
        try:
            path = (folder / name).resolve()
            inside = path.is_relative_to(folder.resolve()) and path.is_file()
            body = _bytes_of(path) if inside else None
        except (OSError, RuntimeError) as error:
            # Names that are too long, links in a circle, rights that are missing.
            found = f"`{shown(name)}`, which cannot be read ({type(error).__name__})"
            self._blocks.complain(Code.TEST_PAYLOAD, tree.place, found, expected)
            return b""
        if body is None:
            found = f"`{shown(name)}`, which is no file there"
            self._blocks.complain(Code.TEST_PAYLOAD, tree.place, found, expected)
            return b""
        if len(body) > MAX_PAYLOAD:
            self._blocks.complain(Code.TEST_PAYLOAD, tree.place, "a larger file", expected)
        self._digest.update(body)
        return body

    def _choices(self, entry: Entry | None) -> dict[str, Choice]:
        if entry is None:
            return {}
        found = self._blocks.by_line(
            entry.value, self._known, lambda tree: self._blocks.word(tree, _CHOICES)
        )
        return {name: choice for name, (choice, _) in found.items() if choice is not Choice.NONE}

    def _subscriptions(self, entry: Entry | None) -> dict[str, bool]:
        if entry is None:
            return {}
        found = self._blocks.by_line(
            entry.value, self._known, lambda tree: self._blocks.word(tree, _SUBSCRIPTIONS)
        )
        return {name: value for name, (value, _) in found.items()}

    def _scalars(self, entry: Entry | None) -> dict[str, Plain]:
        if entry is None:
            return {}
        found = self._blocks.scalars(entry.value)
        return {name: value for name, (value, _) in found.items()}

    # --- expect ---

    def _expected(self, entry: Entry) -> tuple[Expected, ...]:
        blocks, found = self._blocks, list[Expected]()
        keys = blocks.entries(entry.value, _EXPECT_KEYS, ", ".join(_EXPECT_KEYS))
        by_line: tuple[tuple[str, dict[str, str]], ...] = (
            ("subscriptions", _TRUTHS),
            ("didomi", _CHOICE_WORDS),
            ("verdicts", _VERDICTS),
        )
        for part, words in by_line:
            if part in keys:
                read = partial(blocks.word, words=words)
                named = blocks.by_line(keys[part].value, self._known, read)
                found += [Expected(part, name, word, at) for name, (word, at) in named.items()]
        if "attributes" in keys:
            scalars = self._blocks.scalars(keys["attributes"].value)
            found += [
                Expected("attributes", name, plain_text(value), place)
                for name, (value, place) in scalars.items()
            ]
        if "received" in keys:
            found += self._received(keys["received"].value)
        if "profile" in keys:
            there = plain_text(blocks.truth(keys["profile"].value))
            found.append(Expected("profile", "", there, keys["profile"].place))
        if not found and not blocks.problems:
            expected = f"at least one of {', '.join(_EXPECT_KEYS)}"
            blocks.complain(Code.MISSING_KEY, entry.place, "nothing that is expected", expected)
        return tuple(found)

    def _received(self, tree: Tree) -> list[Expected]:
        trees = tree.items if isinstance(tree, Items) else [tree]
        words = [(self._blocks.word(one, _VERDICTS), one.place) for one in trees]
        return [
            Expected("received", str(number), word, place)
            for number, (word, place) in enumerate(words, 1)
            if word is not None
        ]


def _bytes_of(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(MAX_PAYLOAD + 1)


def plain_text(value: Plain) -> str:
    """Return a value as a file of tests writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
