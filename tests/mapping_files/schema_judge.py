"""A small judge of JSON Schema: the keywords that our schema uses, and no others."""

import re
from typing import Any

_TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
}
_SAYS_NOTHING = {
    "$schema", "$defs", "title", "description", "default", "enumDescriptions", "discriminator",
}  # fmt: skip


class Judge:
    """Says whether a value fits the schema."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self._schema = schema

    def fits(self, value: Any, part: dict[str, Any] | None = None) -> bool:
        """Return whether the value fits a part of the schema, or all of it."""
        part = self._schema if part is None else part
        return all(self._keyword(key, rule, value, part) for key, rule in part.items())

    def _keyword(self, key: str, rule: Any, value: Any, part: dict[str, Any]) -> bool:
        if key in _SAYS_NOTHING or key == "properties":
            return key != "properties" or self._properties(rule, value)
        if key == "$ref":
            return self.fits(value, self._schema["$defs"][rule.rpartition("/")[2]])
        if key == "type":
            return isinstance(value, _TYPES[rule])
        if key in {"oneOf", "anyOf"}:
            found = sum(self.fits(value, one) for one in rule)
            return found == 1 if key == "oneOf" else found > 0
        if key in {"additionalProperties", "propertyNames", "required", "maxProperties"}:
            return not isinstance(value, dict) or self._of_object(key, rule, value, part)
        if key in {"items", "minItems"}:
            return not isinstance(value, list) or self._of_array(key, rule, value)
        if key == "enum":
            return value in rule
        return not isinstance(value, str) or _of_text(key, rule, value)

    def _properties(self, rule: Any, value: Any) -> bool:
        if not isinstance(value, dict):
            return True
        return all(self.fits(value[name], one) for name, one in rule.items() if name in value)

    def _of_object(self, key: str, rule: Any, value: dict[str, Any], part: dict[str, Any]) -> bool:
        if key == "additionalProperties":
            others = [one for name, one in value.items() if name not in part.get("properties", {})]
            return not others if rule is False else all(self.fits(one, rule) for one in others)
        if key == "propertyNames":
            return all(self.fits(name, rule) for name in value)
        return set(rule) <= set(value) if key == "required" else len(value) <= int(rule)

    def _of_array(self, key: str, rule: Any, value: list[Any]) -> bool:
        if key == "items":
            return all(self.fits(item, rule) for item in value)
        return len(value) >= int(rule)


def _of_text(key: str, rule: Any, value: str) -> bool:
    if key == "pattern":
        return re.search(rule, value) is not None
    assert key in {"minLength", "maxLength"}, f"the judge does not know {key}"
    return len(value) >= int(rule) if key == "minLength" else len(value) <= int(rule)
