"""The small memory of whose profile a number belongs to."""

from consent_sync.services.profiles import ProfileIndex


def test_a_profile_is_found_within_its_own_mapping() -> None:
    """Two tables may number their profiles alike."""
    index = ProfileIndex()
    index.remember("brand-a", "1042", "ann@example.com")

    assert index.find("brand-a", "1042") == "ann@example.com"
    assert index.find("brand-b", "1042") is None


def test_the_longest_unused_profile_is_forgotten_first() -> None:
    """Memory stays small; a miss only costs a question to the store or to Actito."""
    index = ProfileIndex(limit=2)
    index.remember("brand-a", "1", "ann@example.com")
    index.remember("brand-a", "2", "ben@example.com")
    index.find("brand-a", "1")
    index.remember("brand-a", "3", "cleo@example.com")

    found = [index.find("brand-a", number) for number in ("1", "2", "3")]
    assert found == ["ann@example.com", None, "cleo@example.com"]


def test_a_profile_that_changed_hands_belongs_to_its_new_person() -> None:
    """The key attribute of a profile may be edited."""
    index = ProfileIndex()
    index.remember("brand-a", "1042", "ann@example.com")
    index.remember("brand-a", "1042", "anna@example.com")

    assert index.find("brand-a", "1042") == "anna@example.com"
