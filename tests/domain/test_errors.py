"""Errors are sorted by what happens next."""

import pytest

from consent_sync.domain.errors import (
    AbsentError,
    ConsentSyncError,
    CredentialError,
    PermanentError,
    RefusedError,
    StoreError,
    TemporaryError,
    UnclearError,
)


@pytest.mark.parametrize("kind", [TemporaryError, UnclearError, CredentialError])
def test_what_may_pass_is_tried_again_when_the_platform_wishes(kind: type[TemporaryError]) -> None:
    """An unclear write and refused credentials too: nothing of them is ever given up at once."""
    error = kind("not now", retry_after=7)

    assert isinstance(error, TemporaryError)
    assert error.retry_after == 7


@pytest.mark.parametrize("kind", [PermanentError, AbsentError, StoreError])
def test_what_will_not_pass_is_no_temporary_error(kind: type[ConsentSyncError]) -> None:
    """Repeating it would repeat the failure."""
    assert not issubclass(kind, TemporaryError)
    assert issubclass(kind, ConsentSyncError)


def test_refused_input_says_what_was_found_and_expected_and_where() -> None:
    """So that whoever sent it can mend it."""
    error = RefusedError("no date", code="bad", where="$.created_at", found="x", expected="a date")

    assert (error.where, error.found, error.expected) == ("$.created_at", "x", "a date")
