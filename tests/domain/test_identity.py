"""Who a person is: two spellings, one key; and those who are still to be found."""

import hashlib

import pytest

from consent_sync.domain.identity import (
    Normalise,
    Subject,
    accounts_of_homeless,
    homeless,
    is_homeless,
    is_stand_in,
    person_from_actito_key,
    person_from_ouid,
    unresolved_person,
    unresolved_profile_id,
)

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


@pytest.mark.parametrize("accounts", [None, {""}, {"BRAND_A", "BRAND_B"}])
def test_events_without_a_mapping_wait_for_those_of_their_accounts(
    accounts: set[str] | None,
) -> None:
    """Whose they are is not forgotten, so that they never reach another organisation."""
    subject = homeless(accounts)

    assert is_homeless(subject)
    assert accounts_of_homeless(subject) == accounts


def test_a_stand_in_is_told_from_a_person() -> None:
    """No platform can name anybody in a way that looks like one."""
    stand_ins = [unresolved_person("1042"), homeless(None).person]

    assert all(is_stand_in(person) for person in stand_ins)
    assert not is_stand_in("homeless")
    assert not is_homeless(Subject("brand-a", unresolved_person("1042")))
