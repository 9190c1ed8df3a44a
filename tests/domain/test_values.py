"""Changed copies of frozen values."""

from dataclasses import FrozenInstanceError, replace

import pytest

from consent_sync.domain.identity import Names
from consent_sync.domain.state import LineState
from consent_sync.domain.values import replaced


def test_a_copy_has_the_changed_fields_and_all_others() -> None:
    """It equals the copy that the standard library makes, and the original stays as it was."""
    names = Names("ada@example.com", "ada", "7")

    copy = replaced(names, actito_key="Ada")

    assert copy == replace(names, actito_key="Ada") == Names("ada@example.com", "Ada", "7")
    assert names == Names("ada@example.com", "ada", "7")


def test_a_copy_is_as_frozen_as_its_original() -> None:
    """Nobody can change it either."""
    copy = replaced(LineState(), held="held_review")

    with pytest.raises(FrozenInstanceError):
        copy.held = ""  # type: ignore[misc]  # that it is refused is the point


def test_a_field_that_does_not_exist_is_refused() -> None:
    """A mistyped name never gets lost."""
    with pytest.raises(TypeError, match="Names has no field ouidd"):
        replaced(Names(), ouidd="ada")  # type: ignore[call-arg]  # that it is refused is the point
