"""Changed copies of frozen values are as those of the standard library."""

from dataclasses import replace

import pytest

from consent_sync.domain.state import PersonState, Presence
from consent_sync.domain.values import replaced
from tests.domain.kit import DIDOMI, NO, said


def test_a_copy_differs_in_what_was_asked_for_only() -> None:
    """And the original stays as it was."""
    refusal = said(DIDOMI, NO, 5)
    later = replaced(refusal, not_after=refusal.not_after + 1)

    assert later == replace(refusal, not_after=refusal.not_after + 1)
    assert refusal == said(DIDOMI, NO, 5)


def test_a_copy_is_frozen_and_equal_copies_are_equal() -> None:
    """It is a value like any other."""
    missing = replaced(PersonState(), profile=Presence.MISSING)

    assert missing == PersonState(profile=Presence.MISSING)
    with pytest.raises(AttributeError):
        missing.profile = Presence.PRESENT  # type: ignore[misc]  # that is what must fail


def test_a_field_that_does_not_exist_is_refused() -> None:
    """A slip of the pen must not be lost."""
    with pytest.raises(TypeError, match="no field profil"):
        replaced(PersonState(), profil=Presence.MISSING)  # type: ignore[call-arg]  # the slip itself
