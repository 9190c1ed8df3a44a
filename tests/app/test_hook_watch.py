"""What the running service says about Actito's webhooks."""

from collections.abc import Sequence

import pytest
import structlog

from consent_sync.adapters.metrics import Metrics
from consent_sync.app.hook_watch import HookWatch
from consent_sync.domain.alerts import Trouble
from consent_sync.domain.errors import TemporaryError
from consent_sync.domain.hooks import NEEDED_EVENTS, WebhookRegistration
from consent_sync.domain.mapping import Mapping
from consent_sync.services.alert_conditions import Facts
from tests.doubles.mappings import a_mapping

MAPPING = a_mapping()
FACTS = Facts(now=0, status=None)


class Hooks:
    """What Actito would list, as the test says."""

    def __init__(self, *events: str) -> None:
        self.events = events
        self.away = False

    async def webhooks(self, mapping: Mapping) -> Sequence[WebhookRegistration]:
        """Return active webhooks with a secret for these events."""
        if self.away:
            raise TemporaryError("no answer")
        url = f"https://consent.example.com/webhooks/actito/{mapping.name}"
        headers = frozenset({"X-Webhook-Secret"})
        return [
            WebhookRegistration(event, event, url, (), headers, "BULK", True)
            for event in self.events
        ]


def watch(hooks: Hooks) -> tuple[HookWatch, Metrics]:
    metrics = Metrics("0")
    return HookWatch(hooks, "https://consent.example.com/", metrics), metrics


async def test_before_the_first_look_nothing_is_known() -> None:
    """Neither that all is well nor that it is not."""
    made, _ = watch(Hooks())

    assert made.condition(FACTS) is None


async def test_a_missing_webhook_is_counted_and_told_once() -> None:
    """In the metrics, to the alerts, and in the log until it changes."""
    made, metrics = watch(Hooks("CREATE"))
    with structlog.testing.capture_logs() as told:
        await made.look([MAPPING])
        await made.look([MAPPING])

    words = "no webhook for UPDATED_SUBSCRIPTION on this table ends in /webhooks/actito/brand-a"
    assert [(one["event"], one["why"]) for one in told] == [("actito_webhook_faulty", words)]
    assert made.condition(FACTS) == [Trouble("brand-a", words)]
    assert b'consent_sync_actito_webhooks_faulty{mapping="brand-a"} 1.0' in metrics.text()


async def test_a_repaired_webhook_is_told() -> None:
    """The log says that all is well again, and the alert ends."""
    hooks = Hooks()
    made, _ = watch(hooks)
    await made.look([MAPPING])
    hooks.events = NEEDED_EVENTS
    with structlog.testing.capture_logs() as told:
        await made.look([MAPPING])

    assert [one["event"] for one in told] == ["actito_webhook_fine"]
    assert made.condition(FACTS) == []


async def test_an_actito_that_is_away_changes_nothing() -> None:
    """What was known stays, and the reason is told once."""
    hooks = Hooks("CREATE")
    made, _ = watch(hooks)
    await made.look([MAPPING])
    hooks.away = True
    with structlog.testing.capture_logs() as told:
        await made.look([MAPPING])
        await made.look([MAPPING])

    assert [one["event"] for one in told] == ["actito_webhooks_unasked"]
    assert made.condition(FACTS) is not None


@pytest.mark.parametrize("mappings", [[], [a_mapping(enable_webhooks=False)]])
async def test_a_mapping_that_is_gone_is_forgotten(mappings: list[Mapping]) -> None:
    """So is one that wants no webhooks any more."""
    made, metrics = watch(Hooks())
    await made.look([MAPPING])
    await made.look(mappings)

    assert made.condition(FACTS) is None
    assert b"consent_sync_actito_webhooks_faulty{" not in metrics.text()
