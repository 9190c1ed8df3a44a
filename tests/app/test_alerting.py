"""Alerts in the application: what a look finds, and what it does where the store is away."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from consent_sync.app.application import Application
from consent_sync.app.bootstrap import build
from consent_sync.app.settings import Settings
from consent_sync.domain.alerts import Trouble
from consent_sync.domain.errors import StoreError
from consent_sync.services.alert_conditions import Facts
from consent_sync.services.sweep import note_sweep
from tests.doubles.clock import SettableClock


@pytest.fixture
async def application(tmp_path: Path) -> AsyncIterator[Application]:
    (tmp_path / "mappings").mkdir()
    variables = {
        "CONSENT_SYNC_DATABASE_URL": "sqlite:///:memory:",
        "CONSENT_SYNC_MAPPINGS_DIR": str(tmp_path / "mappings"),
        "CONSENT_SYNC_ACTITO_API_URL": "https://actito.example.com",
        "CONSENT_SYNC_ALERT_WEBHOOK_URLS": "http://127.0.0.1:1/closed",
        "CONSENT_SYNC_ALERT_WEBHOOK_SECRETS": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    }
    made = await build(Settings.from_variables(variables), clock=SettableClock())
    await made.store.open()
    yield made
    await made.store.close()
    await made.session.close()


@pytest.fixture
def told() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as entries:
        yield entries


def words(told: list[Any]) -> list[tuple[str, str]]:
    return [(one["event"], one.get("alert", "")) for one in told if "alert" in one["event"]]


async def test_drift_is_raised_and_cleared(application: Application, told: list[Any]) -> None:
    """A sweep notes what it came to, and the next look judges it; a closed receiver is told of."""
    await application.alerting.look()
    await note_sweep(application.store, 2)
    await application.alerting.look()
    await note_sweep(application.store, 0)
    await application.alerting.look()

    assert words(told) == [
        ("alert_raised", "drift_found"),
        ("alert_not_delivered", ""),
        ("alert_cleared", "drift_found"),
    ]
    assert b'{about="",alert="drift_found"} 0.0' in application.metrics.text()
    assert "127.0.0.1" not in str(told)


async def test_a_store_that_is_away_is_an_alert(application: Application, told: list[Any]) -> None:
    """It is raised without the store."""
    await application.alerting.look()
    await application.store.close()
    await application.alerting.look()
    await application.clock.sleep(90)
    await application.alerting.look()

    assert ("alert_raised", "store_down") in words(told)
    assert b'{about="",alert="store_down"} 1.0' in application.metrics.text()


async def test_a_stop_without_a_store_is_a_stop(application: Application, told: list[Any]) -> None:
    """The lease ends by itself."""
    application.alerting.begin()
    await application.store.close()
    application.alerting.watch.resign = _away  # type: ignore[method-assign] # what a lost connection does
    await application.alerting.stop()

    assert "alerts_not_resigned" in [one["event"] for one in told]


async def test_an_end_that_nobody_asked_for_is_loud(
    application: Application, told: list[Any]
) -> None:
    """A fault in a condition ends the alerts; the log says so, and the service goes on."""
    application.alerting.watch.conditions["faulty"] = _faulty
    application.alerting.begin()
    for _ in range(200):
        await asyncio.sleep(0.01)
        if any(one["event"] == "part_ended" for one in told):
            break
    await application.alerting.stop()

    assert [one["part"] for one in told if one["event"] == "part_ended"] == ["alerting"]


async def test_alerts_can_be_switched_off(application: Application) -> None:
    """Then nothing looks, and stopping has nothing to do."""
    application.alerting.every_seconds = 0
    application.alerting.begin()
    await application.alerting.stop()

    assert b"consent_sync_alert_raised{" not in application.metrics.text()


async def _away() -> None:
    raise StoreError("no connection")


def _faulty(_facts: Facts) -> list[Trouble]:
    raise RuntimeError
