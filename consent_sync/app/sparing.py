"""The pace of a command that looks at everybody beside a running server."""

import dataclasses
from typing import Any, Final

from consent_sync.app.settings import Settings

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
