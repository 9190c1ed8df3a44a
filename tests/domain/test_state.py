"""What is believed about somebody who was never heard of, and the times that are used by default."""

from consent_sync.domain.consent import Choice
from consent_sync.domain.desired import desired_choice
from consent_sync.domain.moments import HOUR, MINUTE, SECOND
from consent_sync.domain.rules import Rules
from consent_sync.domain.state import LineState, PersonState, Presence
from tests.doubles.mappings import a_line


def test_a_stranger_has_chosen_nothing_and_may_exist_anywhere() -> None:
    """Unknown is not missing, and none is not denied."""
    stranger = PersonState()

    assert (stranger.profile, stranger.user) == (Presence.UNKNOWN, Presence.UNKNOWN)
    assert desired_choice(a_line(), LineState(), Rules()).choice is Choice.NONE


def test_the_times_are_those_that_the_documents_name() -> None:
    """Five minutes until a yes is late, an hour for a webhook, two seconds for clocks, ten minutes."""
    rules = Rules()

    assert (rules.late_after, rules.webhook_max_delay) == (5 * MINUTE, HOUR)
    assert (rules.tolerance, rules.confirm_after) == (2 * SECOND, 10 * MINUTE)
