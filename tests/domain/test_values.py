"""Changed copies of frozen values."""

from dataclasses import FrozenInstanceError, replace
from dataclasses import dataclass as strict

import pytest

from consent_sync.domain.identity import Names
from consent_sync.domain.values import replaced


def test_a_copy_has_the_changed_fields_and_all_others() -> None:
    """It equals the copy that the standard library makes, and the original stays as it was."""
    names = Names("ada@example.com", "ada", "7")

    copy = replaced(names, actito_key="Ada")

    assert copy == replace(names, actito_key="Ada") == Names("ada@example.com", "Ada", "7")
    assert names == Names("ada@example.com", "ada", "7")


def test_a_copy_of_a_strictly_frozen_value_is_strictly_frozen() -> None:
    """Where the standard library freezes at run time, copies are made all the same."""

    @strict(frozen=True, slots=True)
    class Pair:
        left: str = ""
        right: str = ""

    copy = replaced(Pair("a", "b"), right="c")

    assert copy == Pair("a", "c")
    with pytest.raises(FrozenInstanceError):
        copy.right = ""  # type: ignore[misc]  # that it is refused is the point


def test_equal_values_are_one_in_a_set() -> None:
    """A frozen value has the hash of what it holds."""
    assert len({Names("ada"), replaced(Names("bob"), ouid="ada")}) == 1


def test_a_field_that_does_not_exist_is_refused() -> None:
    """A mistyped name never gets lost."""
    with pytest.raises(TypeError, match="Names has no field ouidd"):
        replaced(Names(), ouidd="ada")  # type: ignore[call-arg]  # that it is refused is the point
