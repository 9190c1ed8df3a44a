"""The hosted connector's underscore paths."""

import pytest

from consent_sync.adapters.mapping_files import Code
from consent_sync.adapters.mapping_files.paths import readings, selector_text
from consent_sync.domain.consent import Node
from tests.mapping_files.samples import lines, mapping, problem


@pytest.mark.parametrize(
    ("path", "node"),
    [
        ("consents_channels_email_enabled", Node(channel="email")),
        ("consents_purposes_newsletter_enabled", Node(purpose="newsletter")),
        ("consents_purposes_geolocation_data_enabled", Node(purpose="geolocation_data")),
        ("consents_purposes_preferences_enabled", Node(purpose="preferences")),
        ("consents_channels_a_channels_b_enabled", Node(channel="a_channels_b")),
    ],
)
def test_path_with_one_reading_is_accepted(path: str, node: Node) -> None:
    """Underscores inside an id do not matter while no other reading exists."""
    assert readings(path) == (node,)
    assert mapping(lines(f"  - id: A\n    value: {path}\n")).lines[0].node == node


def test_path_with_more_readings_is_refused_with_all_of_them_shown() -> None:
    """Who wrote the path knows which one is meant, and can copy it."""
    path = "consents_purposes_cookies_preferences_newsletter_channel_email_enabled"
    told = problem(lines(f"  - id: A\n    value: {path}\n"), Code.AMBIGUOUS_PATH)

    assert [selector_text(node) for node in readings(path)] == [
        "{purpose: cookies_preferences_newsletter_channel_email}",
        "{purpose: cookies_preferences_newsletter, channel: email}",
        "{purpose: cookies, preference: newsletter_channel_email}",
        "{purpose: cookies, preference: newsletter, channel: email}",
    ]
    assert all(selector_text(node) in told.found for node in readings(path))


def test_many_readings_are_cut_to_a_few() -> None:
    """A made-up path cannot fill the screen."""
    path = "consents_purposes" + "_preferences_a" * 9 + "_enabled"
    told = problem(lines(f"  - id: A\n    value: {path}\n"), Code.AMBIGUOUS_PATH)

    assert len(readings(path)) == 9
    assert told.found.count("{") == 4
    assert told.found.endswith("or more")


@pytest.mark.parametrize(
    ("path", "expected", "nearest"),
    [
        ("consents_preferences_newsletter_enabled", "the purpose too", ""),
        ("user_organization_user_id", "a path to a choice", ""),
        ("consents_purposes__enabled", "consents_channels_ID_enabled", ""),
        ("marketing", "consents_channels_ID_enabled", ""),
        ("consents_vendors_x_enabled", "consents_channels_ID_enabled", ""),
        ("consent_purpose_x_enable", "consents_channels_ID_enabled", "consents_purposes_x_enabled"),
        (
            "consents_channel_x_enabled",
            "consents_channels_ID_enabled",
            "consents_channels_x_enabled",
        ),
    ],
)
def test_text_that_is_no_path_is_refused(path: str, expected: str, nearest: str) -> None:
    """What is no path to a choice is answered with what was expected and the likely spelling."""
    told = problem(lines(f"  - id: A\n    value: {path}\n"), Code.PATH)

    assert told.expected.startswith(expected)
    assert told.nearest == nearest


def test_path_with_a_space_is_no_path() -> None:
    """An id of a path cannot hold a space."""
    assert readings("consents_purposes_a b_enabled") == ()
