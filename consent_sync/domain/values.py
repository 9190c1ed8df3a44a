"""Frozen values and their changed copies, for what a turn makes by the dozen.

The type checker keeps these values frozen. Keeping them so at run time too makes each of them three
to five times as dear to make, which is a tenth of what the rules of a turn cost.
"""

from dataclasses import fields
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar

__all__ = ["dataclass", "replaced"]

Value = TypeVar("Value")

if TYPE_CHECKING:
    # The type checker knows what is frozen, and the fields that a copy takes.
    from dataclasses import dataclass
    from dataclasses import replace as replaced
else:
    from dataclasses import dataclass as plain

    def dataclass(*, frozen: bool = False, slots: bool = False) -> Any:
        """Return what makes a dataclass whose fields, where `frozen`, only the type checker guards."""
        return plain(slots=slots, unsafe_hash=frozen)

    def replaced(value: Value, /, **changes: Any) -> Value:
        """Return a dataclass of two or more fields with some of them changed.

        As `dataclasses.replace` does, in a fraction of the time, for classes that take all their
        fields and do nothing with them. Raises TypeError for a field that the class does not have.
        """
        kind = type(value)
        values_of, places = _fields(kind)
        values = [*values_of(value)]
        for name, changed in changes.items():
            place = places.get(name)
            if place is None:
                raise TypeError(f"{kind.__name__} has no field {name}")
            values[place] = changed
        return kind(*values)


@cache
def _fields(kind: Any) -> tuple["attrgetter[Any]", dict[str, int]]:
    """Return what reads all fields of a class, and their places."""
    names = [field.name for field in fields(kind)]
    return attrgetter(*names), {name: place for place, name in enumerate(names)}
