"""What the settings make of the domain's policies."""

import pytest

from consent_sync.app.policies import retry_of
from consent_sync.app.settings import Settings
from consent_sync.domain.moments import HOUR, MINUTE
from tests.services.people import NOON


@pytest.mark.parametrize(("hours", "first"), [("72", HOUR), ("0.5", 30 * MINUTE)])
def test_a_start_has_time_to_try_before_anything_is_given_up(hours: str, first: int) -> None:
    """An hour, or as long as anything is tried at all."""
    variables = {
        "CONSENT_SYNC_ACTITO_API_URL": "http://127.0.0.1:9",
        "CONSENT_SYNC_RETRY_GIVE_UP_HOURS": hours,
    }
    policy = retry_of(Settings.from_variables(variables), started_at=NOON)

    assert policy.not_before == NOON + first
