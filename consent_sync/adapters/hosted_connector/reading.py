"""Reads a configuration of the hosted connector, in its present and in its legacy shape.

Pages: "Actito" and "Actito Email (older)" of Didomi, and those of the sibling connectors, which
share the object. No value is ever shown that could be a secret: only the names of keys, paths and
subscriptions are.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Final, NamedTuple

from consent_sync.adapters.hosted_connector.configuration import Configuration, HostedLine
from consent_sync.adapters.hosted_connector.faults import faults, repaired
from consent_sync.adapters.mapping_files.documents import read_document
from consent_sync.adapters.mapping_files.paths import likely_path, readings, why_no_path
from consent_sync.adapters.mapping_files.problems import (
    Code,
    Place,
    Problem,
    in_order,
    nearest_word,
    shown,
)
from consent_sync.adapters.mapping_files.text import MAX_BYTES
from consent_sync.adapters.mapping_files.tree import Items, Keys, Kind, Scalar, Tree
from consent_sync.domain.consent import Node

TYPE: Final = "actito"
KEY_PATH: Final = "user_organization_user_id"
METADATA_PATH: Final = "user_metadata_"

_SETTINGS: Final = ("entity_id", "table_name", "user_unique_key")
_TOP: Final = (
    "type_id",
    "authentication",
    "properties",
    "mappings",
    "upsert_mode",
    "enable_webhooks",
    "enable_emailing",
    "config",
    "organization_id",
)
_OF_THE_PLATFORM: Final = frozenset(
    {"id", "name", "description", "enabled", "status", "version", "created_at", "updated_at"}
)
"""What the platform adds to the object when it shows it; it says nothing about people."""


class KnownIds(NamedTuple):
    """The purposes and preferences that exist in Didomi; None = nobody has told."""

    purposes: frozenset[str] | None = None
    preferences: frozenset[str] | None = None

    def fit(self, node: Node) -> bool:
        """Say whether everything that the place names exists, as far as anybody knows."""
        purpose = self.purposes is None or not node.purpose or node.purpose in self.purposes
        preference = node.preference
        return purpose and (
            self.preferences is None or not preference or preference in self.preferences
        )


class Imported(NamedTuple):
    """What came of a configuration: it, or None with everything that is wrong."""

    configuration: Configuration | None
    problems: tuple[Problem, ...]


def read_configuration(
    file: str, data: bytes, known: KnownIds | None = None, *, repair: bool = False
) -> Imported:
    """Read the bytes of a configuration; with `repair` its two known faults are put right first."""
    if len(data) > MAX_BYTES:
        return _refused(
            file, Place(), "a file of more than 5 MB", "a configuration of the connector"
        )
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        return _refused(file, Place(), "bytes that are no UTF-8", "a file saved as UTF-8")
    wrong = [] if repair else list(_faults(file, text))
    text = repaired(text)
    try:
        json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        return Imported(None, in_order([*wrong, _no_json(file, error)]))
    # JSON is YAML, so the reader of the mapping files tells where everything stands.
    document = read_document(file, text.replace("\t", " ").encode())
    hidden = [replace(problem, text="") for problem in document.problems]
    if document.root is None:
        return Imported(None, in_order([*wrong, *hidden]))
    reader = _Reader(file, document.root, known or KnownIds())
    configuration = reader.configuration()
    problems = in_order([*wrong, *hidden, *reader.problems])
    return Imported(None if problems else configuration, problems)


def _faults(file: str, text: str) -> Iterator[Problem]:
    for fault in faults(text):
        expected = f"{fault.expected}; `--repair` puts exactly this right"
        place = _place_at(text, fault.position)
        yield Problem(Code.IMPORT_FAULT, file, place, fault.found, expected)


def _no_json(file: str, error: Exception) -> Problem:
    if isinstance(error, json.JSONDecodeError):
        place, found = Place(error.lineno, error.colno), f"no JSON: {error.msg}"
    else:
        place, found = Place(), "JSON that is nested too deep"
    return Problem(Code.IMPORT_JSON, file, place, found, "the configuration as JSON")


def _refused(file: str, place: Place, found: str, expected: str) -> Imported:
    return Imported(None, (Problem(Code.IMPORT_JSON, file, place, found, expected),))


def _place_at(text: str, position: int) -> Place:
    before = text[:position]
    return Place(before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1)


class _Reader:
    """Takes the parts out of the tree and collects what is wrong with them."""

    def __init__(self, file: str, root: Keys, known: KnownIds) -> None:
        self.problems: list[Problem] = []
        self._file = file
        self._root = root
        self._known = known
        self._left_out: list[str] = []
        self._secrets: list[str] = []
        self._renames: dict[str, str] = {}
        self._key = ""

    def configuration(self) -> Configuration:
        """Return what the configuration says; what is wrong with it is among the problems."""
        top = self._root.entries
        self._keys(self._root, _TOP, "")
        kind = self._text(self._root, "type_id")
        if kind not in {"", TYPE}:
            found = f"the connector `{shown(kind)}`"
            self._note(top["type_id"].value.place, found, f"`{TYPE}`")
        legacy = self._block("config")
        settings = legacy if legacy is not None else self._block("properties")
        self._secret_keys(legacy)
        if legacy is None and settings is not None:
            self._keys(settings, _SETTINGS, "properties.")
        listed = top.get("mappings") or (legacy and legacy.entries.get("properties"))
        lines = tuple(self._lines(listed.value if listed else None))
        if self._truth("enable_emailing"):
            self._left_out.append("mails and texts that Didomi sends through Actito")
        if "enable_webhooks" not in top:
            self._left_out.append("the way back, from Actito to Didomi: nothing says it is open")
        entity, table, key = (
            self._text(settings, name) if settings is not None else "" for name in _SETTINGS
        )
        return Configuration(
            lines=lines,
            entity_id=entity,
            table_name=table,
            user_unique_key=key or self._key,
            organization_id=self._text(self._root, "organization_id"),
            upsert_mode=self._truth("upsert_mode"),
            enable_webhooks=self._truth("enable_webhooks"),
            renames=self._renames,
            secrets=tuple(self._secrets),
            left_out=tuple(self._left_out),
        )

    def _keys(self, here: Keys, known: tuple[str, ...], above: str) -> None:
        """Complain about a likely slip, and remember whatever else is not carried over."""
        for key, entry in here.entries.items():
            if key in known or (not above and key in _OF_THE_PLATFORM):
                continue
            nearest = nearest_word(key, known, alike=0.75)
            if any(word in key.casefold() for word in ("key", "secret", "token", "password")):
                self._secrets.append(f"{above}{shown(key)}")
            elif nearest:
                self._note(entry.place, f"the unknown key `{shown(key)}`", "a known one", nearest)
            else:
                self._left_out.append(f"the key `{above}{shown(key)}`, which is not known")

    def _secret_keys(self, legacy: Keys | None) -> None:
        authentication = self._block("authentication")
        if authentication is not None:
            self._secrets += [f"authentication.{shown(key)}" for key in authentication.entries]
        if legacy is not None:
            others = legacy.entries.keys() - {*_SETTINGS, "properties"}
            self._secrets += [f"config.{shown(key)}" for key in sorted(others)]

    def _lines(self, listed: Tree | None) -> Iterator[HostedLine]:
        if not isinstance(listed, Items) or not listed.items:
            place = listed.place if listed is not None else self._root.place
            self._note(
                place, "no list of mapped subscriptions", "`mappings` with {id, value} items"
            )
            return
        for item in listed.items:
            line = self._line(item)
            if line is not None:
                yield line

    def _line(self, item: Tree) -> HostedLine | None:
        if not isinstance(item, Keys) or {*item.entries} - {"id", "value"}:
            self._note(item.place, "an item with other keys", "only `id` and `value`")
            return None
        name, path = self._text(item, "id"), self._text(item, "value")
        place = item.entries["value"].value.place if "value" in item.entries else item.place
        if not name or not path:
            self._note(item.place, "an item without `id` or `value`", "both of them, as text")
            return None
        if path == KEY_PATH:
            self._key = name
            return None
        if path.startswith(METADATA_PATH) and path != METADATA_PATH:
            self._renames[path.removeprefix(METADATA_PATH)] = name
            return None
        return self._choice(name, path, place)

    def _choice(self, name: str, path: str, place: Place) -> HostedLine | None:
        found = readings(path)
        if not found and readings(name):
            words = f"the path `{shown(name)}` as the subscription"
            self._note(place, words, "the path in `value` and the subscription in `id`")
            return None
        if not found:
            problem = Problem(
                Code.PATH, self._file, place, f"the text `{shown(path)}`", why_no_path(path),
                likely_path(path),
            )  # fmt: skip
            self.problems.append(problem)
            return None
        fitting = tuple(node for node in found if self._known.fit(node))
        if not fitting:
            ids = {*(self._known.purposes or ()), *(self._known.preferences or ())}
            nearest = nearest_word(found[0].preference or found[0].purpose, ids)
            words = f"the path `{shown(path)}`, of which Didomi knows nothing"
            self._note(place, words, "a purpose or preference that exists", nearest)
            return None
        return HostedLine(name, path, fitting, place)

    def _block(self, key: str) -> Keys | None:
        entry = self._root.entries.get(key)
        if entry is None:
            return None
        if isinstance(entry.value, Keys):
            return entry.value
        self._note(entry.place, f"`{key}` that is no object", "an object in { }")
        return None

    def _text(self, here: Keys, key: str) -> str:
        entry = here.entries.get(key)
        if entry is None:
            return ""
        if isinstance(entry.value, Scalar) and entry.value.kind is Kind.TEXT:
            return entry.value.text
        self._note(entry.place, f"`{key}` that is no text", 'a text in quotes, such as "acme"')
        return ""

    def _truth(self, key: str) -> bool:
        entry = self._root.entries.get(key)
        if entry is None:
            return False
        if isinstance(entry.value, Scalar) and entry.value.kind is Kind.TRUTH:
            return entry.value.text == "true"
        self._note(entry.place, f"`{key}` that is no truth value", "true or false, without quotes")
        return False

    def _note(self, place: Place, found: str, expected: str, nearest: str = "") -> None:
        problem = Problem(Code.IMPORT_SHAPE, self._file, place, found, expected, nearest)
        self.problems.append(problem)
