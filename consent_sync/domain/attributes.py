"""From a Didomi user's metadata to attributes that fit the profile table."""

import re
from collections.abc import Mapping as MappingView
from dataclasses import field

from consent_sync.domain.mapping import AttributeRules
from consent_sync.domain.profile import SYSTEM_ATTRIBUTES, Scalar, TableAttribute, TableStructure
from consent_sync.domain.values import dataclass

_WHOLE = frozenset({"INTEGER", "LONG"})
_NUMBERS = frozenset({"NUMBER", "DECIMAL", "FLOAT", "DOUBLE"})
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_TIMESTAMP = re.compile(r"(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}:\d{2})")
_TRUTHS: dict[str, bool] = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True, slots=True)
class Fitted:
    """Attributes ready to be sent, and why the others were left out (name to reason)."""

    values: MappingView[str, Scalar] = field(default_factory=dict)
    dropped: MappingView[str, str] = field(default_factory=dict)


def attributes_from(
    metadata: MappingView[str, Scalar], rules: AttributeRules, key_attribute: str
) -> dict[str, Scalar]:
    """Return the attributes that metadata may set, by their Actito names; blank sets nothing."""
    chosen: dict[str, Scalar] = {}
    for key, value in metadata.items():
        passes = key not in rules.deny and (rules.allow is None or key in rules.allow)
        blank = isinstance(value, str) and not value.strip()
        name = rules.rename.get(key, key)
        if passes and not blank and name != key_attribute and name not in SYSTEM_ATTRIBUTES:
            chosen[name] = value
    return chosen


def fit(wanted: MappingView[str, Scalar], structure: TableStructure) -> Fitted:
    """Return the values as the table types them; what the table lacks or refuses is dropped."""
    values: dict[str, Scalar] = {}
    dropped: dict[str, str] = {}
    for name, value in wanted.items():
        attribute = structure.attributes.get(name)
        if attribute is None:
            dropped[name] = "the table has no such attribute"
            continue
        typed = _typed(attribute, value)
        problem = "" if typed is None else _restriction(attribute, typed)
        if typed is None:
            dropped[name] = f"the value does not read as {attribute.value_type}"
        elif problem:
            dropped[name] = problem
        else:
            values[name] = typed
    return Fitted(values, dropped)


def missing_mandatory(structure: TableStructure, known: frozenset[str]) -> tuple[str, ...]:
    """Return the mandatory attributes a new profile would lack, by name."""
    return tuple(
        sorted(
            name
            for name, attribute in structure.attributes.items()
            if attribute.mandatory and name not in known and name not in SYSTEM_ATTRIBUTES
        )
    )


def _typed(attribute: TableAttribute, value: Scalar) -> Scalar | None:
    text = str(value).strip()
    kind = attribute.value_type
    if attribute.multi_valued:
        return None
    if kind == "BOOLEAN":
        return _TRUTHS.get(text.lower())
    if isinstance(value, bool):
        text = text.lower()
    if kind in _WHOLE:
        return int(text) if re.fullmatch(r"[+-]?[0-9]{1,18}", text) else None
    if kind in _NUMBERS:
        return float(text) if re.fullmatch(r"[+-]?[0-9]{1,15}(\.[0-9]{1,15})?", text) else None
    if kind == "DATE":
        return text[:10] if _DATE.fullmatch(text[:10]) else None
    if kind in {"TIMESTAMP", "DATETIME"}:
        found = _TIMESTAMP.match(text)
        return f"{found[1]} {found[2]}" if found else None
    return text


def _restriction(attribute: TableAttribute, value: Scalar) -> str:
    text = str(value)
    if attribute.accepted_values is not None and text not in attribute.accepted_values:
        return "the value is not one of those the table accepts"
    # Longest string of any profile attribute. Source: Actito, "Input files - format".
    longest = 255 if attribute.max_length is None else attribute.max_length
    if isinstance(value, str) and len(text) > longest:
        return f"the value is longer than {longest} characters"
    if isinstance(value, str) and len(text) < (attribute.min_length or 0):
        return f"the value is shorter than {attribute.min_length} characters"
    return ""
