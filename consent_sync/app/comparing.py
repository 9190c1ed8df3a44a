"""Puts a comparison together: what it looks with, at which pace, and where it notes how far it is."""

import dataclasses
from typing import Any, Final

from consent_sync.adapters.didomi.webhook import DidomiReceiver
from consent_sync.app.bootstrap import rules_of
from consent_sync.app.settings import Settings
from consent_sync.ports.clock import Clock
from consent_sync.ports.lists import ConsentLists, ProfileSource
from consent_sync.ports.store import Ledger
from consent_sync.services.comparison import Eyes
from consent_sync.services.patience import PatientLists, PatientProfiles

BESIDE: Final = 2
"""Calls to Actito at the same time: with the three of a running server that is all Actito allows."""


def sparing(settings: Settings, share: float) -> Settings:
    """Return the settings with this share of the calls to Actito, for use beside a server."""
    calls, at_once = _spared(settings, share)
    overrides: dict[str, dict[str, Any]] = {}
    for name, values in settings.overrides.items():
        own = _spared(settings.account(name), share)
        pace = {"actito_calls_per_minute": own[0], "actito_max_concurrency": own[1]}
        overrides[name] = {**values, **pace}
    return dataclasses.replace(
        settings,
        actito_calls_per_minute=calls,
        actito_max_concurrency=at_once,
        overrides=overrides,
    )


def _spared(settings: Settings, share: float) -> tuple[int, int]:
    calls, at_once = settings.actito_calls_per_minute, settings.actito_max_concurrency
    return (max(1, round(calls * share)), min(BESIDE, at_once)) if calls else (0, at_once)


def eyes_of(
    settings: Settings,
    ledger: Ledger,
    lists: ConsentLists,
    profiles: ProfileSource,
    clock: Clock,
    *,
    cheap: ProfileSource | None = None,
) -> Eyes:
    """Return what a comparison looks with; `cheap` is asked first where it is given."""
    patient = PatientProfiles(profiles, clock)
    return Eyes(
        lists=PatientLists(lists, clock),
        profiles=patient,
        cheap=patient if cheap is None else cheap,
        ledger=ledger,
        receiver=DidomiReceiver(),
        clock=clock,
        rules=rules_of(settings),
    )
