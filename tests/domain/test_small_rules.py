"""Names, trees, lists and retries: the small rules that the others rest on."""

import hashlib

import pytest

from consent_sync.domain.consent import Choice
from consent_sync.domain.identity import (
    Normalise,
    Subject,
    person_from_actito_key,
    person_from_ouid,
    unresolved_person,
    unresolved_profile_id,
)
from consent_sync.domain.moments import HOUR, SECOND
from consent_sync.domain.own_events import basis_of, own_event_id
from consent_sync.domain.retry import RetryPolicy, next_attempt
from consent_sync.domain.translate import (
    choice_from_subscription,
    rebuilt_list,
    subscription_from_choice,
)
from tests.doubles.mappings import a_line

YES, NO = Choice.GRANTED, Choice.DENIED
HASH = hashlib.sha256(b"ann@example.com").hexdigest()


@pytest.mark.parametrize(
    ("how", "ouid", "key", "person"),
    [
        (Normalise.NONE, " Ann ", " Ann ", " Ann "),
        (Normalise.TRIM, " Ann ", "Ann", "Ann"),
        (Normalise.LOWER, " Ann@Example.com", "ann@example.com", "ann@example.com"),
        (Normalise.SHA256, HASH.upper(), " Ann@example.com ", HASH),
    ],
)
def test_both_spellings_come_to_one_person(
    how: Normalise, ouid: str, key: str, person: str
) -> None:
    """What Didomi and Actito call a person becomes the same key, as the mapping file says."""
    assert person_from_ouid(ouid, how) == person
    assert person_from_actito_key(key, how) == person


def test_a_profile_without_a_known_key_has_a_stand_in() -> None:
    """The stand-in leads back to the profile number and is no real person's key."""
    assert unresolved_profile_id(unresolved_person("1042")) == "1042"
    assert unresolved_profile_id("1042") is None
    assert person_from_actito_key("  ", Normalise.SHA256) == ""


@pytest.mark.parametrize("inverted", [False, True])
def test_a_choice_and_its_subscription_lead_to_each_other(inverted: bool) -> None:
    """Whatever the line means, writing a choice and reading it back gives the same choice."""
    line = a_line(inverted=inverted)

    for choice in (YES, NO):
        subscribed = subscription_from_choice(line, choice)
        assert choice_from_subscription(line, subscribed=subscribed) is choice
        assert subscribed is ((choice is YES) != inverted)


def test_a_list_keeps_what_nobody_changed() -> None:
    """Only the changed options are put in or out."""
    rebuilt = rebuilt_list(frozenset({"sport", "culture"}), {"sport": NO, "news": YES})

    assert rebuilt == ("culture", "news")


def test_an_event_of_ours_is_named_by_its_grounds() -> None:
    """The same grounds give the same id; another person, mapping or ground gives another."""
    basis = basis_of(["Newsletter denied", "event-1"])
    ann = own_event_id(Subject("brand-a", "ann"), basis)

    assert ann == own_event_id(Subject("brand-a", "ann"), basis)
    assert ann != own_event_id(Subject("brand-b", "ann"), basis)
    assert ann != own_event_id(Subject("brand-a", "ben"), basis)
    assert ann != own_event_id(Subject("brand-a", "ann"), basis_of(["Newsletter denied"]))


@pytest.mark.parametrize(
    ("attempts", "asked", "seconds"),
    [(1, None, 0.75), (2, None, 1.5), (5, None, 12), (50, None, 675), (1, 30, 30), (50, 30, 675)],
)
def test_waiting_doubles_is_spread_and_honours_a_wish(
    attempts: int, asked: float | None, seconds: float
) -> None:
    """Each failure doubles the wait up to 15 minutes; a longer wish of the platform counts."""
    due_at = next_attempt(
        RetryPolicy(),
        attempts=attempts,
        first_failed_at=0,
        now=0,
        fraction=0.5,
        retry_after_seconds=asked,
    )

    assert due_at == int(seconds * SECOND)


def test_after_three_days_it_is_given_up() -> None:
    """Seventy-two hours after the first failure there is no next attempt."""
    due_at = next_attempt(
        RetryPolicy(),
        attempts=9,
        first_failed_at=0,
        now=72 * HOUR,
        fraction=0.5,
        retry_after_seconds=None,
    )

    assert due_at is None
