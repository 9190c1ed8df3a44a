"""The recorded deliveries of the simulated Actito, taken in and understood."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from consent_sync.adapters.actito.webhook import ActitoReceiver
from consent_sync.domain.events import ProfileHint
from consent_sync.domain.identity import Names

FOLDER = Path(__file__).parents[2] / "samples" / "actito"
SAMPLES = sorted(FOLDER.glob("webhook-*.json"))
RECEIVER = ActitoReceiver()


def deliveries(sample: Path) -> list[Any]:
    return list(orjson.loads(sample.read_bytes()).get("deliveries", []))


def hints(delivery: object) -> list[ProfileHint]:
    arrivals = RECEIVER.arrivals(orjson.dumps(delivery), "customerId")
    understood = [RECEIVER.understand(arrival.body, "customerId") for arrival in arrivals]
    return [hint for hint in understood if isinstance(hint, ProfileHint)]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.stem)
def test_every_delivery_is_a_hint(sample: Path) -> None:
    """Whatever the simulated platform posts names a profile and reads the same one by one."""
    for delivery in deliveries(sample):
        found = hints(delivery)

        assert found
        assert {hint.names.profile_id for hint in found} <= {"1001", "1002"}


@pytest.mark.parametrize("values", ["boolean", "digit_text", "number", "text", "upper_text"])
def test_the_encoding_of_values_makes_no_difference(values: str) -> None:
    """Texts, numbers and booleans mean the same choices."""
    plain, encoded = (
        [hint for delivery in deliveries(FOLDER / name) for hint in hints(delivery)]
        for name in (
            "webhook-subscription-values-text.json",
            f"webhook-subscription-values-{values}.json",
        )
    )

    assert [hint.subscriptions for hint in encoded] == [hint.subscriptions for hint in plain]
    assert all(hint.subscriptions for hint in encoded)


@pytest.mark.parametrize(
    ("shape", "choices"),
    [
        ("bare-bulk", [{"Newsletter": False}, {"SmsDeals": True}]),
        ("linked-bulk-array", [{"Newsletter": False}]),
        ("linked-bulk-data", [{"Newsletter": False}, {"DailyDeals": True}]),
        ("table-bulk-array", [{"Newsletter": False}, {"DailyDeals": True}, {"SmsDeals": True}]),
        ("table-bulk-data", [{"Newsletter": False}, {"DailyDeals": True}]),
    ],
)
def test_bulk_calls_say_every_change(shape: str, choices: list[dict[str, bool]]) -> None:
    """Each envelope of bulk calls is taken apart into the changes that were made."""
    sample = FOLDER / f"webhook-envelope-{shape}.json"
    found = [hint for delivery in deliveries(sample) for hint in hints(delivery)]

    assert found == [ProfileHint(Names(profile_id="1001"), choice) for choice in choices]
