"""What differs between two versions of a mapping, line by line and key by key."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from consent_sync.domain.consent import Node
from consent_sync.domain.mapping import AttributeRules, Line, Mapping


class Step(StrEnum):
    """What became of a line or a key."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Difference:
    """One line (by its subscription) or one key of a mapping that differs.

    `before` and `after` say what it was and is, in the words of a mapping file; empty = not there.
    `line_number` is where a line stands now, or stood before it was removed; 0 for a key.
    """

    step: Step
    name: str
    before: str
    after: str
    line_number: int = 0

    @property
    def is_line(self) -> bool:
        """Say whether it is a line and not a key of the file."""
        return self.line_number > 0


def differences(old: Mapping | None, new: Mapping | None) -> tuple[Difference, ...]:
    """Return what differs, keys first, then lines; None stands for no mapping at all.

    Lines that only moved in the file do not differ.
    """
    return (*_keys(old, new), *_lines(old, new))


def node_text(node: Node) -> str:
    """Return a place in Didomi as a mapping file names it."""
    parts = (f"{name}: {value}" for name, value in zip(Node._fields, node, strict=True) if value)
    return "{" + ", ".join(parts) + "}"


def line_text(line: Line) -> str:
    """Return what a line says, its subscription left out."""
    inverted = ", inverted" if line.inverted else ""
    return f"{node_text(line.node)}, {line.sync}{inverted}"


def _lines(old: Mapping | None, new: Mapping | None) -> Iterator[Difference]:
    before = {line.id: line for line in old.lines} if old is not None else {}
    after = {line.id: line for line in new.lines} if new is not None else {}
    for name, line in after.items():
        if name not in before:
            yield Difference(Step.ADDED, name, "", line_text(line), line.line_number)
        elif line_text(before[name]) != line_text(line):
            was, now = line_text(before[name]), line_text(line)
            yield Difference(Step.CHANGED, name, was, now, line.line_number)
    for name, line in before.items():
        if name not in after:
            yield Difference(Step.REMOVED, name, line_text(line), "", line.line_number)


def _keys(old: Mapping | None, new: Mapping | None) -> Iterator[Difference]:
    before = _key_texts(old) if old is not None else {}
    after = _key_texts(new) if new is not None else {}
    for key in after or before:
        was, now = before.get(key, ""), after.get(key, "")
        if was != now:
            step = Step.CHANGED if was and now else Step.ADDED if now else Step.REMOVED
            yield Difference(step, key, was, now)


def _key_texts(mapping: Mapping) -> dict[str, str]:
    return {
        "contact": mapping.contact,
        "account": mapping.account,
        "organization_id": mapping.organization_id,
        "regulations": ", ".join(mapping.regulations),
        "entity_id": mapping.entity,
        "table_name": mapping.table,
        "user_unique_key": mapping.key_attribute,
        "upsert_mode": _truth(mapping.upsert_mode),
        "create_for": mapping.create_for.value,
        "create_in_didomi": _truth(mapping.create_in_didomi),
        "enable_webhooks": _truth(mapping.enable_webhooks),
        "normalise": mapping.normalise.value,
        "attributes": _attributes(mapping.attributes),
    }


def _attributes(rules: AttributeRules) -> str:
    allowed = "all" if rules.allow is None else ", ".join(sorted(rules.allow)) or "none"
    denied = f" but {', '.join(sorted(rules.deny))}" if rules.deny else ""
    renamed = "".join(f"; {key} as {name}" for key, name in sorted(rules.rename.items()))
    return f"{allowed}{denied}{renamed}"


def _truth(value: bool) -> str:
    return "true" if value else "false"
