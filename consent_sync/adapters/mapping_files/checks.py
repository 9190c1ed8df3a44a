"""What must hold between the parts of one mapping file, and what is probably not meant.

Each check looks at the parts that are well formed, so it speaks even when another part is wrong.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Final, NamedTuple, TypeVar

from pydantic import ValidationError

from consent_sync.adapters.mapping_files.complaints import TRUTH_WORDS, Complaints, plain
from consent_sync.adapters.mapping_files.paths import selector_text
from consent_sync.adapters.mapping_files.problems import Code, Place, Problem, nearest_word
from consent_sync.adapters.mapping_files.schema import (
    AttributesSection,
    LineSection,
    MappingFile,
    Section,
)
from consent_sync.adapters.mapping_files.tree import Items, Keys, Kind, Scalar, Tree
from consent_sync.domain.consent import Node
from consent_sync.domain.identity import Normalise
from consent_sync.domain.mapping import SyncMode
from consent_sync.domain.profile import SYSTEM_ATTRIBUTES

KNOWN_REGULATIONS: Final = ("gdpr", "cpra", "cpa", "ctdpa", "vcdpa", "ccpa")
"""Only for the spelling: Didomi's list is open, so no other word is refused."""

_FIXED_WORDS: Final = frozenset(
    {"upsert_mode", "enable_webhooks", "create_for", "create_in_didomi", "sync", "inverted"}
    | {"normalise"}
)
"""Keys whose words are given; what is wrong with one of those is said elsewhere."""

S = TypeVar("S", bound=Section)


class _Placed(NamedTuple):
    line: LineSection
    tree: Keys


def across(root: Keys, say: Complaints) -> Iterator[Problem]:
    """Yield what is wrong between lines and between keys, and the warnings about single lines."""
    yield from _duplicate_lines(root, say)
    lines = _valid_lines(root)
    yield from _opposite_lines(lines, say)
    yield from _never_at_rest(lines, say)
    yield from _preferences_alone(lines, say)
    yield from _attributes(root, say)
    yield from _regulations(root, say)
    yield from _bare_words(root, say)


def effects(content: MappingFile, root: Keys, say: Complaints) -> Iterator[Problem]:
    """Yield warnings about keys of a valid file that cannot do what they seem to."""
    if content.upsert_mode and content.identity.normalise is Normalise.SHA256:
        found = "`upsert_mode: true` with `normalise: sha256`"
        expected = "false: a profile cannot be created from the hash of its key"
        yield say.problem(Code.WITHOUT_EFFECT, _key(root, "upsert_mode"), found, expected)
    if content.enable_webhooks:
        return
    for line, tree in _valid_lines(root):
        if line.sync is SyncMode.TO_DIDOMI:
            found = f"`{line.id}` with `sync: to-didomi` while `enable_webhooks` is false"
            expected = "enable_webhooks: true, or another `sync`; only a sweep moves this line"
            yield say.problem(Code.WITHOUT_EFFECT, _key(tree, "sync"), found, expected)


def _duplicate_lines(root: Keys, say: Complaints) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for item in _items(root, "mappings"):
        subscription = _entry(item, "id")
        if not isinstance(subscription, Scalar) or subscription.kind is not Kind.TEXT:
            continue
        line = first.setdefault(subscription.text, subscription.place.line)
        if line != subscription.place.line:
            found = f"the subscription `{subscription.text}` again; line {line} writes it already"
            expected = "each subscription on one line: two would overwrite each other"
            yield say.problem(Code.DUPLICATE_LINE, subscription.place, found, expected)


def _opposite_lines(lines: list[_Placed], say: Complaints) -> Iterator[Problem]:
    first: dict[Node, _Placed] = {}
    for placed in lines:
        other = first.setdefault(placed.line.node, placed)
        if other.line.inverted != placed.line.inverted:
            found = (
                f"{selector_text(placed.line.node)} with `inverted: {_truth(placed.line.inverted)}`; "
                f"line {other.tree.place.line} maps it with {_truth(other.line.inverted)}"
            )
            expected = "one reading of this choice: with both, the two lines never agree"
            place = _key(placed.tree, "inverted", "value")
            yield say.problem(Code.OPPOSITE_LINES, place, found, expected)


def _never_at_rest(lines: list[_Placed], say: Complaints) -> Iterator[Problem]:
    """Two subscriptions that decide on one choice, one of them never corrected by the other.

    What a `to-didomi` line holds is written to Didomi and never changed by us. Beside another line
    that writes the same choice, a yes on the one is undone by an old no on the other, for ever.
    """
    writing = {SyncMode.TWO_WAY, SyncMode.TWO_WAY_STRICT, SyncMode.TO_DIDOMI}
    by_node: defaultdict[Node, list[_Placed]] = defaultdict(list)
    for placed in lines:
        if placed.line.sync in writing:
            by_node[placed.line.node].append(placed)
    for together in by_node.values():
        for one in together:
            if one.line.sync is SyncMode.TO_DIDOMI and len(together) > 1:
                other = next(each for each in together if each is not one)
                found = (
                    f"`sync: to-didomi` for {selector_text(one.line.node)}, "
                    f"which line {other.tree.place.line} writes too"
                )
                expected = "no other line that writes this choice: the two would never agree"
                place = _key(one.tree, "sync", "value")
                yield say.problem(Code.NO_REST, place, found, expected)


def _preferences_alone(lines: list[_Placed], say: Complaints) -> Iterator[Problem]:
    for line, tree in lines:
        node = line.node
        if node.preference and not (node.option or node.channel):
            found = f"the preference `{node.preference}` without an option or a channel"
            expected = "{purpose, preference, option}; only v1 organisations have choices without"
            place = _key(tree, "value")
            yield say.problem(Code.PREFERENCE_ALONE, place, found, expected)


def _attributes(root: Keys, say: Complaints) -> Iterator[Problem]:
    tree = _entry(root, "attributes")
    section = _valid(AttributesSection, tree)
    if section is None or not isinstance(tree, Keys):
        return
    if section.allow is not None and section.deny is not None:
        found, expected = "`deny` beside `allow`", "only one of them"
        yield say.problem(Code.ATTRIBUTES, _key(tree, "deny"), found, expected)
    rename = _entry(tree, "rename")
    if isinstance(rename, Keys):
        yield from _renames(section, rename, _text(_entry(root, "actito"), "user_unique_key"), say)


def _renames(
    section: AttributesSection, rename: Keys, unique_key: str, say: Complaints
) -> Iterator[Problem]:
    passing = set(section.allow or ())
    # What keeps its own name takes that name; a renamed key may not take it too.
    taken = dict.fromkeys(passing - set(section.rename), "`allow`")
    for key, attribute in section.rename.items():
        place = rename.entries[key].value.place
        if attribute in SYSTEM_ATTRIBUTES or attribute == unique_key:
            found, expected = f"`{attribute}` as a new name", "an attribute that may be written"
            yield say.problem(Code.ATTRIBUTES, place, found, expected)
        elif attribute in taken:
            found = f"`{attribute}` as a new name; {taken[attribute]} fills it already"
            yield say.problem(Code.ATTRIBUTES, place, found, "each attribute filled by one key")
        taken[attribute] = f"`{key}`"
        blocked = section.allow is not None and key not in passing
        if blocked or key in (section.deny or ()):
            found, expected = (
                f"`{key}`, which does not pass",
                "a key that `allow` or `deny` lets pass",
            )
            nearest = nearest_word(key, passing)
            where = rename.entries[key].place
            yield say.problem(Code.WITHOUT_EFFECT, where, found, expected, nearest)


def _regulations(root: Keys, say: Complaints) -> Iterator[Problem]:
    for item in _items(_entry(root, "didomi"), "regulations"):
        if not isinstance(item, Scalar) or item.kind is not Kind.TEXT:
            continue
        nearest = nearest_word(item.text, KNOWN_REGULATIONS)
        if item.text.casefold() == item.text and item.text not in KNOWN_REGULATIONS:
            found = f"the regulation `{item.text}`"
            expected = (
                f"a known one ({', '.join(KNOWN_REGULATIONS)}) or one that Didomi added since"
            )
            yield say.problem(Code.UNKNOWN_REGULATION, item.place, found, expected, nearest)


def _bare_words(tree: Tree, say: Complaints) -> Iterator[Problem]:
    """Names that many programs would read as a truth value, though this one does not."""
    if isinstance(tree, Items):
        for item in tree.items:
            yield from _bare_words(item, say)
    elif isinstance(tree, Keys):
        for key, entry in tree.entries.items():
            if key not in _FIXED_WORDS:
                yield from _bare_words(entry.value, say)
    elif tree.plain and tree.kind is Kind.TEXT and tree.text.casefold() in TRUTH_WORDS:
        found = f"the name `{tree.text}` without quotes"
        truth = TRUTH_WORDS[tree.text.casefold()]
        expected = f"it in quotes; here it is text, but many programs read a bare one as {truth}"
        yield say.problem(Code.BARE_WORD, tree.place, found, expected, f"'{tree.text}'")


def _valid_lines(root: Keys) -> list[_Placed]:
    items = [item for item in _items(root, "mappings") if isinstance(item, Keys)]
    checked = [(_valid(LineSection, item), item) for item in items]
    return [_Placed(line, item) for line, item in checked if line is not None]


def _valid(section: type[S], tree: Tree | None) -> S | None:
    if tree is None:
        return None
    try:
        return section.model_validate(plain(tree))
    except ValidationError:
        return None


def _entry(tree: Tree | None, key: str) -> Tree | None:
    entry = tree.entries.get(key) if isinstance(tree, Keys) else None
    return entry.value if entry is not None else None


def _items(tree: Tree | None, key: str) -> list[Tree]:
    value = _entry(tree, key)
    return value.items if isinstance(value, Items) else []


def _text(tree: Tree | None, key: str) -> str:
    value = _entry(tree, key)
    return value.text if isinstance(value, Scalar) and value.kind is Kind.TEXT else ""


def _key(tree: Keys, *keys: str) -> Place:
    """Return the place of the first of these keys that is there."""
    return next((tree.entries[key].place for key in keys if key in tree.entries), tree.place)


def _truth(value: bool) -> str:
    return "true" if value else "false"
